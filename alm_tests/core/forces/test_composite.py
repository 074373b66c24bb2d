"""Forces from quarter hours alone are those from their minutes."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.forces.aggregation import aggregate
from alm_core.forces.composite import composite_at_quarters
from alm_core.forces.signals import compute_force_signals
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.simulation.quarter_tape import tape_from_quarters
from alm_core.simulation.tape import rolling_composite, tape_from_candles
from alm_tests.core.forces.tapes import walk


@settings(max_examples=30)
@given(st.integers(0, 400), st.integers(0, 400), st.lists(st.integers(500, 3500), max_size=30))
def test_bars_of_quarter_hours_are_bars_of_minutes(late: int, early: int, missing: list[int]) -> None:
    series = walk(3)
    kept = np.setdiff1d(np.arange(late, len(series) - early), missing)
    part = series.rows(kept)
    quarters = aggregate(part, 15)
    for minutes in (60, 240):
        found, wanted = aggregate(quarters, minutes, of_minutes=15), aggregate(part, minutes)
        for name in ("ts_ms", "open", "high", "low", "close"):
            assert np.array_equal(getattr(found, name), getattr(wanted, name))
    assert np.array_equal(composite_at_quarters(quarters), rolling_composite(part, quarters), equal_nan=True)


def test_forces_at_a_quarter_hour_are_those_of_its_epoch() -> None:
    series = walk(9, seed=3)
    quarters = aggregate(series, 15)
    forces = composite_at_quarters(quarters)
    for row in (1, 2, 50, 400, len(quarters) - 1):
        closes_at = datetime.fromtimestamp((int(quarters.ts_ms[row]) + 15 * 60_000) / 1000, tz=UTC)
        live = compute_force_signals(Epoch(pair="WETH-USDC", epoch_at=closes_at), series).composite
        wanted = (live.volatility, live.momentum, live.trend, live.sigma_annual_frac)
        assert forces[row] == pytest.approx(wanted, rel=1e-12)


def test_a_tape_of_parts_is_the_tape_of_the_whole() -> None:
    series = walk(6)
    parts = [aggregate(series.rows(slice(start, start + 1440)), 15) for start in range(0, len(series), 1440)]
    found, wanted = tape_from_quarters(CandleSeries.joined(parts)), tape_from_candles(series)
    assert len(found) == len(wanted) == 480
    for name in ("ts_ms", "high", "low", "close", "volatility", "bias", "sigma_annual", "variance_annual"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name))


def test_no_quarter_hours_have_no_forces() -> None:
    assert composite_at_quarters(CandleSeries.empty()).shape == (0, 4)
    assert len(tape_from_quarters(aggregate(walk(0.5), 15))) == 0
