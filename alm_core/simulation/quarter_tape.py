"""A tape from quarter hours: what is left of a history too long to be held by the minute."""

import numpy as np

from alm_core.forces.composite import composite_at_quarters
from alm_core.forces.timeframes import VOLATILITY_LOOKBACK
from alm_core.model.candles import CandleSeries
from alm_core.ranges.range import confidence_and_bias
from alm_core.simulation.tape import BARS_PER_YEAR, Tape


def tape_from_quarters(bars: CandleSeries) -> Tape:
    """Return :func:`alm_core.simulation.tape.tape_from_candles` of minutes of which only quarter hours are at hand.

    Parameters
    ----------
    bars
        Complete quarter hours, oldest first: ``aggregate(minutes, 15)``, part by part if need be.
    """
    forces = composite_at_quarters(bars)
    warm = slice(VOLATILITY_LOOKBACK * 4, None)
    volatility, momentum, trend, sigma = (np.ascontiguousarray(forces[warm, column]) for column in range(4))
    kept = bars.rows(warm)
    bias = np.array([confidence_and_bias(*row)[1] for row in zip(volatility, momentum, trend, strict=True)])
    return Tape(
        ts_ms=kept.ts_ms,
        high=kept.high,
        low=kept.low,
        close=kept.close,
        volatility=volatility,
        bias=bias.astype(np.float64),
        sigma_annual=sigma,
        variance_annual=np.log(kept.high / kept.low) ** 2 / (4.0 * np.log(2.0)) * BARS_PER_YEAR,
    )
