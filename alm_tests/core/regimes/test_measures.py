"""Figures of a regime: what each measures, and that it says nothing where too little is known."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.candles import CandleSeries
from alm_core.regimes import measures
from alm_core.regimes.measures import RegimeFigures, regime_figures, sums_back
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import Scene
from alm_tests.core.regimes.markets import EPOCH, figures, filled_from_end, market, reading, without

SIGMA_HOUR = math.sqrt(60 * math.log(1.0005 / 0.9995) ** 2 / (4 * math.log(2)))
"""Of the plain market, per square root hour: 0.47 %."""


def known(value: float | None) -> float:
    assert value is not None
    return value


def test_a_market_that_goes_nowhere_is_as_volatile_and_busy_as_ever() -> None:
    found = figures(market())
    limit = max(2 * SIGMA_HOUR, measures.MIN_SPIKE_SIGMA_FRAC["volatile"])
    assert found.volatility_ratio == pytest.approx(SIGMA_HOUR / limit)
    assert (found.displacement_ratio, found.drawdown_frac) == (0.0, 0.0)
    assert found.volume_ratio == pytest.approx(1.0)


def test_the_tested_hour_is_no_part_of_what_it_is_compared_with() -> None:
    # With the hour among the 72, mean and deviation grow with it and no hour could be more than 8.4 deviations above.
    ratios = [known(figures(market(last_hour_range=times)).volatility_ratio) for times in (1.0, 10.0, 100.0)]
    assert ratios[1] == pytest.approx(10 * ratios[0], rel=1e-3)
    assert ratios[2] == pytest.approx(100 * ratios[0], rel=1e-2)


def test_hours_that_are_all_alike_make_no_spike_of_a_slightly_wider_one() -> None:
    assert known(figures(market(last_hour_range=1.9)).volatility_ratio) < 1.0
    assert known(figures(market(last_hour_range=2.2)).volatility_ratio) > 1.0


def test_where_hours_differ_an_hour_is_a_spike_only_beyond_three_deviations() -> None:
    series = market()
    times = np.where(np.arange(len(series)) // 60 % 4 == 0, 4.0, 1.0)
    times[-60:] = 1.0
    varied = replace(series, high=series.close * (1 + 5e-4 * times), low=series.close * (1 - 5e-4 * times))
    # 18 hours of 72 are four times as wide, the tested one is not: the mean is 1.76 and the deviation 1.30 hours.
    wide, plain = 18, 53
    mean = (4 * wide + plain) / (wide + plain)
    deviation = math.sqrt(16 * wide / (wide + plain) + plain / (wide + plain) - mean**2)
    assert known(figures(varied).volatility_ratio) == pytest.approx(1 / (mean + 3 * deviation), rel=1e-3)


def test_a_dead_market_makes_no_spike_of_an_ordinary_hour() -> None:
    quiet = market(half_range_frac=1e-6, last_hour_range=300.0)
    assert known(figures(quiet).volatility_ratio) < 1.0
    assert known(figures(market(half_range_frac=1e-6, last_hour_range=700.0)).volatility_ratio) > 1.0


def test_the_displacement_is_that_of_sixty_minutes() -> None:
    series = market()
    # A jump between the minutes that end 61 and 60 minutes before the epoch is over; one that begins after counts.
    for minutes_ago, counted in ((61, False), (60, True)):
        close = series.close.copy()
        close[-minutes_ago:] *= 1.03
        moved = replace(series, open=close, high=close * 1.0005, low=close * 0.9995, close=close)
        assert (known(figures(moved).displacement_ratio) > 0.5) is counted


@pytest.mark.parametrize("direction", [1.03, 1 / 1.03])
def test_a_move_is_measured_by_four_typical_hours_in_both_directions(direction: float) -> None:
    calm, wild = market(last_close=direction), market(half_range_frac=2e-3, last_close=direction)
    assert figures(calm).displacement_ratio == pytest.approx(math.log(1.03) / 0.02)
    typical = math.sqrt(60 * math.log(1.002 / 0.998) ** 2 / (4 * math.log(2)))
    assert figures(wild).displacement_ratio == pytest.approx(math.log(1.03) / (4 * typical))
    stable = figures(market(half_range_frac=1e-5, last_close=direction), asset_class="stable")
    assert stable.displacement_ratio == pytest.approx(math.log(1.03) / 0.003)


def test_without_a_past_only_a_move_that_needs_no_scale_is_one() -> None:
    short = market(minutes=600, last_close=1.05)
    assert figures(short).volatility_ratio is None
    assert figures(short).displacement_ratio == pytest.approx(math.log(1.05) / 0.10)


def test_volume_is_compared_with_the_quarter_hours_before() -> None:
    assert figures(market(last_volume=7.0)).volume_ratio == pytest.approx(7.0)


def test_the_drawdown_is_from_the_highest_close_of_a_day() -> None:
    assert figures(market(last_close=0.8)).drawdown_frac == pytest.approx(0.2)
    series = market()
    close = series.close.copy()
    close[: -24 * 60] *= 2.0
    older = replace(series, open=close, high=close * 1.0005, low=close * 0.9995, close=close)
    assert figures(older).drawdown_frac == 0.0


def test_the_peg_is_judged_by_the_median_of_a_quarter_hour() -> None:
    series = market(price=1.0, half_range_frac=1e-5)
    close = series.close.copy()
    close[-7:] = 0.9
    broken_for = {count: close.copy() for count in (7, 8)}
    broken_for[8][-8:] = 0.9
    for count, closes in broken_for.items():
        told = replace(series, open=closes, high=closes * 1.001, low=closes * 0.999, close=closes)
        assert figures(told, asset_class="stable").depeg_frac == pytest.approx(0.0 if count == 7 else 0.1)


def test_a_reading_of_the_quote_token_lasts_if_the_one_before_confirms_it() -> None:
    series = market()
    found = figures(series, quote_usd=0.95, past=(reading(2, 1.0), reading(1, 0.97)))
    assert found.quote_depeg_frac == pytest.approx(0.05)
    assert found.lasting_quote_depeg_frac == pytest.approx(0.03)
    assert found.quote_is_stable
    assert figures(series, quote_usd=0.95).lasting_quote_depeg_frac is None
    assert figures(series, quote_usd=0.95, past=(reading(5, 0.95),)).lasting_quote_depeg_frac is None
    assert figures(series, quote_usd=0.95, past=(reading(1, None),)).lasting_quote_depeg_frac is None
    unknown = figures(series, quote_usd=None, past=(reading(1, 0.95),))
    assert (unknown.quote_depeg_frac, unknown.lasting_quote_depeg_frac) == (None, None)


def test_a_quote_token_that_is_not_stable_has_no_peg() -> None:
    snapshot = Scene().snapshot()
    states = tuple(
        replace(
            state,
            pool=replace(
                state.pool,
                token0=replace(state.pool.token0, asset_class="volatile"),
                token1=replace(state.pool.token1, asset_class="volatile"),
            ),
        )
        for state in snapshot.pools
    )
    found = regime_figures(EPOCH, market(), replace(snapshot, pools=states), (), "volatile")
    assert not found.quote_is_stable


OF_MINUTES = ("volatility_ratio", "displacement_ratio", "volume_ratio", "drawdown_frac", "depeg_frac")


@pytest.mark.parametrize(
    ("series", "unknown"),
    [
        (CandleSeries.empty(), OF_MINUTES),
        (market(minutes=5), ("volatility_ratio", "displacement_ratio", "volume_ratio", "drawdown_frac")),
        (market(minutes=700), ("volatility_ratio", "volume_ratio", "drawdown_frac")),
        (market(minutes=1_300), ("volatility_ratio", "volume_ratio")),
        (market(minutes=25 * 60), ()),
        (filled_from_end(market(), 10), ()),
        (filled_from_end(market(), 11), ("volume_ratio", "depeg_frac")),
        (filled_from_end(market(), 15), ("displacement_ratio", "volume_ratio", "drawdown_frac", "depeg_frac")),
        (filled_from_end(market(), 41), OF_MINUTES),
        (without(market(), 80, 58), ("displacement_ratio",)),
        (without(market(), 1_440, 700), ("drawdown_frac",)),
        (without(market(), 60, 0), OF_MINUTES),
    ],
)
def test_with_too_few_minutes_a_figure_is_unknown(series: CandleSeries, unknown: tuple[str, ...]) -> None:
    found = figures(series)
    assert tuple(name for name in OF_MINUTES if getattr(found, name) is None) == unknown


def test_a_flat_market_without_volume_says_what_it_can() -> None:
    flat = market(half_range_frac=0.0, last_volume=0.0)
    still = replace(flat, volume=np.zeros(len(flat)))
    assert figures(still) == RegimeFigures(
        volatility_ratio=0.0,
        displacement_ratio=0.0,
        volume_ratio=None,
        drawdown_frac=0.0,
        depeg_frac=1_999.0,
        quote_depeg_frac=0.0,
        quote_is_stable=True,
    )


def test_prices_at_the_ends_of_what_a_float_holds_overflow_nothing() -> None:
    series = market()
    extreme = replace(series, high=np.full(len(series), 1e308), low=np.full(len(series), 1e-308))
    assert math.isfinite(known(figures(extreme).volatility_ratio))


def test_minutes_after_the_epoch_and_before_the_look_back_change_nothing() -> None:
    tape = walk(40, price=2_000.0, end_at=EPOCH.epoch_at + measures.OLDEST_READING)
    assert figures(tape) == figures(tape.before(EPOCH.epoch_at))
    look_back = EPOCH.epoch_at - timedelta(days=measures.PAST_DAYS)
    assert figures(tape) == figures(tape.between(look_back, EPOCH.epoch_at))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sigma=st.floats(1e-6, 3e-2), days=st.floats(0.05, 4.0))
def test_figures_of_any_walk_are_finite_or_unknown(seed: int, sigma: float, days: float) -> None:
    found = figures(walk(days, seed=seed, sigma_minute=sigma))
    for name in OF_MINUTES:
        value = getattr(found, name)
        assert value is None or (math.isfinite(value) and value >= 0.0)


@settings(deadline=None)
@given(st.integers(0, 400), st.sets(st.integers(0, 399)), st.sets(st.integers(0, 399)), st.sampled_from([15, 60]))
def test_sums_of_spans_are_those_of_a_count_by_number_to_the_last_bit(
    count: int, holes: set[int], left_out: set[int], span: int
) -> None:
    rows = np.array([row for row in range(count) if row not in holes], dtype=np.int64)
    ts_ms, values = rows * 60_000, np.random.default_rng(count).random(len(rows))
    skipped = np.array([int(row) in left_out for row in rows], dtype=np.bool_)
    end_ms = (count + 3) * 60_000
    counts, sums = sums_back(ts_ms, values, skipped, end_ms, span * 60_000)
    back = (end_ms - 1 - ts_ms[~skipped]) // (span * 60_000)
    assert counts.tolist() == np.bincount(back, minlength=1).tolist()
    assert sums.tolist() == np.bincount(back, weights=values[~skipped], minlength=1).tolist()
