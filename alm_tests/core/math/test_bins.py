"""Bins: prices, shares, ranges of ticks over them, amounts spread over them."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.bin_ranges import (
    bin_of_place,
    edge_at_or_above,
    edge_at_or_below,
    edge_tick,
    place_at_tick,
    place_of_bin,
    places_of_range,
    ticks_of_places,
)
from alm_core.math.bin_shares import (
    FeeParameters,
    amounts_for_shares,
    bin_liquidity,
    composition_fees,
    fee_at,
    most_fee,
    shares_for_amounts,
)
from alm_core.math.bin_spread import liquidity_of_bin, spread_over_bins
from alm_core.math.bins import BASIS_POINTS, ID_SHIFT, MAX_ID, bin_at_price, price_at_bin, sqrt_price_x128
from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.orientation import (
    range_bounds_at_ticks,
    ticks_for_range,
    usable_tick_at_or_above,
    usable_tick_at_or_below,
)
from alm_core.math.tick import MAX_TICK, MIN_TICK, Q128, sqrt_price_x96_at_tick
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool
from alm_tests.core.math.strategies import make_pool
from alm_tests.core.math.test_orientation import price_range

STEPS = (1, 2, 5, 10, 15, 20, 25, 50, 100)
steps = st.sampled_from(STEPS)
orders = st.booleans()
amounts = st.tuples(st.integers(0, 10**26), st.integers(0, 10**26))
ticks = st.integers(-600_000, 600_000)


@given(step=steps, distance=st.integers(-4_000, 4_000))
def test_the_price_of_a_bin_is_the_power_of_its_step(step: int, distance: int) -> None:
    exact = (1 + Fraction(step, BASIS_POINTS)) ** distance * Q128
    assert abs(price_at_bin(ID_SHIFT + distance, step) - exact) <= exact / 10**20


@given(step=steps, distance=st.integers(-4_000, 4_000))
def test_the_bin_of_a_price_is_its_own_or_the_one_beside(step: int, distance: int) -> None:
    bin_id = ID_SHIFT + distance
    assert abs(bin_at_price(price_at_bin(bin_id, step), step) - bin_id) <= 1
    half_way = (price_at_bin(bin_id, step) + price_at_bin(bin_id + 1, step)) // 2
    assert bin_at_price(half_way, step) == (bin_id if distance >= 0 else bin_id + 1)


@given(step=steps, distance=st.integers(-3_000, 3_000))
def test_a_price_and_its_mirror_are_inverse(step: int, distance: int) -> None:
    root, mirrored = (sqrt_price_x128(ID_SHIFT + distance, step, token0_is_x=order) for order in (True, False))
    assert abs(root * mirrored - (1 << 256)) <= max(root, mirrored)


@pytest.mark.parametrize("bin_id", [-1, MAX_ID + 1, 0, MAX_ID, ID_SHIFT - 900_000])
def test_an_id_without_price_is_refused(bin_id: int) -> None:
    with pytest.raises(InvalidInput, match="has no price"):
        price_at_bin(bin_id, 1)


@pytest.mark.parametrize("price", [0, -1, 1 << 256])
def test_a_price_without_bin_is_refused(price: int) -> None:
    with pytest.raises(InvalidInput, match=str(price)):
        bin_at_price(price, 25)


@given(step=steps, distance=st.integers(-4_000, 4_000), reserves=amounts, more=amounts, supply=st.integers(1, 2**140))
def test_shares_never_pay_more_than_was_put_in(
    step: int, distance: int, reserves: tuple[int, int], more: tuple[int, int], supply: int
) -> None:
    price = price_at_bin(ID_SHIFT + distance, step)
    shares, taken = shares_for_amounts(reserves, more, price, supply)
    assert taken[0] <= more[0]
    assert taken[1] <= more[1]
    if not shares or not any(reserves):
        return
    back = amounts_for_shares((reserves[0] + taken[0], reserves[1] + taken[1]), shares, supply + shares)
    assert bin_liquidity(back, price) <= bin_liquidity(taken, price)


@given(reserves=amounts, scale=st.integers(1, 1_000), fee=st.integers(0, 10**17))
def test_a_deposit_in_the_bins_composition_costs_no_fee(reserves: tuple[int, int], scale: int, fee: int) -> None:
    more = reserves[0] * scale, reserves[1] * scale
    supply = 10**9
    shares, taken = shares_for_amounts(reserves, more, Q128, supply)
    assert composition_fees(reserves, taken, supply, shares, fee) == (0, 0)


def test_a_deposit_of_one_token_into_a_mixed_bin_pays_for_the_swap_that_it_is() -> None:
    shares, taken = shares_for_amounts((10**9, 10**9), (10**9, 0), Q128, 10**18)
    fee_x, fee_y = composition_fees((10**9, 10**9), taken, 10**18, shares, 2 * 10**15)
    assert (fee_x, fee_y) == (10**9 // 3 * 2 * 10**15 * (10**18 + 2 * 10**15) // 10**36 + 1, 0)


def parameters(**changed: int) -> FeeParameters:
    values = {
        "base_factor": 8_000,
        "filter_period": 30,
        "decay_period": 120,
        "reduction_factor": 5_000,
        "variable_fee_control": 40_000,
        "protocol_share": 500,
        "max_volatility_accumulator": 350_000,
        "volatility_accumulator": 100_000,
        "volatility_reference": 20_000,
        "id_reference": ID_SHIFT - 3,
        "updated_s": 1_000,
    }
    return FeeParameters(**(values | changed))


@pytest.mark.parametrize(
    ("at_s", "accumulator"),
    [
        (1_029, 20_000 + 30_000),
        (1_030, 50_000),
        (1_119, 50_000),
        (1_120, 0),
    ],
)
def test_the_fee_follows_volatility_as_time_passes(at_s: int, accumulator: int) -> None:
    base = 8_000 * 25 * 10**10
    assert fee_at(parameters(), 25, ID_SHIFT, at_s) == base + -(-((accumulator * 25) ** 2) * 40_000 // 100)


def test_no_volatility_counts_for_more_than_the_pair_allows() -> None:
    wild = parameters(volatility_reference=10**7, updated_s=1_000)
    assert fee_at(wild, 25, ID_SHIFT, 1_001) == most_fee(wild, 25)


@given(step=steps, tick=ticks)
def test_a_tick_lies_in_the_bin_of_its_place(step: int, tick: int) -> None:
    place = place_at_tick(step, tick)
    assert edge_tick(step, place) <= tick < edge_tick(step, place + 1)
    assert edge_at_or_below(step, tick) <= tick <= edge_at_or_above(step, tick)
    assert edge_at_or_above(step, tick) <= edge_tick(step, place + 1)


@given(step=steps, place=st.integers(-5_000, 5_000))
def test_edges_lie_within_half_a_tick_of_half_a_bin_from_its_price(step: int, place: int) -> None:
    exact = (place - 0.5) * math.log1p(step / 10_000) / math.log(1.0001)
    assert abs(edge_tick(step, place) - exact) <= 0.5 + 1e-6
    assert edge_at_or_below(step, edge_tick(step, place)) == edge_tick(step, place)
    assert edge_at_or_above(step, edge_tick(step, place)) == edge_tick(step, place)


@given(step=steps, first=st.integers(-5_000, 5_000), count=st.integers(1, 500))
def test_bins_come_back_from_their_ticks(step: int, first: int, count: int) -> None:
    places = range(first, first + count)
    assert places_of_range(step, *ticks_of_places(step, places)) == places


@pytest.mark.parametrize("step", STEPS)
def test_edges_beyond_all_prices_are_not_usable(step: int) -> None:
    assert MIN_TICK <= edge_at_or_below(step, MIN_TICK) < MIN_TICK + 2 * step + 2
    assert MAX_TICK - 2 * step - 2 < edge_at_or_above(step, MAX_TICK) <= MAX_TICK


@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (12, -12), (0, 12), (-12, 13)])
def test_ticks_between_edges_are_refused(lower: int, upper: int) -> None:
    with pytest.raises(InvalidInput, match="not edges"):
        places_of_range(25, lower, upper)


@given(place=st.integers(-5_000, 5_000), order=orders)
def test_a_place_comes_back_from_its_id(place: int, order: bool) -> None:
    assert place_of_bin(bin_of_place(place, token0_is_x=order), token0_is_x=order) == place


@given(
    step=steps,
    order=orders,
    active=st.integers(-500, 500),
    first=st.integers(-60, 60),
    count=st.integers(1, 60),
    composition=st.tuples(st.integers(0, 10**20), st.integers(0, 10**20)),
    owned=st.tuples(st.integers(10**16, 10**24), st.integers(10**16, 10**24)),
)
def test_amounts_are_spread_as_one_liquidity(
    step: int,
    order: bool,
    active: int,
    first: int,
    count: int,
    composition: tuple[int, int],
    owned: tuple[int, int],
) -> None:
    ids = [bin_of_place(place, token0_is_x=order) for place in range(active + first, active + first + count)]
    active_id = bin_of_place(active, token0_is_x=order)
    spread = spread_over_bins(
        ids,
        step,
        token0_is_x=order,
        active_id=active_id,
        composition=composition,
        amount0=owned[0],
        amount1=owned[1],
    )
    assert spread.amount0 <= owned[0]
    assert spread.amount1 <= owned[1]
    for index, bin_id in enumerate(ids):
        above = (bin_id > active_id) == order and bin_id != active_id
        below = (bin_id > active_id) != order and bin_id != active_id
        assert not (above and spread.parts1[index])
        assert not (below and spread.parts0[index])
        found = liquidity_of_bin(spread.amounts_in(index), bin_id, step, token0_is_x=order)
        assert abs(found - spread.liquidity) <= spread.liquidity / 10**6 + 10**7
    for parts, used in ((spread.parts0, spread.amount0), (spread.parts1, spread.amount1)):
        assert sum(parts) == (10**18 if used else 0)


@given(step=steps, active=st.integers(-300, 300), below=st.integers(1, 40), above=st.integers(1, 40))
def test_a_spread_holds_what_a_v3_range_over_the_same_ticks_holds(
    step: int, active: int, below: int, above: int
) -> None:
    places = range(active - below, active + above + 1)
    spread = spread_over_bins(
        [bin_of_place(place, token0_is_x=True) for place in places],
        step,
        token0_is_x=True,
        active_id=bin_of_place(active, token0_is_x=True),
        composition=(0, 0),
        amount0=10**24,
        amount1=10**24,
    )
    lower, upper = (sqrt_price_x96_at_tick(tick) for tick in ticks_of_places(step, places))
    price = sqrt_price_x128(bin_of_place(active, token0_is_x=True), step, token0_is_x=True) >> 32
    v3 = amounts_for_liquidity(price, lower, upper, spread.liquidity, round_up=False)
    # Edges are told in whole ticks, so each side may differ by half a tick of its width.
    for found, wanted, bins in ((spread.amount0, v3[0], above), (spread.amount1, v3[1], below)):
        assert wanted == pytest.approx(found, rel=0.51 / step / (bins + 0.5) + 1e-3)


def test_too_little_for_all_bins_is_refused() -> None:
    with pytest.raises(InvalidInput, match="too little for 5 bins"):
        spread_over_bins(
            range(ID_SHIFT - 2, ID_SHIFT + 3),
            25,
            token0_is_x=True,
            active_id=ID_SHIFT,
            composition=(0, 0),
            amount0=3,
            amount1=10**18,
        )


def bin_pool(step: int, *, base_is_token0: bool, decimals: tuple[int, int] = (6, 18)) -> Pool:
    return replace(make_pool(*decimals, base_is_token0, 1), bin_step=step)


@given(
    step=steps,
    base_is_token0=orders,
    decimals=st.sampled_from([(6, 6), (6, 18), (18, 6)]),
    price=st.floats(1e-4, 1e4),
    width=st.floats(1e-5, 0.5),
)
def test_a_price_range_becomes_the_fewest_bins_that_enclose_it(
    step: int, base_is_token0: bool, decimals: tuple[int, int], price: float, width: float
) -> None:
    pool = bin_pool(step, base_is_token0=base_is_token0, decimals=decimals)
    wanted = price_range(price, price * (1 + width))
    ticks_found = ticks_for_range(pool, wanted)
    places = places_of_range(step, *ticks_found)
    assert ticks_of_places(step, places) == ticks_found
    lower, upper = range_bounds_at_ticks(pool, *ticks_found)
    assert lower <= wanted.lower * (1 + 1e-9)
    assert upper >= wanted.upper * (1 - 1e-9)
    # Fewest: without its outermost bins it would not enclose the range.
    if len(places) > 2:
        inner = range_bounds_at_ticks(pool, *ticks_of_places(step, range(places.start + 1, places.stop - 1)))
        assert inner[0] >= wanted.lower * (1 - 1e-9)
        assert inner[1] <= wanted.upper * (1 + 1e-9)


@given(step=steps, tick=ticks)
def test_ranges_beside_the_price_leave_out_the_bin_that_holds_it(step: int, tick: int) -> None:
    pool = bin_pool(step, base_is_token0=True)
    place = place_at_tick(step, tick)
    above, below = usable_tick_at_or_above(pool, tick + 1), usable_tick_at_or_below(pool, tick - 1)
    assert above == edge_tick(step, place + 1)
    assert below in (edge_tick(step, place), edge_tick(step, place - 1))
    assert len(places_of_range(step, above, usable_tick_at_or_above(pool, above + 1))) == 1
    assert len(places_of_range(step, usable_tick_at_or_below(pool, below - 1), below)) == 1


@pytest.mark.parametrize("composition", [(1, 0), (0, 1), (871_373, 0)])
def test_dust_in_the_active_bin_is_a_composition_too(composition: tuple[int, int]) -> None:
    cheap = ID_SHIFT - 27_600  # one raw token0 is worth 1e-12 of token1
    spread = spread_over_bins(
        [cheap - 1, cheap, cheap + 1],
        10,
        token0_is_x=True,
        active_id=cheap,
        composition=composition,
        amount0=10**24,
        amount1=10**12,
    )
    assert [part > 0 for part in (spread.parts0[1], spread.parts1[1])] == [reserve > 0 for reserve in composition]
