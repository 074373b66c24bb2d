"""Fees from swaps against a plain pool in fractions: every position gets its part of every bit of the price's way."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.math.tick import Q128, sqrt_price_x96_at_tick
from alm_core.model.errors import InvalidInput
from alm_core.simulation.fee_steps import edges_of, shared_fees
from alm_core.simulation.fee_swaps import LiquidityChange, PoolEvents, PoolSwap, steps_from_swaps
from alm_tests.core.simulation.plain_pool import UNIT, WHOLE, Band, growths, lived, middle_of, position, spans


@settings(max_examples=80, deadline=None)
@given(
    mine=st.lists(spans, min_size=1, max_size=4),
    theirs=st.lists(spans, max_size=4),
    ticks=st.lists(st.integers(-900, 900), min_size=1, max_size=8),
)
def test_every_position_gets_what_a_plain_pool_pays_it(mine: list[Band], theirs: list[Band], ticks: list[int]) -> None:
    bands = [*mine, *theirs, (-WHOLE, WHOLE, UNIT)]
    pool, before, after, events = lived(bands, ticks)
    positions = [position(number, band) for number, band in enumerate(mine)]
    steps = steps_from_swaps(before, after, events, edges_of(positions))
    shared = shared_fees(steps, growths(pool), positions, positions)
    for got, real in zip(shared.fees, pool.fees, strict=False):
        assert got[0] == pytest.approx(float(real[0]), rel=1e-9, abs=2)
        assert got[1] == pytest.approx(float(real[1]), rel=1e-9, abs=2)
    assert (shared.growth0_x128, shared.growth1_x128) == growths(pool)


@settings(max_examples=80, deadline=None)
@given(
    mine=st.lists(spans, min_size=1, max_size=4),
    theirs=st.lists(spans, max_size=4),
    ticks=st.lists(st.integers(-900, 900), min_size=1, max_size=8),
)
def test_positions_that_were_not_there_share_the_fees_that_were_paid(
    mine: list[Band], theirs: list[Band], ticks: list[int]
) -> None:
    """What was swapped stays as it was: all that is paid is paid to somebody, us or others."""
    others = [*theirs, (-WHOLE, WHOLE, UNIT)]
    pool, before, after, events = lived(others, ticks)
    positions = [position(number, band) for number, band in enumerate(mine)]
    steps = steps_from_swaps(before, after, events, edges_of(positions))
    shared = shared_fees(steps, growths(pool), (), positions)
    for side in (0, 1):
        ours = sum(fees[side] for fees in shared.fees)
        paid = float(sum(fees[side] for fees in pool.fees))
        assert ours <= paid * (1 + 1e-9) + 2
        simulated = (shared.growth0_x128, shared.growth1_x128)[side]
        assert simulated <= growths(pool)[side]
        # What the whole range has left of the fees, and ours together with that of the others' bands.
        assert ours + simulated * UNIT / Q128 <= paid * (1 + 1e-9) + 2


def test_liquidity_that_comes_on_the_way_shares_from_then_on() -> None:
    band = (-100, 100, UNIT)
    _, before, _, _ = lived([(-WHOLE, WHOLE, UNIT), band], [50])
    more = LiquidityChange(tick_lower=-100, tick_upper=100, liquidity=2 * UNIT)
    swaps = [
        PoolSwap(sqrt_price_x96=middle_of(50), tick=50, liquidity=2 * UNIT),
        PoolSwap(sqrt_price_x96=middle_of(0), tick=0, liquidity=4 * UNIT),
    ]
    found = PoolEvents(events=(swaps[0], more, swaps[1]), net=((-100, UNIT), (100, -UNIT)))
    after = replace(before, liquidity=4 * UNIT)
    steps = steps_from_swaps(before, after, found, ())
    assert steps.liquidity == [2 * UNIT, 4 * UNIT]
    gone = replace(more, liquidity=-3 * UNIT)
    with pytest.raises(InvalidInput, match="liquidity falls to"):
        steps_from_swaps(before, after, replace(found, events=(gone, *swaps)), ())


def test_a_swap_that_ends_on_a_tick_has_crossed_it_downwards_and_upwards() -> None:
    """The contract crosses a tick that a swap stops at exactly; only the event's tick tells."""
    at = sqrt_price_x96_at_tick(-100)
    bands = [(-WHOLE, WHOLE, UNIT), (-100, 100, UNIT)]
    _, before, _, events = lived(bands, [0])
    ways = (
        PoolSwap(sqrt_price_x96=at, tick=-101, liquidity=UNIT),
        PoolSwap(sqrt_price_x96=middle_of(-150), tick=-150, liquidity=UNIT),
        PoolSwap(sqrt_price_x96=at, tick=-100, liquidity=2 * UNIT),
        PoolSwap(sqrt_price_x96=middle_of(0), tick=0, liquidity=2 * UNIT),
    )
    after = replace(before, sqrt_price_x96=ways[-1].sqrt_price_x96)
    steps = steps_from_swaps(before, after, replace(events, events=ways), (-100, 100))
    assert steps.liquidity == [2 * UNIT, UNIT, UNIT, 2 * UNIT]
    assert steps.places == [1, 0, 0, 1]


def test_events_that_contradict_each_other_are_refused() -> None:
    _, before, after, events = lived([(-WHOLE, WHOLE, UNIT), (-100, 100, UNIT)], [150])
    (swap,) = (one for one in events.events if isinstance(one, PoolSwap))
    wrong = replace(events, events=(replace(swap, liquidity=5 * UNIT),))
    with pytest.raises(InvalidInput, match="crosses to liquidity"):
        steps_from_swaps(before, after, wrong, ())
    with pytest.raises(InvalidInput, match="end at tick 0"):
        steps_from_swaps(before, after, replace(events, events=()), ())


def test_of_unknown_ticks_our_own_are_known_and_the_rest_lies_in_the_middle() -> None:
    bands = [(-WHOLE, WHOLE, UNIT), (-100, 100, UNIT), (-100, 140, UNIT)]
    _, before, after, events = lived(bands, [160])
    ours = [position(1, bands[1])]
    steps = steps_from_swaps(before, after, replace(events, net=None), (-100, 100), ours)
    assert steps.liquidity == [3 * UNIT, 2 * UNIT, UNIT]
    assert steps.places == [1, 1, 2]


def test_a_dearer_swap_pays_more_for_the_same_way() -> None:
    _, before, after, _ = lived([(-WHOLE, WHOLE, UNIT)], [0])
    there = PoolSwap(sqrt_price_x96=middle_of(50), tick=50, liquidity=UNIT, fee_pips=500)
    again = replace(there, fee_pips=3000)
    back = PoolSwap(sqrt_price_x96=middle_of(0), tick=0, liquidity=UNIT, fee_pips=500)
    steps = steps_from_swaps(before, after, PoolEvents(events=(there, back, again, back), net=()), ())
    assert steps.fees1[2] / steps.fees1[0] == pytest.approx((3000 / 997_000) / (500 / 999_500))
