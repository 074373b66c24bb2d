"""Placing the wallet's tokens: each target of a chain is a new position, or more liquidity in one that stays.

Where a pool says so, what was placed is staked at once, each before the next is placed.
"""

from collections.abc import Sequence

from alm_core.execution.calldata import approved_amount
from alm_core.execution.chain_state import WalletState
from alm_core.execution.parts import parts_of
from alm_core.execution.stage import NOTHING_IN_FLIGHT, Stage
from alm_core.execution.stakes import Stakes
from alm_core.execution.steps import MOST_GRANTS, SpendSteps, StepNumbers
from alm_core.execution.wallet_share import usable_amounts
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.ratio import TargetRange, split_amounts
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.decisions import Target
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import InvalidInput, LimitExceeded, PositionChanged
from alm_core.model.market import Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, UnsignedTransaction


class Placing:
    """Opens and adds of one plan on one chain, in the order of the plan. They share the wallet by their shares.

    A target that no single transaction can open is placed part by part, each as if it were a target of its own.
    """

    def __init__(self, stage: Stage, targets: Sequence[Target], steps: StepNumbers) -> None:
        self._stage = stage
        self._runner = stage.runner
        self._targets = tuple(part for target in targets for part in parts_of(target, stage))
        self._steps = steps
        self._stakes = Stakes(stage)

    @property
    def pool_ids(self) -> tuple[str, ...]:
        """Pools of the targets."""
        return tuple(target.pool_id for target in self._targets)

    def refuse_changed(self, state: WalletState) -> None:
        """Refuse a plan that adds to a position which is not what it was, unless that add was begun before."""
        for index, target in enumerate(self._targets):
            step_no = self._steps.place(index).spend()
            if target.token_id is not None and self._runner.find(target.pool_id, step_no, Action.ADD) is None:
                self._position(state, target)

    def run(self) -> None:
        """Place every target, or go on where an earlier run stopped."""
        for index, target in enumerate(self._targets):
            steps = self._steps.place(index)
            if not self._stage.done(target.pool_id, steps.spend(), _action(target)):
                self._place(index, target, steps)
            # Once a later target has begun, this one's rights are gone, and what is found is the later one's.
            if not self._runner.started_after(steps.last):
                self._take_back(target, steps)
            self._stake(target, steps)

    def common_pool(self, state: WalletState) -> Pool:
        """Return a pool that stands for the tokens of all targets.

        Raises
        ------
        InvalidInput
            If they do not share one pair of tokens.
        """
        pools = [state.pool(pool_id).pool for pool_id in self.pool_ids]
        if len({(pool.token0.address.lower(), pool.token1.address.lower()) for pool in pools}) != 1:
            raise InvalidInput(f"targets on chain {pools[0].chain_id} do not share one pair of tokens")
        return pools[0]

    def ranges(self, state: WalletState, first: int = 0) -> list[TargetRange]:
        """Ranges of the targets from the given one on, at the prices of their pools now."""
        return [
            TargetRange(
                sqrt_price_x96=state.pool(target.pool_id).sqrt_price_x96,
                sqrt_lower_x96=sqrt_price_x96_at_tick(target.tick_lower),
                sqrt_upper_x96=sqrt_price_x96_at_tick(target.tick_upper),
                share_frac=target.share_frac,
            )
            for target in self._targets[first:]
        ]

    def usable(self, state: WalletState, first: int = 0) -> tuple[int, int]:
        """Return what the targets from the given one on may use of the wallet: no more than their shares of NAV.

        Raises
        ------
        LimitExceeded
            If the NAV is unknown.
        """
        pool = self.common_pool(state)
        guard, tokens = self._stage.guard, (pool.token0.address.lower(), pool.token1.address.lower())
        nav_usd = guard.nav_usd()
        if nav_usd is None:
            raise LimitExceeded(f"placing on chain {self._stage.chain_id} refused: NAV unknown")
        return usable_amounts(
            state.balances[tokens[0]],
            state.balances[tokens[1]],
            self.ranges(state, first),
            sqrt_price_x96=sqrt_price_x96_from_price(pool, self._stage.plan.price),
            capital1=(nav_usd + self._stage.sent_usd()) / guard.token_usd[tokens[1]],
        )

    def _stake(self, target: Target, steps: SpendSteps) -> None:
        if target.token_id is None:
            self._stakes.stake_opened(target.pool_id, steps)
        else:
            self._stakes.stake(target.pool_id, target.token_id, steps)

    def _place(self, index: int, target: Target, steps: SpendSteps) -> None:
        if target.token_id is not None:
            self._stakes.take_back(target.pool_id, target.token_id, steps)
        amounts = self._stored_amounts(target, steps) or self._fresh_amounts(index, target, steps)
        try:
            self._runner.give(target.pool_id, steps, self._grants(target, amounts))
            self._spend(target, steps, amounts)
        except NOTHING_IN_FLIGHT:
            self._take_back(target, steps)
            raise

    def _stored_amounts(self, target: Target, steps: SpendSteps) -> tuple[int, int] | None:
        """Amounts of a target that an earlier run has stored with its approvals; ``None`` where there was none."""
        found = [self._runner.find(target.pool_id, steps.give(number), Action.APPROVE) for number in range(MOST_GRANTS)]
        stored = {intent.tx.to.lower(): intent.tx for intent in found if intent is not None}
        if not stored:
            return None
        pool = self._stage.pool(target.pool_id)
        approvals = [stored.get(token.address.lower()) for token in (pool.token0, pool.token1)]
        amount0, amount1 = (0 if tx is None else approved_amount(tx.data) for tx in approvals)
        return amount0, amount1

    def _fresh_amounts(self, index: int, target: Target, steps: SpendSteps) -> tuple[int, int]:
        """Share of the wallet that a target gets now, stored with the rights it needs."""
        state = self._stage.fresh(target.pool_id)
        pool = state.pool(target.pool_id).pool
        amounts = split_amounts(*self.usable(state, index), self.ranges(state, index))[0]
        ticks = target.tick_lower, target.tick_upper
        if not self._stage.view.adapter(pool).quote_liquidity(state.pool(target.pool_id), *ticks, *amounts).liquidity:
            raise InvalidInput(f"the wallet's share of target {target.pool_id}, {amounts}, buys no liquidity")
        grants = self._grants(target, amounts)
        self._runner.store([(target.pool_id, steps.give(number), grant.give) for number, grant in enumerate(grants)])
        return amounts

    def _grants(self, target: Target, amounts: tuple[int, int]) -> tuple[Grant, ...]:
        pool = self._stage.pool(target.pool_id)
        view = self._stage.view
        until = self._stage.rights_until()
        return view.adapter(pool).placing_grants(pool, view.wallet, *amounts, until)

    def _spend(self, target: Target, steps: SpendSteps, amounts: tuple[int, int]) -> None:
        state = self._stage.fresh(target.pool_id)

        def plan_tx() -> UnsignedTransaction:
            pool = state.pool(target.pool_id)
            adapter = self._stage.view.adapter(pool.pool)
            bounds = (self._stage.interval(pool), self._stage.view.wallet, self._stage.deadline_at(pool))
            if target.token_id is not None:
                return adapter.plan_add(pool, self._position(state, target), *amounts, *bounds)
            return adapter.plan_open(pool, target.tick_lower, target.tick_upper, *amounts, *bounds)

        self._runner.run(target.pool_id, steps.spend(), _action(target), plan_tx)

    def _position(self, state: WalletState, target: Target) -> Position:
        assert target.token_id is not None
        position = self._stage.position(state, target.pool_id, target.token_id)
        if (position.tick_lower, position.tick_upper) != (target.tick_lower, target.tick_upper):
            raise PositionChanged(
                f"position {target.token_id} in {target.pool_id} is at [{position.tick_lower}, {position.tick_upper}], "
                f"the plan adds at [{target.tick_lower}, {target.tick_upper}]"
            )
        return position

    def _take_back(self, target: Target, steps: SpendSteps) -> None:
        amounts = self._stored_amounts(target, steps)
        if amounts is not None:
            self._runner.take_back(target.pool_id, steps, self._grants(target, amounts))


def _action(target: Target) -> Action:
    return Action.OPEN if target.token_id is None else Action.ADD
