"""The way of a pool's price from its swaps, crossing by crossing: fees are where the contract paid them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alm_core.math.liquidity import amount0_delta, amount1_delta
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState, Position
from alm_core.simulation.fee_steps import FeeSteps

PIPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSwap:
    """A swap as its event tells it: price, tick and active liquidity after it, raw.

    ``fee_pips`` is the fee it paid, where the pool sets it anew; ``None`` takes that of the reading before.
    """

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityChange:
    """Liquidity that somebody added to a range, or removed from it where negative, raw."""

    tick_lower: int
    tick_upper: int
    liquidity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEvents:
    """What happened in a pool between two readings, all of it, in order.

    Parameters
    ----------
    events
        Swaps and changes of liquidity.
    net
        ``(tick, liquidityNet)`` of the initialised ticks at the first reading, at least those that the price crossed;
        ``None`` where nobody knows them: then what changed the liquidity of a swap, our own positions apart, is taken
        to lie in the middle of its way.
    """

    events: tuple[PoolSwap | LiquidityChange, ...]
    net: tuple[tuple[int, int], ...] | None = None


def steps_from_swaps(
    before: PoolState, after: PoolState, found: PoolEvents, edges: Sequence[int], recorded: Sequence[Position] = ()
) -> FeeSteps:
    r"""Return the steps of a pool's price between two readings of it.

    Parameters
    ----------
    before, after
        The readings.
    found
        All swaps in between.
    edges
        Ticks at which steps end besides initialised ones, ascending.
    recorded
        Positions of ours that were in the pool all the time: what is known of its ticks where ``found`` knows none.

    Notes
    -----
    Within a step of constant liquidity the contract charges :math:`\phi/(1-\phi)` of what moves the price
    (``SwapMath.computeSwapStep``), so fees are in the proportion of :math:`\Delta y = L \Delta\sqrt P` or
    :math:`\Delta x = L \Delta (1/\sqrt P)`. What the last step of a swap keeps beyond that is less than a unit of
    price. Pools of bins have other steps.

    Raises
    ------
    InvalidInput
        If the events do not lead from one reading to the other, or not over the liquidity that they tell.
    """
    walk = _Walk(before, found, edges, recorded)
    for event in found.events:
        if isinstance(event, PoolSwap):
            walk.swap(event)
        else:
            walk.change(event)
    if (walk.sqrt_price_x96, walk.tick, walk.liquidity) != (after.sqrt_price_x96, after.tick, after.liquidity):
        raise InvalidInput(
            f"events of pool {after.pool.pool_id} end at tick {walk.tick} with liquidity {walk.liquidity}, "
            f"block {after.block.number} has {after.tick} with {after.liquidity}"
        )
    return walk.steps


class _Walk:
    def __init__(
        self, before: PoolState, found: PoolEvents, edges: Sequence[int], recorded: Sequence[Position]
    ) -> None:
        self.sqrt_price_x96, self.tick, self.liquidity = before.sqrt_price_x96, before.tick, before.liquidity
        self.steps = FeeSteps(edges=tuple(edges))
        self._before = before
        self._all_known = found.net is not None
        self._net: dict[int, int] = dict(found.net or ())
        for one in () if self._all_known else recorded:
            self._add(one.tick_lower, one.tick_upper, one.liquidity)

    def change(self, event: LiquidityChange) -> None:
        self._add(event.tick_lower, event.tick_upper, event.liquidity)
        if event.tick_lower <= self.tick < event.tick_upper:
            self.liquidity += event.liquidity
            if self.liquidity < 0:
                raise InvalidInput(f"pool {self._before.pool.pool_id}: liquidity falls to {self.liquidity}")

    def swap(self, event: PoolSwap) -> None:
        down = event.sqrt_price_x96 < self.sqrt_price_x96
        fee_pips = self._before.fee_pips if event.fee_pips is None else event.fee_pips
        rate = fee_pips / (PIPS - fee_pips)
        net = self._crossed(event)
        low, high = sorted((self.tick, event.tick))
        stops = sorted({*net, *(tick for tick in self.steps.edges if low < tick <= high)}, reverse=down)
        place = bisect_right(self.steps.edges, self.tick)
        for stop in stops:
            self._step(sqrt_price_x96_at_tick(stop), place, rate, down=down)
            self.liquidity += -net.get(stop, 0) if down else net.get(stop, 0)
            place += (-1 if down else 1) * (stop in self.steps.edges)
        self._step(event.sqrt_price_x96, place, rate, down=down)
        self.tick = event.tick
        if self.liquidity != event.liquidity:
            raise InvalidInput(
                f"pool {self._before.pool.pool_id}: a swap to tick {event.tick} crosses to liquidity {self.liquidity}, "
                f"its event says {event.liquidity}"
            )

    def _add(self, tick_lower: int, tick_upper: int, liquidity: int) -> None:
        self._net[tick_lower] = self._net.get(tick_lower, 0) + liquidity
        self._net[tick_upper] = self._net.get(tick_upper, 0) - liquidity

    def _crossed(self, event: PoolSwap) -> Mapping[int, int]:
        """Change of liquidity at each tick on the way, upwards."""
        low, high = sorted((self.tick, event.tick))
        net = {tick: change for tick, change in self._net.items() if low < tick <= high}
        if self._all_known:
            return net
        upwards = event.liquidity - self.liquidity if event.tick >= self.tick else self.liquidity - event.liquidity
        missing = upwards - sum(net.values())
        if not missing:
            return net
        if low == high:
            # Somebody added or removed in between: at which price does not matter.
            self.liquidity = event.liquidity
            return net
        middle = (low + high + 1) // 2
        return net | {middle: net.get(middle, 0) + missing}

    def _step(self, to_x96: int, place: int, rate: float, *, down: bool) -> None:
        start = self.sqrt_price_x96
        self.sqrt_price_x96 = to_x96
        if self.liquidity <= 0 or start == to_x96:
            return
        moved = (amount0_delta if down else amount1_delta)(start, to_x96, self.liquidity, round_up=True) * rate
        self.steps.add(place, moved if down else 0.0, 0.0 if down else moved, self.liquidity)
