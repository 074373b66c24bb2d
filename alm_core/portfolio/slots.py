"""Where a range would be placed in a pool now, and what is held there, valued."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.math.orientation import price_at_sqrt_price_x96, range_bounds_at_ticks, ticks_for_range
from alm_core.model.market import PoolState, Position
from alm_core.model.signals import OptimizedRange
from alm_core.portfolio.costs import gas_lots
from alm_core.portfolio.placements import Outlook, Placement, pool_income_usd
from alm_core.portfolio.valuation import BaseQuoteUsd, Prices, position_usd
from alm_core.portfolio.yields import PoolYield
from alm_core.ranges.range import divergence


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

    @property
    def gas_lots(self) -> tuple[str, ...]:
        """Family of the pool, as often as opening here costs what was measured for it."""
        return gas_lots(self.state.pool, self.tick_lower, self.tick_upper)

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

    @property
    def gas_lots(self) -> tuple[str, ...]:
        """Family of the pool, as often as closing this costs what was measured for it."""
        return gas_lots(self.state.pool, self.position.tick_lower, self.position.tick_upper)

    def fits(self, rs_threshold: float) -> bool:
        """True where the position may stay as it is."""
        return self.in_range and self.divergence <= rs_threshold


def slot_of(state: PoolState, optimized: OptimizedRange, found: PoolYield) -> Slot:
    """Return a pool's slot; how much is wanted there is not yet known, and 0."""
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


def held_of(position: Position, slot: Slot, prices: Prices) -> Held:
    """Return a position in the pool of a slot, valued."""
    state = slot.state
    bounds = range_bounds_at_ticks(state.pool, position.tick_lower, position.tick_upper)
    usd = position_usd(state.pool, position, prices)
    return Held(
        position=position,
        state=state,
        usd=usd,
        placement=Placement(pool_id=position.pool_id, lower=bounds[0], upper=bounds[1], capital_usd=usd.total),
        in_range=position.tick_lower <= state.tick < position.tick_upper,
        divergence=divergence(bounds, slot.bounds),
    )
