"""Fees from growth below ticks, against a plain pool: random swaps over random ticks, read twice, not in between."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alm_core.math.tick import UINT256_MAX
from alm_core.model.candles import CandleSeries
from alm_core.model.market import Holdings, MarketSnapshot, PoolState, Position, TickGrowth
from alm_core.simulation.earning import NOTHING_KNOWN, Earnings, earnings_between
from alm_core.simulation.fee_swaps import PoolEvents
from alm_core.simulation.tick_growth import measured_cells
from alm_resources.history.payload import payload_of, value_from_payload
from alm_tests.core.backtest.venue_market import NATIVE_USDC, POLYGON, QUARTER, Market, wallet_on
from alm_tests.core.simulation.plain_pool import UNIT, WHOLE, Band, PlainPool, lived, position, spans

MARKET = Market(pools=(NATIVE_USDC,))
BACKGROUND = (-WHOLE, WHOLE, UNIT)
visited = st.lists(st.integers(-900, 900), min_size=1, max_size=8)
seeds = st.integers(0, 2**32)


@dataclass
class Counters:
    """What a contract stores of ticks: growth outside of each from an origin of its own, all modulo 2^256.

    ``pools`` are the same swaps up to both readings, with ``bands`` there all the time.
    """

    bands: list[Band]
    random: Random

    def __post_init__(self) -> None:
        # Close to the end, so that some counters wrap around.
        self.start = [self.random.choice((0, UINT256_MAX - self.random.randrange(2**100))) for _ in range(2)]
        self.origins: dict[int, list[int]] = {}

    def read(self, pool: PlainPool, state: PoolState, number: int) -> PoolState:
        """The state with growth of all and of every tick that bands begin or end at."""
        ticks = sorted({tick for band in self.bands for tick in band[:2]})
        total = [pool.grown_x128(side) for side in (0, 1)]
        return replace(
            state,
            fee_growth_global0_x128=self.start[0] + total[0] & UINT256_MAX,
            fee_growth_global1_x128=self.start[1] + total[1] & UINT256_MAX,
            block=replace(state.block, number=state.block.number + number),
            ticks=tuple(self._tick(pool, state, tick, total) for tick in ticks),
        )

    def _tick(self, pool: PlainPool, state: PoolState, tick: int, total: list[int]) -> TickGrowth:
        origin = self.origins.setdefault(tick, [self.random.randrange(2**256) for _ in range(2)])
        outside: list[int] = []
        for side in (0, 1):
            below = pool.grown_x128(side, tick) + origin[side]
            outside.append((below if tick <= state.tick else self.start[side] + total[side] - below) & UINT256_MAX)
        gross = sum(band[2] for band in self.bands for edge in band[:2] if edge == tick)
        return TickGrowth(
            tick=tick, liquidity_gross=gross, growth0_outside_x128=outside[0], growth1_outside_x128=outside[1]
        )


def readings(
    bands: list[Band], ticks: list[int], more: list[int], seed: int
) -> tuple[PoolState, PoolState, PoolEvents]:
    """A pool read after swaps to ``ticks`` and after those to ``more``, and what happened in between."""
    counters = Counters(bands, Random(seed))
    first, _, middle, _ = lived(bands, ticks)
    last, _, end, events = lived(bands, [*ticks, *more])
    before, after = counters.read(first, middle, 0), counters.read(last, end, 1)
    return before, after, replace(events, events=events.events[len(ticks) :])


def ours(number: int, band: Band) -> Position:
    return replace(position(number, band), pool_id=NATIVE_USDC.pool_id)


def snapshot(state: PoolState, number: int, positions: Sequence[Position]) -> MarketSnapshot:
    market = replace(MARKET, at=MARKET.at + number * QUARTER)
    return replace(market.snapshot(), pools=(state,), holdings=(wallet(positions),))


def wallet(positions: Sequence[Position]) -> Holdings:
    return replace(wallet_on(MARKET, POLYGON, 0.0, 0.0), positions=tuple(positions))


def earned(
    held: Sequence[Position],
    before: PoolState,
    after: PoolState,
    recorded: Sequence[Position],
    events: PoolEvents | None = None,
    earlier: Sequence[Position] | None = None,
) -> Earnings:
    after = replace(after, block=replace(after.block, block_at=before.block.block_at + timedelta(minutes=15)))
    return earnings_between(
        (wallet(held),),
        snapshot(before, 0, recorded if earlier is None else earlier),
        snapshot(after, 1, recorded),
        CandleSeries.empty(),
        MARKET.prices,
        NOTHING_KNOWN if events is None else {NATIVE_USDC.pool_id: events},
    )


def same(found: Earnings, exact: Earnings) -> bool:
    """Fees to a millionth of a millionth: each cell's growth is truncated once, each share has 62 bits."""
    for key, one in exact.positions.items():
        got = found.positions[key]
        assert got.fees0 == pytest.approx(one.fees0, rel=1e-12, abs=2)
        assert got.fees1 == pytest.approx(one.fees1, rel=1e-12, abs=2)
    return found.problems == exact.problems == []


@settings(max_examples=80, deadline=None)
@given(
    mine=st.lists(spans, min_size=1, max_size=4),
    theirs=st.lists(spans, max_size=4),
    ticks=visited,
    more=visited,
    seed=seeds,
)
def test_ranges_between_initialised_ticks_earn_what_all_swaps_tell(
    mine: list[Band], theirs: list[Band], ticks: list[int], more: list[int], seed: int
) -> None:
    before, after, events = readings([*mine, *theirs, BACKGROUND], ticks, more, seed)
    positions = [ours(number, band) for number, band in enumerate(mine)]
    found = earned(positions, before, after, positions)
    assert same(found, earned(positions, before, after, positions, events))
    assert found.growths_x128 == earned([], before, after, []).growths_x128


@settings(max_examples=80, deadline=None)
@given(mine=st.lists(spans, min_size=1, max_size=4), kept=seeds, ticks=visited, more=visited, seed=seeds)
def test_positions_in_place_of_others_share_what_was_paid_in_their_cells(
    mine: list[Band], kept: int, ticks: list[int], more: list[int], seed: int
) -> None:
    """Recorded liquidity of ours is taken out, the rest of the pool is the same everywhere."""
    before, after, events = readings([*mine, BACKGROUND], ticks, more, seed)
    recorded = [ours(number, band) for number, band in enumerate(mine)]
    random = Random(kept)
    held = [replace(one, liquidity=random.randint(1, 3 * one.liquidity), token_id=9 + one.token_id) for one in recorded]
    found, exact = earned(held, before, after, recorded), earned(held, before, after, recorded, events)
    assert same(found, exact)
    for side in (0, 1):
        growths = [one.growths_x128[NATIVE_USDC.pool_id][side] for one in (found, exact)]
        assert growths[0] == pytest.approx(growths[1], rel=1e-12)


@settings(max_examples=80, deadline=None)
@given(bands=st.lists(spans, max_size=5), ticks=visited, more=visited, seed=seeds, spoilt=st.integers(0, 4))
def test_cells_are_the_growth_of_all_whatever_ticks_are_recorded(
    bands: list[Band], ticks: list[int], more: list[int], seed: int, spoilt: int
) -> None:
    """Some ticks only one reading has, some were given up and initialised anew: their counters tell nothing."""
    before, after, _ = readings([*bands, BACKGROUND], ticks, more, seed)
    random = Random(seed)
    lost = {one.tick for one in random.sample(before.ticks, min(spoilt, len(before.ticks)))}
    wrong = random.sample(after.ticks, min(spoilt, len(after.ticks)))
    renewed = [
        replace(one, growth0_outside_x128=random.randrange(2**256)) if one in wrong else one for one in after.ticks
    ]
    before = replace(before, ticks=tuple(one for one in before.ticks if one.tick not in lost))
    growths = earned([], before, after, []).growths_x128[NATIVE_USDC.pool_id]
    cells = measured_cells(before, replace(after, ticks=tuple(renewed)), growths, [], [], ())
    assert (sum(cells.grown0_x128), sum(cells.grown1_x128)) == growths
    assert min(*cells.grown0_x128, *cells.grown1_x128) >= 0
    assert set(cells.ticks).isdisjoint(lost)
    if not lost and not wrong:
        assert cells.ticks == tuple(one.tick for one in before.ticks)


@settings(max_examples=60, deadline=None)
@given(
    band=spans, others=st.lists(spans, max_size=4), at=st.floats(0.05, 0.95), ticks=visited, more=visited, seed=seeds
)
@example(band=(-200, 20, UNIT), others=[], at=0.5, ticks=[0], more=[-800, 0], seed=0)
def test_parts_of_a_range_that_ends_within_a_cell_add_up_to_the_range(
    band: Band, others: list[Band], at: float, ticks: list[int], more: list[int], seed: int
) -> None:
    lower, upper, liquidity = band
    middle = lower + max(1, round((upper - lower) * at))
    before, after, events = readings([*others, band, BACKGROUND], ticks, more, seed)
    parts = [ours(1, (lower, middle, liquidity)), ours(2, (middle, upper, liquidity))]
    found = earned(parts, before, after, [ours(0, band)])
    (whole,) = earned([ours(0, band)], before, after, [ours(0, band)], events).positions.values()
    for name in ("fees0", "fees1"):
        both = sum(getattr(one, name) for one in found.positions.values())
        assert both == pytest.approx(getattr(whole, name), rel=1e-9, abs=4)


def test_a_range_opened_at_ticks_of_its_own_earns_since_then_and_one_that_others_opened_is_no_boundary() -> None:
    """At its ticks all growth so far counts as below, on whichever side of them the price is."""
    band = (-200, 300, UNIT)
    before, after, events = readings([band, BACKGROUND], [50], [-500, 700, 100], 3)
    before = replace(before, ticks=())
    now = {one.tick: one for one in after.ticks}
    opened = tuple(
        replace(now[tick], growth0_outside_x128=outside[0], growth1_outside_x128=outside[1])
        for tick, outside in since(before, after, now, band)
    )
    after = replace(after, ticks=opened)
    mine = [ours(1, band)]
    found, exact = (earned(mine, before, after, mine, one, earlier=[]) for one in (None, events))
    assert same(found, exact)
    growths = exact.growths_x128[NATIVE_USDC.pool_id]
    assert measured_cells(before, after, growths, [], mine, ()).ticks == (-200, 300)
    assert measured_cells(before, after, growths, [], [], ()).ticks == ()
    larger = [replace(one, liquidity=one.liquidity // 2) for one in mine]
    assert measured_cells(before, after, growths, [], larger, ()).ticks == (), "others began there too, who knows when"


def test_ticks_that_were_given_up_and_taken_again_are_measured_from_then() -> None:
    band = (-200, 300, UNIT)
    before, after, events = readings([band, BACKGROUND], [500, -400, 50], [-500, 700, 100], 3)
    old = before.ticks
    now = {one.tick: one for one in after.ticks}
    anew = tuple(
        replace(now[tick], growth0_outside_x128=outside[0], growth1_outside_x128=outside[1])
        for tick, outside in since(before, after, now, band)
    )
    after = replace(after, ticks=anew)
    closed, mine = [ours(1, band)], [ours(2, band)]
    found, exact = (earned(mine, before, after, mine, one, earlier=closed) for one in (None, events))
    assert same(found, exact)
    assert [one.tick for one in old] == [-WHOLE, -200, 300, WHOLE]


def since(
    before: PoolState, after: PoolState, now: dict[int, TickGrowth], band: Band
) -> list[tuple[int, tuple[int, int]]]:
    """Growth outside of a band's ticks if they are initialised at the first reading (``Tick.update`` of v3-core)."""
    was = measured_from(before, after, now)
    found: list[tuple[int, tuple[int, int]]] = []
    for tick in band[:2]:
        sides: list[int] = []
        for side in (0, 1):
            start, end = (globals_of(state)[side] for state in (before, after))
            below = start + was[tick][side]
            sides.append((below if tick <= after.tick else end - below) & UINT256_MAX)
        found.append((tick, (sides[0], sides[1])))
    return found


def measured_from(before: PoolState, after: PoolState, now: dict[int, TickGrowth]) -> dict[int, tuple[int, int]]:
    """Growth below ticks since the first reading: swaps there and back through all of a pool of one band."""
    pool, _, _, _ = lived([(-200, 300, UNIT), BACKGROUND], [50])
    end, _, _, _ = lived([(-200, 300, UNIT), BACKGROUND], [50, -500, 700, 100])
    return {
        tick: (
            end.grown_x128(0, tick) - pool.grown_x128(0, tick),
            end.grown_x128(1, tick) - pool.grown_x128(1, tick),
        )
        for tick in now
    }


def globals_of(state: PoolState) -> tuple[int, int]:
    return state.fee_growth_global0_x128 or 0, state.fee_growth_global1_x128 or 0


def test_a_state_that_was_recorded_before_ticks_were_has_none() -> None:
    before, _, _ = readings([BACKGROUND], [10], [20], 1)
    assert value_from_payload(PoolState, payload_of(before), "history") == before
    old = json.loads(payload_of(before))
    assert len(old.pop("ticks")) == 2
    assert value_from_payload(PoolState, json.dumps(old), "history") == replace(before, ticks=())
