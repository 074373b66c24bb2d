"""Fee growth: the wrap-around of the counters must not show in what is owed."""

from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.fee_growth import fee_growth_inside, fees_owed, growth_delta
from alm_core.math.tick import Q128

counters = st.integers(0, (1 << 256) - 1)
growths = st.integers(0, 1 << 160)


@given(counters, growths)
def test_growth_is_seen_across_the_wrap(before: int, growth: int) -> None:
    assert growth_delta((before + growth) % (1 << 256), before) == growth


@given(counters, counters, counters, growths, st.integers(-100, 100))
def test_inside_growth_rises_only_while_the_price_is_inside(
    global_before: int, outside_lower: int, outside_upper: int, growth: int, tick: int
) -> None:
    global_after = (global_before + growth) % (1 << 256)
    before = fee_growth_inside(tick, -10, 10, global_before, outside_lower, outside_upper)
    after = fee_growth_inside(tick, -10, 10, global_after, outside_lower, outside_upper)
    assert growth_delta(after, before) == (growth if -10 <= tick < 10 else 0)


@given(counters, counters, growths, growths, growths)
def test_crossing_a_tick_loses_no_growth(start: int, outside: int, inside1: int, beyond: int, inside2: int) -> None:
    """Replay Tick.cross: flip ``outside`` at each crossing of the upper tick, add growth in between."""
    at_global, upper = start, outside
    first = fee_growth_inside(0, -10, 10, at_global, 0, upper)
    at_global = (at_global + inside1) % (1 << 256)
    upper = growth_delta(at_global, upper)
    at_global = (at_global + beyond) % (1 << 256)
    while_beyond = fee_growth_inside(15, -10, 10, at_global, 0, upper)
    assert growth_delta(while_beyond, first) == inside1
    upper = growth_delta(at_global, upper)
    at_global = (at_global + inside2) % (1 << 256)
    assert growth_delta(fee_growth_inside(0, -10, 10, at_global, 0, upper), first) == inside1 + inside2


@given(st.integers(0, 10**30), counters, growths, st.integers(0, 10**30))
def test_owed_fees_add_the_truncated_product(liquidity: int, last: int, growth: int, owed: int) -> None:
    now = (last + growth) % (1 << 256)
    assert fees_owed(liquidity, now, last, owed) == (owed + growth * liquidity // Q128) % Q128
