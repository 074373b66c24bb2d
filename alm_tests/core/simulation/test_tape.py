from datetime import UTC, datetime

import numpy as np
import pytest

from alm_core.forces.signals import compute_force_signals
from alm_core.model.epochs import Epoch
from alm_core.ranges.range import confidence_and_bias
from alm_core.simulation.tape import tape_from_candles
from alm_tests.core.forces.tapes import walk


def test_forces_on_the_tape_are_those_the_live_strategy_saw() -> None:
    series = walk(10, seed=4)
    tape = tape_from_candles(series)
    for bar in (0, 7, 100, len(tape) - 1):
        closes_at = datetime.fromtimestamp((int(tape.ts_ms[bar]) + 15 * 60_000) / 1000, tz=UTC)
        live = compute_force_signals(Epoch(pair="WETH-USDC", epoch_at=closes_at), series)
        assert tape.close[bar] == live.price
        assert tape.volatility[bar] == pytest.approx(live.composite.volatility, rel=1e-12)
        assert tape.sigma_annual[bar] == pytest.approx(live.composite.sigma_annual_frac, rel=1e-12)
        bias = confidence_and_bias(live.composite.volatility, live.composite.momentum, live.composite.trend)[1]
        assert tape.bias[bar] == pytest.approx(bias, rel=1e-12)


def test_later_candles_do_not_change_earlier_bars() -> None:
    series = walk(6, seed=2)
    whole, part = tape_from_candles(series), tape_from_candles(series.rows(slice(0, 4 * 1440)))
    for name in ("volatility", "bias", "sigma_annual", "variance_annual"):
        assert np.array_equal(getattr(whole, name)[: len(part)], getattr(part, name))


def test_a_short_series_gives_an_empty_tape() -> None:
    assert len(tape_from_candles(walk(0.5))) == 0
