"""What the steps of one plan on one chain share: fresh reads, what is done already, positions as planned."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from alm_core.execution.chain_state import ChainView, WalletState
from alm_core.execution.guard import ChainGuard
from alm_core.execution.runner import StepRunner
from alm_core.math.liquidity import price_interval
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.errors import (
    InvalidInput,
    LimitExceeded,
    PositionChanged,
    SourceError,
    TransactionReverted,
    TransactionWouldRevert,
)
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, IntentState
from alm_core.portfolio.plan_limits import is_stable

NOTHING_IN_FLIGHT = (
    *(TransactionReverted, TransactionWouldRevert, LimitExceeded, SourceError),
    *(PositionChanged, InvalidInput),
)
"""After these nothing of a step can land any more: its allowances may be reset at once.

Should something of the wallet be in flight all the same, the journal gives no nonce for the reset.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One plan on one chain.

    Parameters
    ----------
    runner, guard
        Carry steps out, and let them through.
    plan, snapshot
        What is done, and what was seen when it was planned.
    limits
        Bounds of the choke point.
    """

    runner: StepRunner
    guard: ChainGuard
    plan: AllocationPlan
    snapshot: MarketSnapshot
    limits: LimitsConfig

    @property
    def view(self) -> ChainView:
        """Reads of the wallet."""
        return self.runner.view

    @property
    def chain_id(self) -> int:
        """Of the chain this is about."""
        return self.view.chain.chain_id

    def pool(self, pool_id: str) -> Pool:
        """Pool of the registry; ``KeyError`` if the chain has none of that id."""
        for pool in self.view.pools:
            if pool.pool_id == pool_id:
                return pool
        raise KeyError(f"pool {pool_id} is not one of chain {self.chain_id}")

    def fresh(self, *pool_ids: str) -> WalletState:
        """Read the wallet anew, and let the guard judge the next step by it and by these pools."""
        state = self.view.read_wallet()
        self.guard.see(state, pool_ids)
        return state

    def done(self, slot: str, step_no: int, action: Action) -> bool:
        """True if a step has succeeded before."""
        intent = self.runner.find(slot, step_no, action)
        return intent is not None and intent.state is IntentState.FINAL_OK

    def sent_amounts(self) -> dict[str, int]:
        """Raw amounts that this plan has sent to other chains from this one, by lower-case token."""
        sent: dict[str, int] = {}
        for intent in self.runner.begun():
            if intent.tx.action is Action.BRIDGE and intent.state is IntentState.FINAL_OK:
                for bound in intent.tx.bounds:
                    sent[bound.token.lower()] = sent.get(bound.token.lower(), 0) - min(bound.min_delta, 0)
        return sent

    def sent_usd(self) -> float:
        """Value of :meth:`sent_amounts`: shares of the plan are of the capital before anything was sent."""
        return sum(amount * self.guard.token_usd.get(token, 0.0) for token, amount in self.sent_amounts().items())

    def interval(self, pool: PoolState) -> PriceInterval:
        """Prices around the pool's own within which a step must still succeed."""
        stable = is_stable(pool)
        half_width = self.limits.price_interval_stable_frac if stable else self.limits.price_interval_frac
        return price_interval(pool.sqrt_price_x96, half_width)

    def deadline_at(self, pool: PoolState) -> datetime:
        """Return the moment after which a step planned now must not land."""
        return pool.block.block_at + timedelta(seconds=self.limits.deadline_on_s(self.chain_id))

    def rights_until(self) -> datetime:
        """Return when rights that can end by themselves do: one epoch after the plan's own, in which it must begin."""
        return self.plan.epoch_at + 2 * EPOCH_LENGTH

    def position(
        self,
        state: WalletState,
        pool_id: str,
        token_id: int,
        *,
        may_have_grown: bool = False,
        may_have_shrunk: bool = False,
    ) -> Position:
        """Return a position of ours as it is now, if it is the one the plan was made for.

        Parameters
        ----------
        state
            Fresh read.
        pool_id, token_id
            Which position.
        may_have_grown
            Whether more liquidity than planned is accepted. Anybody may add to anybody's position: that must not keep
            us from collecting or leaving.
        may_have_shrunk
            Whether a part of it has been closed by this plan already.

        Raises
        ------
        PositionChanged
            If it is not ours (any more), or its stake is not the planned one.
        """
        now = state.position(pool_id, token_id)
        planned = [
            position.stake
            for holdings in self.snapshot.holdings
            for position in holdings.positions
            if (position.pool_id, position.token_id) == (pool_id, token_id)
        ]
        if now is not None and len(planned) == 1:
            grown = now.stake - planned[0]
            if grown == 0 or (may_have_grown and grown > 0) or (may_have_shrunk and grown < 0):
                return now
        found = "is gone" if now is None else f"has a stake of {now.stake}"
        raise PositionChanged(f"position {token_id} in {pool_id} {found}, the plan was made for {planned}")
