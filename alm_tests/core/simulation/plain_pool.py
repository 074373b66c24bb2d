"""A plain pool in fractions: bands of liquidity, a price that swaps move, and what every band has earned."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import strategies as st

from alm_core.math.tick import Q96, Q128, sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.market import PoolState, Position
from alm_core.simulation.fee_swaps import PoolEvents, PoolSwap
from alm_tests.core.backtest.venue_market import NATIVE_USDC, Market

FEE = Fraction(500, 10**6)
UNIT = 10**21
WHOLE = 100_000

spans = st.tuples(st.integers(-60, 59), st.integers(1, 60), st.integers(1, 1000)).map(
    lambda drawn: (drawn[0] * 10, (drawn[0] + drawn[1]) * 10, drawn[2] * UNIT)
)
Band = tuple[int, int, int]


def position(number: int, band: Band) -> Position:
    return Position(
        pool_id="p",
        token_id=number,
        tick_lower=band[0],
        tick_upper=band[1],
        liquidity=band[2],
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )


@dataclass
class PlainPool:
    """Bands of liquidity, a price, and what each band has earned, as fractions."""

    bands: list[Band]
    root_x96: int
    fees: list[list[Fraction]]
    growth: list[Fraction]
    way: list[tuple[int, int, Fraction]] = field(default_factory=list[tuple[int, int, Fraction]])
    """Lower end, token and growth of every step; none crosses an end of a band."""

    def swap_to(self, target_x96: int) -> None:
        """Move the price band by band, as the contract does from tick to tick."""
        down = target_x96 < self.root_x96
        stops = sorted({sqrt_price_x96_at_tick(edge) for band in self.bands for edge in band[:2]}, reverse=down)
        inner = [one for one in stops if min(self.root_x96, target_x96) < one < max(self.root_x96, target_x96)]
        for stop in (*inner, target_x96):
            self._step(stop, down=down)

    def _step(self, to_x96: int, *, down: bool) -> None:
        low, high = sorted((self.root_x96, to_x96))
        active = [
            sqrt_price_x96_at_tick(lower) <= low and high <= sqrt_price_x96_at_tick(upper)
            for lower, upper, _ in self.bands
        ]
        total = sum(band[2] for band, inside in zip(self.bands, active, strict=True) if inside)
        self.root_x96 = to_x96
        if not total or low == high:
            return
        moved = Fraction(Q96 * (high - low), low * high) if down else Fraction(high - low, Q96)
        per_unit = moved * FEE / (1 - FEE)
        side = 0 if down else 1
        self.growth[side] += per_unit
        self.way.append((low, side, per_unit))
        for number, inside in enumerate(active):
            if inside:
                self.fees[number][side] += per_unit * self.bands[number][2]

    def grown_x128(self, side: int, below: int | None = None) -> int:
        """Growth, of all or below an end of a band, as a contract adds it up: every step is rounded down."""
        end = None if below is None else sqrt_price_x96_at_tick(below)
        return sum(int(grown * Q128) for low, of, grown in self.way if of == side and (end is None or low < end))

    def active(self, tick: int) -> int:
        return sum(liquidity for lower, upper, liquidity in self.bands if lower <= tick < upper)


def lived(bands: list[Band], ticks: list[int]) -> tuple[PlainPool, PoolState, PoolState, PoolEvents]:
    """A pool that swaps brought to the middle of each tick, one after the other."""
    start = middle_of(0)
    pool = PlainPool(bands, start, [[Fraction(0), Fraction(0)] for _ in bands], [Fraction(0), Fraction(0)])
    before = replace(Market().state(NATIVE_USDC), sqrt_price_x96=start, tick=0, liquidity=pool.active(0), fee_pips=500)
    swaps: list[PoolSwap] = []
    for tick in ticks:
        pool.swap_to(middle_of(tick))
        assert tick_at_sqrt_price_x96(pool.root_x96) == tick
        swaps.append(PoolSwap(sqrt_price_x96=pool.root_x96, tick=tick, liquidity=pool.active(tick)))
    net: dict[int, int] = {}
    for lower, upper, liquidity in bands:
        net[lower] = net.get(lower, 0) + liquidity
        net[upper] = net.get(upper, 0) - liquidity
    after = replace(before, sqrt_price_x96=pool.root_x96, tick=ticks[-1], liquidity=pool.active(ticks[-1]))
    return pool, before, after, PoolEvents(events=tuple(swaps), net=tuple(sorted(net.items())))


def middle_of(tick: int) -> int:
    return (sqrt_price_x96_at_tick(tick) + sqrt_price_x96_at_tick(tick + 1)) // 2


def growths(pool: PlainPool) -> tuple[int, int]:
    return int(pool.growth[0] * Q128), int(pool.growth[1] * Q128)
