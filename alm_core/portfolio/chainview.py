"""One chain as the decision sees it: what is held, what it earns, and where the capital should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.math.orientation import price_at_sqrt_price_x96, range_bounds_at_ticks, ticks_for_range
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import Target
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ChainState, Holdings, MarketSnapshot, PoolState, Position
from alm_core.model.signals import OptimizedRange
from alm_core.portfolio.costs import shift_cost
from alm_core.portfolio.placements import Outlook, Placement, pool_income_usd, vessel_of
from alm_core.portfolio.valuation import BaseQuoteUsd, Prices, idle_usd, position_usd
from alm_core.portfolio.waterfill import Fill, water_fill
from alm_core.portfolio.yields import PoolYield
from alm_core.ranges.range import divergence

MIN_TARGET_FRAC = 0.02
"""A smaller part of a chain's capital is not worth a position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A pool with the ticks at which our range would be placed there now."""

    state: PoolState
    price: float
    tick_lower: int
    tick_upper: int
    bounds: tuple[float, float]
    found: PoolYield
    wanted_usd: float

    def placement(self, capital_usd: float) -> Placement:
        """Capital at this slot's range."""
        return Placement(
            pool_id=self.state.pool.pool_id, lower=self.bounds[0], upper=self.bounds[1], capital_usd=capital_usd
        )

    def income_usd(self, held: Sequence[Placement], fresh: Sequence[Placement], outlook: Outlook) -> float:
        """Expected net income per year of placements in this pool."""
        return pool_income_usd(self.found, held, fresh, self.price, self.bounds, outlook)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position of ours, valued, and how far it lies from the range wanted in its pool."""

    position: Position
    state: PoolState
    usd: BaseQuoteUsd
    placement: Placement
    in_range: bool
    divergence: float

    def fits(self, rs_threshold: float) -> bool:
        """True where the position may stay as it is."""
        return self.in_range and self.divergence <= rs_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """Holdings and targets of one chain. Capital does not cross chains."""

    chain: ChainState
    prices: Prices
    outlook: Outlook
    idle: BaseQuoteUsd
    held: tuple[Held, ...]
    slots: Mapping[str, Slot]
    fill: Fill

    @property
    def nav_usd(self) -> float:
        """Idle balances and positions."""
        return self.idle.total + sum(held.usd.total for held in self.held)

    @property
    def states(self) -> tuple[PoolState, ...]:
        """Pools of the chain with liquidity."""
        return tuple(slot.state for slot in self.slots.values())

    def income_usd(self, held: Sequence[Placement], fresh: Sequence[Placement] = ()) -> float:
        """Expected net income per year of positions that stay and of those that would be placed now."""
        return sum(
            slot.income_usd(
                [place for place in held if place.pool_id == pool_id],
                [place for place in fresh if place.pool_id == pool_id],
                self.outlook,
            )
            for pool_id, slot in self.slots.items()
        )

    def targets(self) -> tuple[Target, ...]:
        """Where the capital of the chain should be, largest first."""
        wanted = [slot for slot in self.slots.values() if slot.wanted_usd > 0.0]
        wanted.sort(key=lambda slot: (-slot.wanted_usd, slot.state.pool.pool_id))
        return tuple(self.target_of(slot, slot.wanted_usd) for slot in wanted)

    def target_of(self, slot: Slot, capital_usd: float) -> Target:
        """An amount of capital in a slot, as a target."""
        placed = max(capital_usd, slot.wanted_usd)
        income = slot.income_usd((), [slot.placement(placed)], self.outlook)
        return Target(
            pool_id=slot.state.pool.pool_id,
            chain_id=self.chain.block.chain_id,
            share_frac=min(1.0, capital_usd / self.nav_usd),
            capital_usd=capital_usd,
            expected_apr=income / placed,
            tick_lower=slot.tick_lower,
            tick_upper=slot.tick_upper,
        )


def chain_view(
    snapshot: MarketSnapshot,
    holdings: Holdings,
    optimized: OptimizedRange,
    yields: Mapping[str, PoolYield],
    prices: Prices,
    outlook: Outlook,
    config: StrategyConfig,
) -> ChainView:
    """Return one chain's view, its targets water-filled with the capital held there.

    Raises
    ------
    InvalidInput
        If a balance is unknown, a position lies in a pool that was not read, or the fees of its pool are unknown.
    """
    chain_id = holdings.block.chain_id
    chain = _chain_state(snapshot, chain_id)
    states = {state.pool.pool_id: state for state in snapshot.pools if state.pool.chain_id == chain_id}
    pools = tuple(state.pool for state in states.values())
    idle = idle_usd(holdings, pools, prices)
    held = tuple(_held(position, states, optimized, prices) for position in holdings.positions)
    for entry in held:
        if entry.placement.pool_id not in yields:
            raise InvalidInput(f"fees of pool {entry.placement.pool_id}, which holds a position, are unknown")
    nav = idle.total + sum(entry.usd.total for entry in held)
    if nav > 0.0 and any(state.liquidity > 0 for state in states.values()):
        once = shift_cost(chain, tuple(states.values()), prices, nav)
        outlook = replace(outlook, shift_cost_frac=once.total_usd / nav)
    slots = [_slot(state, optimized, yields[pool_id]) for pool_id, state in sorted(states.items()) if pool_id in yields]
    cap = config.max_pool_share * nav
    vessels = [vessel_of(slot.found, slot.price, slot.bounds, outlook, cap) for slot in slots]
    fill = water_fill(vessels, nav, config.max_positions)
    return ChainView(
        chain=chain,
        prices=prices,
        outlook=outlook,
        idle=idle,
        held=held,
        slots={
            slot.state.pool.pool_id: replace(slot, wanted_usd=amount if amount >= MIN_TARGET_FRAC * nav else 0.0)
            for slot, amount in zip(slots, fill.amounts_usd, strict=True)
        },
        fill=fill,
    )


def _chain_state(snapshot: MarketSnapshot, chain_id: int) -> ChainState:
    try:
        return snapshot.chain(chain_id)
    except KeyError as missing:
        raise InvalidInput(f"gas price of chain {chain_id} was not read") from missing


def _slot(state: PoolState, optimized: OptimizedRange, found: PoolYield) -> Slot:
    lower, upper = ticks_for_range(state.pool, optimized.price_range)
    return Slot(
        state=state,
        price=price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96),
        tick_lower=lower,
        tick_upper=upper,
        bounds=range_bounds_at_ticks(state.pool, lower, upper),
        found=found,
        wanted_usd=0.0,
    )


def _held(position: Position, states: Mapping[str, PoolState], optimized: OptimizedRange, prices: Prices) -> Held:
    if position.pool_id not in states:
        raise InvalidInput(f"position {position.token_id} lies in pool {position.pool_id}, which was not read")
    state = states[position.pool_id]
    bounds = range_bounds_at_ticks(state.pool, position.tick_lower, position.tick_upper)
    usd = position_usd(state.pool, position, prices)
    wanted = range_bounds_at_ticks(state.pool, *ticks_for_range(state.pool, optimized.price_range))
    return Held(
        position=position,
        state=state,
        usd=usd,
        placement=Placement(pool_id=position.pool_id, lower=bounds[0], upper=bounds[1], capital_usd=usd.total),
        in_range=position.tick_lower <= state.tick < position.tick_upper,
        divergence=divergence(bounds, wanted),
    )
