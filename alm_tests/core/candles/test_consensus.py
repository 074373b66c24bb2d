"""What consensus is: agreement, weights, clipping, quality, and the properties that hold for any input."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alm_core.candles import Consensus, ConsensusRules, VenueSeries, consensus
from alm_core.model.candles import EXCHANGES, MINUTE_MS, CandleSeries, exchanges_of, mask_of
from alm_core.model.errors import InvalidInput
from alm_tests.core.candles import twin
from alm_tests.core.candles.markets import PRICES, Row, candles, flat, scaled, venue

ONE = ConsensusRules(min_sources=1)


def minutes_of(series: CandleSeries) -> list[int]:
    return (series.ts_ms // MINUTE_MS).tolist()


def test_prices_are_weighted_means_and_volumes_sums() -> None:
    found = consensus(
        [
            venue("okx", {1: (100.0, 100.02, 99.98, 100.004, 2.0)}, weight=3.0),
            venue("gate", {1: (100.004, 100.024, 99.984, 100.0, 5.0)}),
        ]
    ).series
    assert found.open[0] == pytest.approx(100.001, rel=1e-12)
    assert found.high[0] == pytest.approx(100.021, rel=1e-12)
    assert found.low[0] == pytest.approx(99.981, rel=1e-12)
    assert found.close[0] == pytest.approx(100.003, rel=1e-12)
    assert found.volume[0] == 7.0
    assert not found.filled[0]


def test_a_missing_venue_leaves_its_weight_to_the_others() -> None:
    found = consensus(
        [
            venue("binance", {1: flat(100.0), 2: flat(100.0)}, weight=8.0),
            venue("bybit", {1: flat(100.0), 2: flat(100.004), 3: flat(100.004)}),
            venue("okx", {2: flat(100.0), 3: flat(100.0)}),
        ]
    )
    assert found.series.close == pytest.approx([100.0, 100.0004, 100.002], rel=1e-12)
    assert found.tallies["okx"].missing == 1


def test_quality_tells_who_is_in_a_minute_and_how_far_apart_they_were() -> None:
    good = {1: flat(100.0), 2: flat(100.0)}
    found = consensus(
        [
            venue("binance", good),
            venue("okx", good),
            venue("mexc", {1: flat(100.05), 2: flat(150.0)}),
            venue("gate", {1: flat(100.0)}),
        ]
    ).series.quality
    assert found is not None
    assert [exchanges_of(mask) for mask in found.used.tolist()] == [
        ("binance", "okx", "mexc", "gate"),
        ("binance", "okx"),
    ]
    assert found.vetoed.tolist() == [0, mask_of(["mexc"])]
    assert found.spread_bps == pytest.approx([5.0, 0.0], rel=1e-3)


def test_a_venue_far_from_two_others_is_left_out_for_that_minute_only_whatever_its_weight() -> None:
    good = {1: flat(100.0), 2: flat(100.0)}
    found = consensus(
        [venue("mexc", good), venue("okx", good), venue("binance", {1: flat(150.0, 7.0), 2: flat(100.0)}, weight=9.0)]
    )
    assert found.series.close.tolist() == [100.0, 100.0]
    assert found.series.volume.tolist() == [2.0, 3.0]
    assert (found.tallies["binance"].used, found.tallies["binance"].outlier) == (1, 1)
    assert found.no_consensus == ()


def test_two_venues_that_disagree_are_no_consensus_with_both_prices_in_the_reason() -> None:
    found = consensus(
        [
            venue("okx", {1: flat(2981.10), 2: flat(3000.0)}),
            venue("binance", {1: flat(3012.40), 2: flat(3000.0)}, weight=9.0),
        ]
    )
    assert minutes_of(found.series) == [2]
    assert [(each.minutes, each.reason) for each in found.no_consensus] == [
        (1, "binance 3012.4 and okx 2981.1 disagree by more than 10 bp: 1 of 2 agree, 2 are needed")
    ]
    # Nobody can say which of them is wrong.
    assert [each.outlier for each in found.tallies.values()] == [0, 0]


def test_half_of_the_venues_is_not_most_of_them() -> None:
    high, low = {1: flat(3012.4)}, {1: flat(2981.1)}
    found = consensus([venue("binance", high), venue("bybit", high), venue("okx", low), venue("gate", low)])
    assert len(found.series) == 0
    assert found.no_consensus[0].reason.endswith("2 of 4 agree, 3 are needed")


def test_venues_whose_opens_differ_do_not_agree_though_their_closes_do() -> None:
    found = consensus([venue("binance", {1: flat(100.0)}), venue("okx", {1: (99.0, 100.0, 99.0, 100.0, 1.0)})])
    assert len(found.series) == 0
    assert found.no_consensus[0].reason.startswith("opens binance 100 and okx 99 disagree by more than 10 bp")


def test_a_minute_of_one_venue_is_no_consensus_unless_one_is_enough() -> None:
    venues = [venue("okx", {1: flat(100.0), 2: flat(100.0), 3: flat(100.0)}), venue("gate", {1: flat(100.0)})]
    found = consensus(venues)
    assert minutes_of(found.series) == [1]
    assert [(each.minutes, each.reason) for each in found.no_consensus] == [
        (2, "only okx has these minutes, 2 are needed")
    ]
    assert minutes_of(consensus(venues, ONE).series) == [1, 2, 3]
    assert minutes_of(consensus(venues[:1]).series) == []


def test_different_single_venues_in_a_row_are_one_entry_that_names_them() -> None:
    found = consensus([venue("okx", {1: flat(100.0), 3: flat(100.0)}), venue("gate", {2: flat(100.0)})])
    assert [(each.minutes, each.reason) for each in found.no_consensus] == [
        (3, "only okx and gate in turns have these minutes, 2 are needed in each")
    ]


def test_minutes_without_consensus_are_joined_only_while_kind_and_clock_go_on() -> None:
    found = consensus(
        [
            venue("binance", {m: flat(100.0 + m / 1000) for m in (1, 2, 3, 5, 6, 9)}),
            venue("okx", {1: flat(102.0), 2: flat(103.0), 5: flat(100.0), 9: flat(102.0)}),
        ]
    )
    assert minutes_of(found.series) == [5]
    entries = [(int(each.start_at.timestamp()) // 60, each.minutes) for each in found.no_consensus]
    assert entries == [(1, 2), (3, 1), (6, 1), (9, 1)]
    assert "okx 102 disagree" in found.no_consensus[0].reason
    assert found.no_consensus[0].reason.endswith("(first of 2 minutes)")


def test_in_a_fast_minute_last_trades_may_differ_by_a_quarter_of_its_range() -> None:
    def fast(close: float, reach: float) -> dict[int, Row]:
        return {1: (100.0, 100.0 + reach, 100.0 - reach, close, 1.0)}

    calm = [venue("binance", fast(100.0, 0.3)), venue("okx", fast(100.3, 0.3))]
    assert len(consensus(calm).series) == 0
    wild = [venue("binance", fast(100.0, 1.0)), venue("okx", fast(100.3, 1.0))]
    assert consensus(wild).series.close == pytest.approx([100.15])


def test_of_two_venues_one_with_a_wild_wick_does_not_widen_the_tolerance() -> None:
    found = consensus([venue("binance", {1: flat(100.0)}), venue("okx", {1: (102.0, 150.0, 50.0, 102.0, 1.0)})])
    assert len(found.series) == 0


def test_a_lie_in_a_wick_moves_it_by_no_more_than_the_clip_times_the_share_of_the_liar() -> None:
    good = {1: (100.0, 100.2, 99.8, 100.1, 1.0)}
    found = consensus(
        [venue("binance", {1: (100.0, 140.0, 60.0, 100.1, 1.0)}, weight=2.0), venue("okx", good), venue("gate", good)]
    ).series
    assert found.high[0] == pytest.approx(100.2 * (1 + 0.5e-4), rel=1e-12)
    assert found.low[0] == pytest.approx(99.8 * (1 - 0.5e-4), rel=1e-12)
    assert found.close[0] == 100.1


def test_a_tie_goes_to_weight_and_then_to_the_middle_and_never_to_the_order() -> None:
    # 100.00 and 100.18 are too far from each other, and both near to 100.09, with which most agree.
    chain = [venue("okx", {1: flat(100.0)}), venue("gate", {1: flat(100.09)}), venue("mexc", {1: flat(100.18)})]
    assert [each.used for each in consensus(chain).tallies.values()] == [1, 1, 1]
    # In a chain of four the two in the middle both have three; the heavier three win.
    four = [
        venue(name, {1: flat(price)}, weight)
        for name, price, weight in (
            ("binance", 100.0, 1.0),
            ("bybit", 100.09, 1.0),
            ("okx", 100.18, 1.0),
            ("mexc", 100.27, 5.0),
        )
    ]
    found = consensus(four)
    assert [each.used for each in found.tallies.values()] == [0, 1, 1, 1]
    # Of equal weight, and a fifth that agrees with nobody but shifts the middle: the three nearer to it win.
    for far, used in ((90.0, [1, 1, 1, 0, 0]), (110.0, [0, 1, 1, 1, 0])):
        level = [*(replace(each, weight=1.0) for each in four), venue("gate", {1: flat(far)})]
        for order in (level, level[::-1]):
            assert [each.used for each in consensus(order).tallies.values()] == used


def test_a_minute_that_a_venue_filled_itself_is_not_a_source() -> None:
    rows = {1: flat(100.0), 2: flat(100.0)}
    found = consensus([venue("okx", rows), venue("gate", rows, filled=[2])])
    assert minutes_of(found.series) == [1]
    assert found.tallies["gate"].missing == 1
    # Filled by all of them it is no minute at all: a gap, not a disagreement.
    silent = consensus([venue("okx", rows, filled=[2]), venue("gate", rows, filled=[2])])
    assert minutes_of(silent.series) == [1]
    assert silent.no_consensus == ()


def test_nothing_agrees_on_nothing_and_keeps_the_tallies() -> None:
    found = consensus([venue("okx", {}), venue("gate", {})])
    assert len(found.series) == 0
    assert found.series.quality is not None
    assert (found.no_consensus, list(found.tallies)) == ((), ["okx", "gate"])
    absent = consensus([venue("okx", {}), venue("gate", {1: flat(1.0)}), venue("mexc", {1: flat(1.0)})])
    assert absent.tallies["okx"].missing == 1
    assert absent.series.close.tolist() == [1.0]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_not_positive_and_finite_is_refused_by_name(weight: float) -> None:
    with pytest.raises(InvalidInput, match="weight of okx is"):
        consensus([venue("okx", {1: flat(1.0)}, weight=weight)])


def test_an_unknown_venue_a_venue_given_twice_and_a_candle_off_the_minute_are_refused() -> None:
    with pytest.raises(InvalidInput, match="'kraken' is none of binance, bybit"):
        consensus([venue("kraken", {1: flat(1.0)})])
    with pytest.raises(InvalidInput, match="venue okx is there more than once"):
        consensus([venue("okx", {1: flat(1.0)}), venue("okx", {2: flat(1.0)})])
    late = candles({1: flat(1.0)})
    with pytest.raises(InvalidInput, match="okx at 60001 ms"):
        consensus([VenueSeries(venue="okx", weight=1.0, series=replace(late, ts_ms=late.ts_ms + 1))])


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"tolerance_bps": -1.0}, "tolerance_bps is -1.0"),
        ({"clip_bps": float("nan")}, "clip_bps is nan"),
        ({"min_sources": 0}, "min_sources is 0"),
        ({"frozen_minutes": 0}, "frozen_minutes is 0"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ConsensusRules(**rules)  # pyright: ignore[reportArgumentType]


near = st.integers(-18, 18).map(lambda n: 100.0 * (1 + n * 1e-4))
any_row = st.tuples(near, near, st.integers(0, 40), st.integers(0, 40), st.integers(0, 9)).map(
    lambda v: (v[0], max(v[:2]) * (1 + v[2] * 1e-4), min(v[:2]) * (1 - v[3] * 1e-4), v[1], float(v[4]))
)
still_row = st.sampled_from([flat(100.0), flat(100.01), flat(100.03)])
any_weight = st.sampled_from([0.1, 0.2, 0.3, 1.0, 2.5])
any_rules = st.builds(
    ConsensusRules,
    min_sources=st.integers(1, 3),
    clip_bps=st.sampled_from([0.0, 1.0, 3.0]),
    frozen_minutes=st.integers(1, 6),
)


@st.composite
def markets(draw: st.DrawFn) -> list[VenueSeries]:
    venues: list[VenueSeries] = []
    for name in draw(st.lists(st.sampled_from(EXCHANGES), unique=True, min_size=1)):
        rows = draw(st.dictionaries(st.integers(0, 14), any_row | still_row))
        filled = draw(st.sets(st.sampled_from(sorted(rows)))) if rows else set[int]()
        venues.append(venue(name, rows, draw(any_weight), sorted(filled)))
    return venues


def bytes_of(found: Consensus) -> list[object]:
    quality = found.series.quality
    assert quality is not None
    names = ("ts_ms", *PRICES, "volume", "filled")
    columns = [getattr(found.series, name) for name in names] + [quality.used, quality.vetoed, quality.spread_bps]
    return [*(column.tobytes() for column in columns), found.no_consensus, sorted(found.tallies.items(), key=str)]


@settings(max_examples=400)
@given(venues=markets(), rules=any_rules)
def test_the_columns_equal_the_minute_by_minute_twin(venues: list[VenueSeries], rules: ConsensusRules) -> None:
    found, expected = consensus(venues, rules), twin.consensus_minutes(venues, rules)
    assert found.series.ts_ms.tolist() == [ts for ts, minute in expected.items() if minute is not None]
    quality = found.series.quality
    assert quality is not None
    for row, minute in enumerate(minute for minute in expected.values() if minute is not None):
        candle, used, vetoed = minute
        series = found.series
        columns = (series.open, series.high, series.low, series.close, series.volume)
        assert [column[row] for column in columns] == pytest.approx(list(candle), rel=1e-14)
        assert quality.used[row] == mask_of(used)
        assert quality.vetoed[row] == mask_of(vetoed)
    absent = [ts for ts, minute in expected.items() if minute is None]
    starts = [int(each.start_at.timestamp()) * 1000 for each in found.no_consensus]
    runs = zip(starts, found.no_consensus, strict=True)
    assert absent == [start + n * MINUTE_MS for start, each in runs for n in range(each.minutes)]
    assert all(each.reason for each in found.no_consensus)


@given(venues=markets(), rules=any_rules, data=st.data())
def test_the_order_of_venues_changes_no_byte(
    venues: list[VenueSeries], rules: ConsensusRules, data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(venues))
    assert bytes_of(consensus(mixed, rules)) == bytes_of(consensus(venues, rules))


@given(venues=markets(), rules=any_rules, power=st.integers(-40, 40))
def test_prices_times_a_power_of_two_give_the_result_times_it(
    venues: list[VenueSeries], rules: ConsensusRules, power: int
) -> None:
    factor = 2.0**power
    plain = consensus(venues, rules)
    moved = consensus([replace(each, series=scaled(each.series, factor)) for each in venues], rules)
    expected = replace(plain, series=scaled(plain.series, factor), no_consensus=())
    assert bytes_of(replace(moved, no_consensus=())) == bytes_of(expected)
    assert [(e.start_at, e.minutes) for e in moved.no_consensus] == [
        (e.start_at, e.minutes) for e in plain.no_consensus
    ]


@given(venues=markets(), rules=any_rules)
def test_results_lie_between_the_venues_used_and_masks_agree_with_tallies(
    venues: list[VenueSeries], rules: ConsensusRules
) -> None:
    found = consensus(venues, rules)
    quality = found.series.quality
    assert quality is not None
    assert (quality.used & quality.vetoed == 0).all()
    tables = {each.venue: twin.rows_of(each) for each in venues}
    for row, ts in enumerate(found.series.ts_ms.tolist()):
        used = [tables[name][ts] for name in exchanges_of(int(quality.used[row]))]
        assert len(used) >= rules.min_sources
        for column, name in ((0, "open"), (3, "close")):
            values = [candle[column] for candle in used]
            assert min(values) <= getattr(found.series, name)[row] <= max(values)
        assert found.series.volume[row] == pytest.approx(sum(candle[4] for candle in used))
    every = {ts for table in tables.values() for ts in table}
    for name, tally in found.tallies.items():
        bit = mask_of([name])
        assert tally.used == np.count_nonzero(quality.used & bit)
        left_out = np.count_nonzero(quality.vetoed & bit)
        assert tally.outlier <= left_out <= tally.outlier + tally.frozen
        assert tally.missing == len(every - tables[name].keys())
        if not found.no_consensus:
            assert tally.outlier + tally.frozen == left_out
            assert tally.used + tally.outlier + tally.frozen + tally.missing == len(every)


close_row = st.tuples(*[st.integers(-4, 4)] * 4).map(
    lambda v: (*(100.0 * (1 + n * 1e-4) for n in (v[0], max(v), min(v), v[3])), 1.0)
)


@settings(max_examples=300)
@given(rows=st.lists(close_row, min_size=2, max_size=5), weights=st.lists(any_weight, min_size=6, max_size=6))
@example(rows=[flat(100.04), flat(99.96), flat(99.96)], weights=[1.0] * 6)
def test_one_more_venue_equal_to_the_consensus_moves_no_price_by_more_than_the_clip(
    rows: list[Row], weights: list[float]
) -> None:
    rules = ConsensusRules()
    venues = [venue(name, {1: row}, weight) for name, row, weight in zip(EXCHANGES, rows, weights, strict=False)]
    before = consensus(venues, rules).series
    more = VenueSeries(venue="bitget", weight=weights[-1], series=replace(before, quality=None))
    after = consensus([*venues, more], rules).series
    for name in PRICES:
        moved = abs(getattr(after, name)[0] / getattr(before, name)[0] - 1)
        assert moved <= rules.clip_bps * 1e-4 * (1 + 1e-6)


@given(
    price=st.sampled_from([1.0, 0.1, 3012.37, 1e-8, 101_234.5]), weights=st.lists(any_weight, min_size=2, max_size=6)
)
def test_venues_that_all_say_the_same_give_exactly_that(price: float, weights: list[float]) -> None:
    rows = {minute: flat(price) for minute in range(60)}
    venues = [venue(name, rows, weight) for name, weight in zip(EXCHANGES, weights, strict=False)]
    found = consensus(venues)
    for name in PRICES:
        assert getattr(found.series, name).tolist() == [price] * 60
    assert all((each.used, each.frozen) == (60, 0) for each in found.tallies.values())


def test_no_consensus_entries_are_in_order_and_apart() -> None:
    venues = [
        venue("okx", {m: flat(100.0) for m in range(30) if m % 7}),
        venue("gate", {m: flat(104.0) for m in range(0, 30, 3)}),
    ]
    entries = consensus(venues).no_consensus
    assert len(entries) > 5
    for earlier, later in pairwise(entries):
        assert earlier.start_at < later.start_at
    assert sum(each.minutes for each in entries) == 27
