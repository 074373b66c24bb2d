"""Measured fees of bins: what swaps left is given out, all of it and to nobody else, whatever others deposit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.math.bin_ranges import ticks_of_places, ticks_per_bin
from alm_core.math.bin_shares import amounts_for_shares, bin_liquidity, shares_for_amounts
from alm_core.math.bin_spread import liquidity_of_bin
from alm_core.math.bins import ID_SHIFT, price_at_bin, sqrt_price_x128
from alm_core.math.tick import tick_at_sqrt_price_x96
from alm_core.model.candles import CandleSeries
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ActiveBin, BinReserves, BinShare, Block, PoolState, Position
from alm_core.portfolio.valuation import Prices, amounts_usd
from alm_core.simulation.bin_growth import bin_fees, measured_bins
from alm_core.simulation.earning import earnings_between
from alm_core.simulation.paper_wallet import PaperWallet, as_range, as_ranges, marked
from alm_tests.core.backtest.venue_market import BINS, Market, target, wallet_on

STEP = BINS.bin_step or 0
AT = datetime(2026, 11, 22, tzinfo=UTC)
PLACES = range(-3, 4)
FEE = (15, 10_000)
Swap = tuple[int, int, bool]
"""Which bin by its index, how many thousandths of it are bought, and with which token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Of a pair whose token0 is X or Y; amounts are in the pair's order of X and Y."""

    bin_id: int
    reserves: tuple[int, int]
    supply: int

    @property
    def price(self) -> int:
        return price_at_bin(self.bin_id, STEP)

    def deposited(self, amounts: tuple[int, int]) -> "tuple[Bin, int]":
        shares, taken = shares_for_amounts(self.reserves, amounts, self.price, self.supply)
        reserves = self.reserves[0] + taken[0], self.reserves[1] + taken[1]
        return replace(self, reserves=reserves, supply=self.supply + shares), shares

    def swapped(self, part: int, *, sells_x: bool) -> "Bin":
        """A part of a thousand of what the bin holds of one token is bought; the fee stays."""
        x, y = self.reserves
        if sells_x:
            out = y * part // 1_000
            paid = -(-(out << 128) // self.price)
            return replace(self, reserves=(x + paid + paid * FEE[0] // FEE[1], y - out))
        out = x * part // 1_000
        paid = -(-out * self.price >> 128)
        return replace(self, reserves=(x - out, y + paid + paid * FEE[0] // FEE[1]))

    def recorded(self, *, token0_is_x: bool) -> BinReserves:
        first, second = self.reserves if token0_is_x else self.reserves[::-1]
        return BinReserves(bin_id=self.bin_id, reserve0=first, reserve1=second, supply=self.supply)


def state(bins: Sequence[Bin], *, token0_is_x: bool, number: int) -> PoolState:
    """A reading; the active bin is the one at place 0."""
    active = next(one for one in bins if one.bin_id == ID_SHIFT)
    first, second = active.reserves if token0_is_x else active.reserves[::-1]
    root = sqrt_price_x128(ID_SHIFT, STEP, token0_is_x=token0_is_x) >> 32
    return PoolState(
        pool=BINS,
        block=Block(
            chain_id=BINS.chain_id, number=number, block_hash="0x", block_at=AT + timedelta(minutes=15 * number)
        ),
        sqrt_price_x96=root,
        tick=tick_at_sqrt_price_x96(root),
        liquidity=1,
        fee_pips=1_500,
        fee_growth_global0_x128=None,
        fee_growth_global1_x128=None,
        active_bin=ActiveBin(
            bin_id=ID_SHIFT, token0_is_x=token0_is_x, reserve0=first, reserve1=second, most_fee_pips=1_500
        ),
        bins=tuple(one.recorded(token0_is_x=token0_is_x) for one in bins),
    )


def fresh(amounts: Sequence[tuple[int, int]]) -> list[Bin]:
    """Bins at the places, opened by others."""
    empty = [Bin(bin_id=ID_SHIFT + place, reserves=(0, 0), supply=0) for place in PLACES]
    return [one.deposited(amount)[0] for one, amount in zip(empty, amounts, strict=True)]


def owned(bins: Sequence[Bin], shares: Sequence[int], *, token0_is_x: bool) -> Position:
    """A position with shares of the bins, as the adapter reads it."""
    held: list[BinShare] = []
    for one, mine in zip(bins, shares, strict=True):
        x, y = amounts_for_shares(one.reserves, mine, one.supply)
        first, second = (x, y) if token0_is_x else (y, x)
        held.append(BinShare(bin_id=one.bin_id, shares=mine, amount0=first, amount1=second))
    liquidity = sum(
        liquidity_of_bin((one.amount0, one.amount1), one.bin_id, STEP, token0_is_x=token0_is_x) for one in held
    )
    tick_lower, tick_upper = ticks_of_places(STEP, PLACES)
    return Position(
        pool_id=BINS.pool_id,
        token_id=1,
        tick_lower=tick_lower,
        tick_upper=tick_upper,
        liquidity=liquidity // len(PLACES),
        amount0=sum(one.amount0 for one in held),
        amount1=sum(one.amount1 for one in held),
        fees0=0,
        fees1=0,
        bins=tuple(held),
    )


def ranged(liquidity: int, places: range = PLACES) -> Position:
    """A position that was opened in the simulation."""
    tick_lower, tick_upper = ticks_of_places(STEP, places)
    return Position(
        pool_id=BINS.pool_id,
        token_id=2,
        tick_lower=tick_lower,
        tick_upper=tick_upper,
        liquidity=liquidity,
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )


def after_swaps(bins: Sequence[Bin], made: Sequence[Swap]) -> list[Bin]:
    found = list(bins)
    for place, part, sells_x in made:
        found[place] = found[place].swapped(part, sells_x=sells_x)
    return found


def left_by(before: Bin, after: Bin, fees: tuple[int, int], *, token0_is_x: bool) -> float:
    """Fees as a part of what swaps have left in a bin."""
    kept = bin_liquidity(fees if token0_is_x else (fees[1], fees[0]), after.price)
    return kept / (bin_liquidity(after.reserves, after.price) - bin_liquidity(before.reserves, before.price))


amounts = st.tuples(st.integers(10**12, 10**20), st.integers(10**12, 10**20))
per_bin = st.lists(amounts, min_size=len(PLACES), max_size=len(PLACES))
swaps = st.lists(
    st.tuples(st.integers(0, len(PLACES) - 1), st.integers(1, 1_000), st.booleans()), min_size=1, max_size=20
)
swaps_in_one = st.lists(st.tuples(st.just(2), st.integers(1, 1_000), st.booleans()), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(others=per_bin, more=per_bin, made=swaps, order=st.booleans())
def test_a_bin_grows_by_fees_and_by_nothing_that_others_deposit(
    others: list[tuple[int, int]], more: list[tuple[int, int]], made: list[Swap], order: bool
) -> None:
    first, last = fresh(others), after_swaps(fresh(others), made)
    fuller = [one.deposited(amount)[0] for one, amount in zip(last, more, strict=True)]
    begun = state(first, token0_is_x=order, number=0)
    swapped, deposited = (
        measured_bins(begun, state(bins, token0_is_x=order, number=1), [], []).bins for bins in (last, fuller)
    )
    for was, now in zip(first, last, strict=True):
        kept, held = (bin_liquidity(one.reserves, one.price) for one in (was, now))
        assert swapped[now.bin_id].grown_frac == pytest.approx((held - kept) / kept, rel=1e-12)
        # A deposit's rounding stays in the bin: less than two units of what it holds.
        least = min(one for one in now.reserves if one)
        assert deposited[now.bin_id].grown_frac == pytest.approx(swapped[now.bin_id].grown_frac, abs=4 / least)


@settings(max_examples=60, deadline=None)
@given(others=per_bin, mine=per_bin, made=swaps_in_one, order=st.booleans())
def test_recorded_shares_earn_their_part_of_what_swaps_left_and_all_shares_earn_it_all(
    others: list[tuple[int, int]], mine: list[tuple[int, int]], made: list[Swap], order: bool
) -> None:
    opened = [one.deposited(amount) for one, amount in zip(fresh(others), mine, strict=True)]
    bins, shares = [one for one, _ in opened], [got for _, got in opened]
    last = after_swaps(bins, made)
    readings = state(bins, token0_is_x=order, number=0), state(last, token0_is_x=order, number=1)
    ours = [owned(one, shares, token0_is_x=order) for one in (bins, last)]
    rest = owned(bins, [one.supply - got for one, got in zip(bins, shares, strict=True)], token0_is_x=order)
    measured = measured_bins(*readings, ours[:1], ours[1:])
    found = bin_fees(measured, readings[1], ours[:1])
    assert found is not None
    part = left_by(bins[2], last[2], found[0], token0_is_x=order)
    assert part == pytest.approx(shares[2] / bins[2].supply, rel=1e-6, abs=1e-6)
    both = bin_fees(measured_bins(*readings, [], []), readings[1], [ours[0], rest])
    assert both is not None
    twice = sum(left_by(bins[2], last[2], one, token0_is_x=order) for one in both)
    assert twice == pytest.approx(0.5, rel=1e-6, abs=1e-6), "as much again as the pool had earns half of the same fees"


@settings(max_examples=60, deadline=None)
@given(others=per_bin, made=swaps_in_one, times=st.integers(1, 10**6), order=st.booleans())
def test_a_range_dilutes_itself_and_what_it_brings_earns_nothing_new(
    others: list[tuple[int, int]], made: list[Swap], times: int, order: bool
) -> None:
    bins = fresh(others)
    last = after_swaps(bins, made)
    readings = state(bins, token0_is_x=order, number=0), state(last, token0_is_x=order, number=1)
    x, y = bins[2].reserves
    reserves = (x, y) if order else (y, x)
    whole = liquidity_of_bin(reserves, bins[2].bin_id, STEP, token0_is_x=order)
    liquidity = max(1, whole * times // 1_000)
    found = bin_fees(measured_bins(*readings, [], []), readings[1], [ranged(liquidity)])
    assert found is not None
    # Its edges are the nearest ticks: of 20 that stand for 19.98.
    width = 20 / ticks_per_bin(STEP)
    share = liquidity * width / (whole + liquidity * width)
    assert left_by(bins[2], last[2], found[0], token0_is_x=order) == pytest.approx(share, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("order", [True, False])
def test_the_first_deposit_into_a_bin_is_where_its_growth_begins(order: bool) -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    empty = [*bins[:2], Bin(bin_id=bins[2].bin_id, reserves=(0, 0), supply=0), *bins[3:]]
    last = after_swaps(bins, [(2, 1_000, True), (2, 500, False)])
    readings = state(empty, token0_is_x=order, number=0), state(last, token0_is_x=order, number=1)
    ours = owned(last, [0, 0, last[2].supply, 0, 0, 0, 0], token0_is_x=order)
    found = bin_fees(measured_bins(*readings, [], [ours]), readings[1], [ours])
    assert found is not None
    assert left_by(bins[2], last[2], found[0], token0_is_x=order) == pytest.approx(1.0, rel=1e-9)


def test_what_was_really_opened_in_between_makes_room_and_others_stay() -> None:
    """We opened as much as others had, and are simulated with a third of that: three quarters are others'."""
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    opened = [one.deposited((10**18, 10**18)) for one in bins]
    last = after_swaps([one for one, _ in opened], [(2, 1_000, True)])
    readings = state(bins, token0_is_x=True, number=0), state(last, token0_is_x=True, number=1)
    ours = owned(last, [got for _, got in opened], token0_is_x=True)
    third = owned(last, [got // 3 for _, got in opened], token0_is_x=True)
    found = bin_fees(measured_bins(*readings, [], [ours]), readings[1], [third])
    assert found is not None
    assert left_by(opened[2][0], last[2], found[0], token0_is_x=True) == pytest.approx(0.25, rel=1e-9)
    closed = measured_bins(readings[1], readings[0], [ours], [])
    assert closed.bins[bins[2].bin_id].others == pytest.approx(bins[2].supply)


def test_bins_that_nobody_was_in_pay_nobody() -> None:
    empty = [Bin(bin_id=ID_SHIFT + place, reserves=(0, 0), supply=0) for place in PLACES]
    bins = [*fresh([(10**18, 10**18)] * len(PLACES))[:4], *empty[4:]]
    last = after_swaps(bins, [(3, 500, True)])
    readings = state(bins, token0_is_x=True, number=0), state(last, token0_is_x=True, number=1)
    measured = measured_bins(*readings, [], [])
    assert bin_fees(measured, readings[1], [ranged(10**18, range(1, 4))]) == ((0, 0),)
    assert bin_fees(measured, readings[1], [ranged(10**18, range(1, 40))]) is None, "beyond them somebody may be"


def test_what_lies_beyond_bins_that_no_swap_went_through_has_earned_nothing() -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    wide, high, low = ranged(10**18, range(-40, 41)), ranged(10**18, range(10, 20)), ranged(10**18, range(-20, -10))
    for touched, known in (({3}, (wide, high, low)), ({3, 6}, (low,)), ({0, 3}, (high,)), ({0, 3, 6}, ())):
        last = after_swaps(bins, [(place, 500, True) for place in touched])
        readings = state(bins, token0_is_x=True, number=0), state(last, token0_is_x=True, number=1)
        measured = measured_bins(*readings, [], [])
        for one in (wide, high, low):
            found = bin_fees(measured, readings[1], [one])
            assert (found is not None) is (one in known)
            if found is not None:
                assert (max(found[0]) > 0) is (one is wide)


def test_bins_that_only_one_reading_has_are_not_measured() -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    first = state(bins, token0_is_x=True, number=0)
    last = state(after_swaps(bins, [(place, 1_000, True) for place in range(2, 7)]), token0_is_x=True, number=1)
    measured = measured_bins(replace(first, bins=first.bins[:4]), replace(last, bins=last.bins[2:]), [], [])
    assert sorted(measured.bins) == [bins[2].bin_id, bins[3].bin_id]
    assert bin_fees(measured, last, [ranged(10**18, range(-1, 1))]) is not None
    assert bin_fees(measured, last, [ranged(10**18, range(2))]) is None


def test_a_bin_whose_shares_were_all_burned_is_not_measured() -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    gone = [*bins[:3], replace(bins[3], reserves=(0, 0), supply=0), *bins[4:]]
    readings = state(bins, token0_is_x=True, number=0), state(gone, token0_is_x=True, number=1)
    assert bin_fees(measured_bins(*readings, [], []), readings[1], [ranged(10**18)]) is None


@settings(max_examples=60, deadline=None)
@given(others=per_bin, mine=per_bin, order=st.booleans())
def test_a_recorded_position_is_simulated_as_a_range_of_the_same_worth(
    others: list[tuple[int, int]], mine: list[tuple[int, int]], order: bool
) -> None:
    opened = [one.deposited(amount) for one, amount in zip(fresh(others), mine, strict=True)]
    bins = [one for one, _ in opened]
    reading = state(bins, token0_is_x=order, number=0)
    held = owned(bins, [got for _, got in opened], token0_is_x=order)
    found = as_range(held, reading)
    assert replace(found, liquidity=held.liquidity) == held
    root = reading.sqrt_price_x96
    now = marked(found, reading)
    worth, marked_worth = (one.amount0 * root * root + (one.amount1 << 192) for one in (held, now))
    assert marked_worth == pytest.approx(worth, rel=1e-9)
    without = replace(held, bins=())
    assert as_range(without, reading) is without


@settings(max_examples=60, deadline=None)
@given(others=per_bin, mine=per_bin, order=st.booleans())
def test_bin_by_bin_a_recorded_position_has_the_worth_and_shares_of_every_bin(
    others: list[tuple[int, int]], mine: list[tuple[int, int]], order: bool
) -> None:
    opened = [one.deposited(amount) for one, amount in zip(fresh(others), mine, strict=True)]
    bins = [one for one, _ in opened]
    reading = state(bins, token0_is_x=order, number=0)
    held = owned(bins, [got for _, got in opened], token0_is_x=order)
    found = as_ranges(held, reading)
    assert tuple(share for one in found for share in one.bins) == held.bins
    assert len({one.token_id for one in found}) == len(held.bins)
    assert sum(one.shares or 0 for one in found) == sum(one.shares for one in held.bins)
    ticks = sorted((one.tick_lower, one.tick_upper) for one in found)
    assert all(upper == lower for (_, upper), (lower, _) in pairwise(ticks)), "one beside the other"
    root = reading.sqrt_price_x96
    for one in found:
        now = marked(one, reading)
        worth, marked_worth = (each.amount0 * root * root + (each.amount1 << 192) for each in (one, now))
        assert marked_worth == pytest.approx(worth, rel=1e-6, abs=2 * (root * root + (1 << 192)))
    without = replace(held, bins=())
    assert as_ranges(without, reading) == (without,)


def test_bins_of_a_pair_that_is_not_known_are_refused() -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    reading = replace(state(bins, token0_is_x=True, number=0), active_bin=None)
    held = owned(bins, [one.supply // 2 for one in bins], token0_is_x=True)
    with pytest.raises(InvalidInput, match="bins"):
        as_ranges(held, reading)


def test_a_position_that_is_added_to_is_no_more_the_bins_that_were_recorded() -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    market = Market(pools=(BINS,))
    snapshot = replace(market.snapshot(), pools=(state(bins, token0_is_x=True, number=0),))
    held = owned(bins, [one.supply // 2 for one in bins], token0_is_x=True)
    wallet = replace(wallet_on(market, BINS.chain_id, 10.0, 1e15), positions=(held,))
    paper = PaperWallet(wallet, snapshot, market.prices)
    goal = replace(
        target(market, BINS, 0.0, 0.0, 1.0, token_id=1), tick_lower=held.tick_lower, tick_upper=held.tick_upper
    )
    more = paper.place(goal, 10**18, 10**18)
    assert more.liquidity > held.liquidity
    assert more.bins == ()


def test_fees_become_liquidity_and_a_node_that_lags_gives_none() -> None:
    bins = fresh([(10**18, 10**18)] * len(PLACES))
    last = after_swaps(bins, [(3, 1_000, True)])
    market = Market(pools=(BINS,))
    readings = [
        replace(market.snapshot(), pools=(state(found, token0_is_x=True, number=number),))
        for number, found in enumerate((bins, last))
    ]
    one = marked(ranged(10**18), readings[1].pools[0])
    wallet = replace(wallet_on(market, BINS.chain_id, 0.0, 0.0), positions=(one,))
    prices = Prices(base_usd=1e12, quote_usd=1.0)
    found = earnings_between((wallet,), readings[0], readings[1], CandleSeries.empty(), prices)
    fees = bin_fees(measured_bins(readings[0].pools[0], readings[1].pools[0], [], []), readings[1].pools[0], [one])
    assert fees is not None
    assert found.problems == []
    earned = found.positions[one.pool_id, one.token_id]
    assert (earned.fees0, earned.fees1) == (0, 0)
    usd = [amounts_usd(BINS, *pair, prices).total for pair in (fees[0], (one.amount0, one.amount1))]
    assert earned.added_liquidity / one.liquidity == pytest.approx(usd[0] / usd[1], rel=1e-9)
    lagging = replace(readings[1], pools=(replace(readings[1].pools[0], block=readings[0].pools[0].block),))
    stale = earnings_between((wallet,), readings[0], lagging, CandleSeries.empty(), prices)
    assert stale.positions[one.pool_id, one.token_id].added_liquidity == 0
    assert stale.problems == []
