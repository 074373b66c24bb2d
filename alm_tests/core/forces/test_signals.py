from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from alm_core.forces.signals import compute_force_signals
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_tests.core.forces.tapes import END_AT, flat, walk

EPOCH = Epoch(pair="WETH-USDC", epoch_at=END_AT)


def test_only_candles_before_the_epoch_count() -> None:
    series = walk(31)
    earlier = Epoch(pair="WETH-USDC", epoch_at=END_AT - timedelta(hours=20))
    cut = series.rows(slice(0, len(series) - 20 * 60))
    assert compute_force_signals(earlier, series) == compute_force_signals(earlier, cut)
    assert compute_force_signals(earlier, series).price == cut.close[-1]


def test_forces_are_within_bounds_and_weighted_over_three_timeframes() -> None:
    signals = compute_force_signals(EPOCH, walk(30))
    assert list(signals.timeframes) == ["M15", "H1", "H4"]
    for forces in (signals.composite, *signals.timeframes.values()):
        assert 0 <= forces.volatility <= 100
        assert 0 <= forces.momentum <= 100
        assert 0 <= forces.trend <= 100
    parts = [forces.momentum for forces in signals.timeframes.values()]
    assert signals.composite.momentum == pytest.approx(0.3 * parts[0] + 0.4 * parts[1] + 0.3 * parts[2])
    assert signals.reason == ""


def test_sigma_is_annualised_on_every_timeframe() -> None:
    signals = compute_force_signals(EPOCH, walk(30, sigma_minute=6e-4))
    for forces in signals.timeframes.values():
        assert forces.sigma_annual_frac == pytest.approx(6e-4 * np.sqrt(525_960), rel=0.35)


def test_one_volatility_gives_one_force_on_every_timeframe() -> None:
    signals = compute_force_signals(EPOCH, walk(30, sigma_minute=6e-4))
    forces = [forces.volatility for forces in signals.timeframes.values()]
    assert max(forces) < 1.5 * min(forces)


def test_a_flat_series_is_neutral_not_overbought() -> None:
    signals = compute_force_signals(EPOCH, flat(10))
    assert (signals.composite.volatility, signals.composite.momentum, signals.composite.trend) == (0, 50, 50)


def test_ten_candles_are_too_few_and_the_reason_says_so() -> None:
    signals = compute_force_signals(EPOCH, walk(1).rows(slice(-10, None)))
    assert (signals.composite.volatility, signals.composite.momentum, signals.composite.trend) == (0, 50, 50)
    assert "10 before the epoch" in signals.reason
    assert signals.timeframes == {}


def test_a_timeframe_without_two_complete_bars_is_left_out() -> None:
    signals = compute_force_signals(EPOCH, walk(1).rows(slice(-90, None)))
    assert list(signals.timeframes) == ["M15"]
    assert signals.composite == signals.timeframes["M15"]


def test_stale_candles_give_a_reason() -> None:
    signals = compute_force_signals(EPOCH, walk(5, end_at=END_AT - timedelta(hours=2)))
    assert "before the epoch" in signals.reason


def test_no_candle_is_an_error_not_a_price_of_zero() -> None:
    with pytest.raises(InvalidInput, match="WETH-USDC@2026-11-22T12:00:00Z: no candle"):
        compute_force_signals(EPOCH, CandleSeries.empty())


def test_a_price_scale_changes_nothing_but_the_price() -> None:
    series = walk(10)
    scaled = replace(series, open=series.open * 4, high=series.high * 4, low=series.low * 4, close=series.close * 4)
    first, second = compute_force_signals(EPOCH, series), compute_force_signals(EPOCH, scaled)
    assert second.price == 4 * first.price
    assert second.composite.volatility == pytest.approx(first.composite.volatility)
    assert second.composite.momentum == pytest.approx(first.composite.momentum)
    assert second.composite.trend == pytest.approx(first.composite.trend)
