import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.candles import VenueSeries, merge_venues
from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.errors import InvalidInput


def candles(rows: dict[int, tuple[float, float, float, float, float]]) -> CandleSeries:
    minutes = sorted(rows)
    values = np.array([rows[minute] for minute in minutes], dtype=np.float64).reshape(-1, 5)
    return CandleSeries(
        ts_ms=np.array(minutes, dtype=np.int64) * MINUTE_MS,
        open=values[:, 0],
        high=values[:, 1],
        low=values[:, 2],
        close=values[:, 3],
        volume=values[:, 4],
        filled=np.zeros(len(minutes), dtype=np.bool_),
    )


def venue(name: str, weight: float, rows: dict[int, tuple[float, float, float, float, float]]) -> VenueSeries:
    return VenueSeries(venue=name, weight=weight, series=candles(rows))


def flat(price: float, volume: float = 1.0) -> tuple[float, float, float, float, float]:
    return price, price, price, price, volume


def test_prices_are_weighted_means_and_volumes_sums() -> None:
    merged = merge_venues(
        [venue("a", 3.0, {1: (100.0, 101.0, 99.0, 100.4, 2.0)}), venue("b", 1.0, {1: (100.4, 101.4, 99.4, 100.0, 5.0)})]
    )
    series = merged.series
    assert series.open[0] == pytest.approx(100.1)
    assert series.high[0] == pytest.approx(101.1)
    assert series.low[0] == pytest.approx(99.1)
    assert series.close[0] == pytest.approx(100.3)
    assert series.volume[0] == 7.0
    assert merged.vetoed == {"a": 0, "b": 0}


def test_a_missing_venue_leaves_its_weight_to_the_others() -> None:
    merged = merge_venues([venue("a", 3.0, {1: flat(100.0)}), venue("b", 1.0, {1: flat(100.4), 2: flat(100.8)})])
    assert merged.series.close == pytest.approx([100.1, 100.8])


def test_one_venue_far_from_two_others_is_vetoed_for_that_minute_only() -> None:
    good = {1: flat(100.0), 2: flat(100.0)}
    merged = merge_venues(
        [venue("a", 1, good), venue("b", 1, good), venue("c", 9, {1: flat(150.0, 7.0), 2: flat(100.0)})]
    )
    assert merged.series.close == pytest.approx([100.0, 100.0])
    assert merged.series.volume.tolist() == [2.0, 3.0]
    assert merged.vetoed == {"a": 0, "b": 0, "c": 1}
    assert merged.dropped == 0


def test_one_bad_wick_does_not_pass() -> None:
    good = {1: flat(100.0)}
    merged = merge_venues([venue("a", 1, good), venue("b", 1, good), venue("c", 1, {1: (100, 140, 100, 100, 1)})])
    assert merged.series.high[0] == pytest.approx(100.0)
    assert merged.vetoed["c"] == 1


def test_two_venues_that_disagree_leave_a_gap_instead_of_an_average() -> None:
    merged = merge_venues(
        [venue("a", 1, {1: flat(100.0), 2: flat(100)}), venue("b", 1, {1: flat(104.0), 2: flat(100)})]
    )
    assert merged.series.ts_ms.tolist() == [2 * MINUTE_MS]
    assert merged.dropped == 1
    assert merged.vetoed == {"a": 1, "b": 1}


def test_a_weight_of_zero_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="weight of okx is 0"):
        merge_venues([venue("okx", 0.0, {1: flat(1.0)})])


rows = st.dictionaries(
    st.integers(0, 20),
    st.tuples(*[st.floats(0.98, 1.02)] * 2, st.floats(0, 0.02), st.floats(0, 0.02), st.floats(0, 1e6)).map(
        lambda v: (v[0], max(v[0], v[1]) + v[2], min(v[0], v[1]) - v[3], v[1], v[4])
    ),
)


@given(venues=st.lists(st.tuples(st.floats(0.01, 10), rows), max_size=5))
def test_merged_prices_lie_between_the_venues_and_no_minute_is_invented(
    venues: list[tuple[float, dict[int, tuple[float, float, float, float, float]]]],
) -> None:
    merged = merge_venues([venue(f"v{n}", weight, data) for n, (weight, data) in enumerate(venues)], veto_frac=1.0)
    minutes = {minute for _, data in venues for minute in data}
    assert set((merged.series.ts_ms // MINUTE_MS).tolist()) == minutes
    for at, low, high in zip(merged.series.ts_ms // MINUTE_MS, merged.series.low, merged.series.high, strict=True):
        present = [data[int(at)] for _, data in venues if int(at) in data]
        assert low >= min(row[2] for row in present) * (1 - 1e-12)
        assert high <= max(row[1] for row in present) * (1 + 1e-12)


@given(data=rows.filter(bool), order=st.permutations([0, 1, 2]))
def test_the_order_of_venues_does_not_matter(
    data: dict[int, tuple[float, float, float, float, float]], order: list[int]
) -> None:
    venues = [venue("a", 1.0, data), venue("b", 2.0, data), venue("c", 4.0, {k: flat(1.0) for k in data})]
    straight, mixed = merge_venues(venues), merge_venues([venues[n] for n in order])
    assert straight.series.ts_ms.tolist() == mixed.series.ts_ms.tolist()
    assert straight.series.close == pytest.approx(mixed.series.close, rel=1e-12)
    assert straight.vetoed == mixed.vetoed
