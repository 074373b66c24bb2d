import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.forces.indicators import (
    parkinson_sigma,
    relative_strength,
    return_sigma,
    trend_averages,
    trend_force,
    volatility_force,
)
from alm_core.forces.timeframes import BARS_LOOKED_AT, bar_forces
from alm_tests.core.forces.tapes import walk

closes = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=120).map(np.array)


def test_parkinson_of_equal_bars_is_their_log_range_over_two_root_log_two() -> None:
    high, low = np.full(24, 103.0), np.full(24, 100.0)
    assert parkinson_sigma(high, low) == pytest.approx(math.log(1.03) / (2 * math.sqrt(math.log(2))), rel=1e-14)


def test_parkinson_leaves_out_bars_without_a_positive_price() -> None:
    whole = parkinson_sigma(np.array([1.1, 1.2]), np.array([1.0, 1.0]))
    assert parkinson_sigma(np.array([1.1, 0.0, 1.2]), np.array([1.0, 0.0, 1.0])) == whole
    assert parkinson_sigma(np.array([1.1, 0.0]), np.array([1.0, 0.0])) == 0.0


def test_parkinson_estimates_the_volatility_of_a_random_walk() -> None:
    random = np.random.default_rng(5)
    path = np.cumsum(random.normal(0, 1e-3, (400, 2000)), axis=1)
    high, low = np.exp(path.max(axis=1).clip(0)), np.exp(path.min(axis=1).clip(max=0))
    assert parkinson_sigma(high, low) == pytest.approx(1e-3 * math.sqrt(2000), rel=0.08)


def test_return_sigma_of_alternating_closes_is_their_log_step() -> None:
    assert return_sigma(np.array([1.0, 1.01, 1.0, 1.01])) == pytest.approx(math.log(1.01))


@settings(deadline=None)
@given(st.floats(0, 10), st.floats(0, 10))
def test_volatility_force_is_within_bounds_and_never_falls(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert 0 <= volatility_force(low) <= volatility_force(high) <= 100


@settings(deadline=None)
@given(closes, st.integers(1, 30))
def test_relative_strength_is_within_bounds(values: np.ndarray, period: int) -> None:
    assert 0 <= relative_strength(values, period, 50.0) <= 100


def test_relative_strength_of_rising_falling_and_alternating_values() -> None:
    rising = np.arange(1.0, 40.0)
    assert relative_strength(rising, 14, 50.0) == 100
    assert relative_strength(rising[::-1].copy(), 14, 50.0) == 0
    assert relative_strength(np.array([1.0, 2.0] * 8)[:15], 14, 0.0) == pytest.approx(50)


def test_relative_strength_of_values_that_never_change_is_what_the_caller_says() -> None:
    assert relative_strength(np.ones(40), 14, 50.0) == 50
    assert relative_strength(np.ones(40), 14, 100.0) == 100


def test_relative_strength_looks_no_further_back_than_five_periods() -> None:
    values = np.random.default_rng(3).random(100) + 1
    assert relative_strength(values, 14, 50.0) == relative_strength(values[-71:], 14, 50.0)


def test_trend_compares_a_third_with_two_thirds_of_the_window() -> None:
    values = np.arange(1.0, 101.0)
    assert trend_averages(values, 36) == (pytest.approx(values[-12:].mean()), pytest.approx(values[-24:].mean()))
    assert trend_averages(values[:3], 36) == (3.0, 3.0)
    assert trend_averages(np.empty(0), 36) == (0.0, 0.0)


@settings(deadline=None)
@given(st.floats(-1, 1e6), st.floats(-1, 1e6))
def test_trend_force_is_within_bounds(short: float, long: float) -> None:
    assert 0 <= trend_force(short, long) <= 100
    assert trend_force(long, long) == 50


@settings(deadline=None)
@given(st.integers(2, 200), st.integers(0, 1000))
def test_forces_of_a_bar_depend_on_no_more_bars_than_are_looked_at(count: int, seed: int) -> None:
    bars = walk(1, seed=seed).rows(slice(0, count))
    few = bars.rows(slice(-BARS_LOOKED_AT, None))
    assert bar_forces(bars.high, bars.low, bars.close, 60) == bar_forces(few.high, few.low, few.close, 60)
