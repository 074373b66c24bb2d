"""A plan carried out on one chain on paper, step by step as the executor does: close, collect, send, swap, place.

A step that fails leaves what was done before it done, and nothing is lost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, Target
from alm_core.model.errors import InvalidInput, LimitExceeded, PositionChanged
from alm_core.model.market import Holdings, InTransit, MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.portfolio.costs import (
    APPROVALS_PER_SWAP,
    GAS_APPROVAL,
    GAS_ROUTING,
    gas_lots,
    gas_name,
    gas_units,
    gas_usd,
    move_cost,
)
from alm_core.portfolio.plan_limits import is_stable, price_deviation_frac, twap_deviation_frac
from alm_core.portfolio.valuation import Prices
from alm_core.simulation.paper_placing import PaperPlacing
from alm_core.simulation.paper_sending import Sent, sent_away
from alm_core.simulation.paper_wallet import PaperWallet

NO_BOUNDS = LimitsConfig(
    max_price_deviation_frac=math.inf,
    max_price_deviation_stable_frac=math.inf,
    max_twap_deviation_frac=math.inf,
    max_twap_deviation_stable_frac=math.inf,
    max_bridge_loss_frac=1.0,
    min_bridge_usd=0.0,
    min_swap_nav_frac=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainDone:
    """What a plan made of one chain.

    Parameters
    ----------
    holdings
        Afterwards.
    going
        What was sent to other chains, as it will arrive.
    gas_usd, bridge_usd
        Paid for gas, and kept by bridges.
    swap_usd, sold_usd
        What the swap lost against the independent price, and what it sold.
    problems
        Why not everything was done; empty where it was.
    """

    holdings: Holdings
    going: tuple[InTransit, ...]
    gas_usd: float
    swap_usd: float
    sold_usd: float
    bridge_usd: float
    problems: tuple[str, ...]


def done_on_chain(
    plan: AllocationPlan,
    held: Holdings,
    snapshot: MarketSnapshot,
    prices: Prices,
    limits: LimitsConfig = NO_BOUNDS,
    known_chains: Sequence[int] = (),
) -> ChainDone:
    """Return what carrying out a plan's part on one chain makes of what is held there.

    Parameters
    ----------
    plan
        It may be of an earlier moment than ``snapshot``.
    held
        What there is, marked at ``snapshot``.
    snapshot
        The market at execution, simulated positions in it. What its live quote covers is swapped at that, the rest in
        the cheapest pool of the same tokens.
    prices
        USD at execution.
    limits
        Bounds of live execution.
    known_chains
        Where capital may be sent.

    Notes
    -----
    Tokens of the pair that no target of the chain uses stay in the wallet, as live execution leaves them. A range that
    the price has left since the plan was made is placed as it is, in one token, unless the price guard refuses.
    """
    saga = _Saga(plan, PaperWallet(held, snapshot, prices), snapshot, prices, limits, known_chains)
    try:
        saga.refuse_changed()
        saga.run()
    except (InvalidInput, LimitExceeded, PositionChanged) as problem:
        saga.problems.append(f"chain {held.block.chain_id}: {problem}")
    return ChainDone(
        # Untouched holdings stay the very same, whatever order their balances had.
        holdings=saga.wallet.holdings() if saga.acted else held,
        going=tuple(saga.sent.going),
        gas_usd=saga.gas_usd(),
        swap_usd=saga.swap_usd,
        sold_usd=saga.sold_usd,
        bridge_usd=saga.sent.bridge_usd,
        problems=(*saga.problems, *saga.sent.problems),
    )


@dataclass
class _Saga:
    plan: AllocationPlan
    wallet: PaperWallet
    snapshot: MarketSnapshot
    prices: Prices
    limits: LimitsConfig
    known_chains: Sequence[int]
    sent: Sent = field(default_factory=Sent)
    problems: list[str] = field(default_factory=list[str])
    swap_usd: float = 0.0
    sold_usd: float = 0.0
    closed: list[str] = field(default_factory=list[str])
    collected: list[str] = field(default_factory=list[str])
    opened: list[str] = field(default_factory=list[str])
    added: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        chain_id = self.wallet.chain_id
        self.closes = [one for one in self.plan.closes if one.chain_id == chain_id]
        self.collects = [one for one in self.plan.collects if one.chain_id == chain_id]
        self.targets = [one for one in self.plan.opens if one.chain_id == chain_id]
        self.moves = [one for one in self.plan.moves if one.from_chain == chain_id]

    @property
    def acted(self) -> bool:
        """Whether anything was done."""
        return bool(self.closed or self.collected or self.opened or self.added or self.sold_usd or self.sent.going)

    def refuse_changed(self) -> None:
        """Refuse, before anything is done, what is not as it was planned for, and prices that the guard refuses."""
        for one in (*self.closes, *self.collects):
            self.wallet.position(one.pool_id, one.token_id)
        for target in self.targets:
            self._refuse_moved(target)
        if self.plan.decision.kind is not DecisionKind.EXIT:
            for pool_id in sorted({one.pool_id for one in (*self.closes, *self.collects, *self.targets)}):
                self._refuse_price(pool_id)

    def run(self) -> None:
        """Carry out every step."""
        for close in self.closes:
            gone = self.wallet.close(close.pool_id, close.token_id)
            self.closed += gas_lots(self._pool(close.pool_id), gone.tick_lower, gone.tick_upper)
        for collect in self.collects:
            self.wallet.collect(collect.pool_id, collect.token_id)
            self.collected.append(gas_name(self._pool(collect.pool_id)))
        self.sent = sent_away(self.wallet, self.moves, self.snapshot, self.limits, self.known_chains)
        if self.targets:
            self._place()

    def gas_usd(self) -> float:
        """Return what the gas of everything that was done costs, as recorded."""
        if not self.acted:
            return 0.0
        chain = self.snapshot.chain(self.wallet.chain_id)
        moved = move_cost(
            chain,
            (),
            self.prices,
            closed=self.closed,
            opened=self.opened,
            added=self.added,
            collected=self.collected,
            swapped_usd=0.0,
        )
        paid = moved.gas_usd + self.sent.gas_usd
        if not self.sold_usd:
            return paid
        units = max(gas_units(pool.family).swap for pool in self.wallet.pools)
        return paid + gas_usd(chain, units + GAS_ROUTING + APPROVALS_PER_SWAP * GAS_APPROVAL)

    def _place(self) -> None:
        placing = PaperPlacing(
            wallet=self.wallet,
            targets=self.targets,
            snapshot=self.snapshot,
            prices=self.prices,
            sent_usd=self.sent.usd,
        )
        self.sold_usd, self.swap_usd = placing.swap(self.limits.min_swap_nav_frac)
        for index, target in enumerate(self.targets):
            placing.place(index)
            pool = self._pool(target.pool_id)
            if target.token_id is None:
                self.opened += gas_lots(pool, target.tick_lower, target.tick_upper)
            else:
                self.added.append(gas_name(pool))

    def _pool(self, pool_id: str) -> Pool:
        return self.wallet.state(pool_id).pool

    def _refuse_moved(self, target: Target) -> None:
        if target.token_id is None:
            return
        found = self.wallet.position(target.pool_id, target.token_id)
        if (found.tick_lower, found.tick_upper) != (target.tick_lower, target.tick_upper):
            raise PositionChanged(
                f"position {target.token_id} in {target.pool_id} is at [{found.tick_lower}, {found.tick_upper}], "
                f"the plan adds at [{target.tick_lower}, {target.tick_upper}]"
            )

    def _refuse_price(self, pool_id: str) -> None:
        state, limits = self.wallet.state(pool_id), self.limits
        stable = is_stable(state)
        bound = limits.max_price_deviation_stable_frac if stable else limits.max_price_deviation_frac
        if (found := price_deviation_frac(state, self.plan.price)) > bound:
            raise LimitExceeded(f"{pool_id} is {found:.4%} off the plan's price, more than {bound:.4%}")
        bound = limits.max_twap_deviation_stable_frac if stable else limits.max_twap_deviation_frac
        if state.twap is not None and (found := twap_deviation_frac(state)) > bound:
            raise LimitExceeded(f"{pool_id} is {found:.4%} off its own mean, more than {bound:.4%}")
