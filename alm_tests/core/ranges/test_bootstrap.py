import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from alm_core.model.candles import FloatArray
from alm_core.model.errors import InvalidInput
from alm_core.ranges.bootstrap import BLOCK_BARS, mean_interval

MEMORY = 0.9
"""Correlation of neighbours: half of a shock is left after 7 bars, nothing after a day."""


def dependent(count: int, seed: int) -> FloatArray:
    """A series with memory, mean 0 and standard deviation 1."""
    noise = np.random.default_rng(seed).normal(0.0, np.sqrt(1.0 - MEMORY**2), count + 1000)
    return np.asarray(lfilter([1.0], [1.0, -MEMORY], noise))[1000:]


def test_on_independent_values_it_is_the_interval_of_the_normal_law() -> None:
    values = np.random.default_rng(1).normal(2.0, 3.0, 9600)
    found = mean_interval(values)
    half = 1.2816 * values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.mean == pytest.approx(half, rel=0.25)
    assert found.mean - found.low == pytest.approx(half, rel=0.25)


def test_memory_widens_the_interval() -> None:
    values = dependent(4800, 3)
    by_blocks, by_bars = mean_interval(values), mean_interval(values, block=1)
    assert by_blocks.high - by_blocks.low > 2.5 * (by_bars.high - by_bars.low)


@pytest.mark.parametrize("days", [6, 12])
def test_the_lower_end_errs_as_seldom_as_it_says_even_with_few_blocks(days: int) -> None:
    # 10 % by the law; the share of 400 draws has a standard error of 1.5 %.
    above = [mean_interval(dependent(days * BLOCK_BARS, seed)).low > 0.0 for seed in range(400)]
    assert 0.06 < np.mean(above) < 0.14


@settings(max_examples=30, deadline=None)
@given(st.integers(192, 2000), st.floats(-5, 5), st.floats(0.1, 10), st.integers(0, 99))
def test_it_moves_and_stretches_with_the_values(count: int, shift: float, scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    plain, other = mean_interval(values), mean_interval(shift + scale * values)
    assert plain.low <= plain.high
    for name in ("low", "mean", "high"):
        assert getattr(other, name) == pytest.approx(shift + scale * getattr(plain, name), rel=1e-6, abs=1e-9)


def test_the_same_values_give_the_same_interval() -> None:
    values = dependent(1000, 1)
    assert mean_interval(values) == mean_interval(values.copy())


@pytest.mark.parametrize("values", [np.ones(191), np.r_[np.ones(200), np.nan], np.r_[np.ones(200), np.inf], np.ones(0)])
def test_too_few_or_unusable_values_are_refused(values: FloatArray) -> None:
    with pytest.raises(InvalidInput, match=f"{len(values)} values"):
        mean_interval(values)
