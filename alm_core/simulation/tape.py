"""A tape: quarter hours of a pair with the forces known at each close, prepared once for all parameter sets."""

from dataclasses import dataclass, field, fields

import numpy as np

from alm_core.forces.aggregation import aggregate
from alm_core.forces.compiled import compiled
from alm_core.forces.timeframes import (
    BASE_MINUTES,
    MINUTES_PER_YEAR,
    TIMEFRAMES,
    VOLATILITY_LOOKBACK,
    rolling_bar_forces,
)
from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray, IntArray
from alm_core.model.errors import InvalidInput
from alm_core.ranges.range import confidence_and_bias

BARS_PER_YEAR = MINUTES_PER_YEAR / BASE_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Columns by quarter hour, oldest first, all of shape (n,).

    ``volatility``, ``bias`` and ``sigma_annual`` are what the live strategy would have known at the close of the bar;
    ``variance_annual`` is the Parkinson variance realised within the bar. The last four follow from the others: half
    widths are multiplied by ``stretch_down`` and ``stretch_up``, see :func:`alm_core.ranges.range.range_bounds`.
    """

    ts_ms: IntArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volatility: FloatArray
    bias: FloatArray
    sigma_annual: FloatArray
    variance_annual: FloatArray
    stretch_down: FloatArray = field(init=False)
    stretch_up: FloatArray = field(init=False)
    root_close: FloatArray = field(init=False)
    log_close: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        stretch = 1.0 + np.abs(self.bias)
        upwards = self.bias > 0.0
        # A price that is not positive is refused where the tape is used, with its bar; here it only becomes NaN.
        with np.errstate(divide="ignore", invalid="ignore"):
            followed = {
                "stretch_down": np.where(upwards, 1.0 / stretch, stretch),
                "stretch_up": np.where(upwards, stretch, 1.0 / stretch),
                "root_close": np.sqrt(self.close),
                "log_close": np.log(self.close),
            }
        for name, values in followed.items():
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return int(self.close.shape[0])

    def rows(self, selection: slice) -> "Tape":
        """Return a contiguous selection of bars; arrays are views."""
        return Tape(
            ts_ms=self.ts_ms[selection],
            high=self.high[selection],
            low=self.low[selection],
            close=self.close[selection],
            volatility=self.volatility[selection],
            bias=self.bias[selection],
            sigma_annual=self.sigma_annual[selection],
            variance_annual=self.variance_annual[selection],
        )


def check_tape(tape: Tape) -> None:
    """Refuse a tape that nothing can be learnt from or that cannot be true.

    Raises
    ------
    InvalidInput
        Names the column and the bar: a value that is not finite, a price or variance out of order; or says that the
        price never moves.
    """
    for column in (one for one in fields(tape) if one.init):
        wrong = np.flatnonzero(~np.isfinite(getattr(tape, column.name)))
        if len(wrong):
            raise InvalidInput(f"tape: {column.name} of bar {wrong[0]} of {len(tape)} is not finite")
    ordered = (tape.low > 0.0) & (tape.low <= tape.close) & (tape.close <= tape.high)
    wrong = np.flatnonzero(~(ordered & (tape.variance_annual >= 0.0) & (tape.sigma_annual >= 0.0)))
    if len(wrong):
        bar = int(wrong[0])
        raise InvalidInput(
            f"tape: bar {bar} of {len(tape)} cannot be true: low {tape.low[bar]}, close {tape.close[bar]}, high "
            f"{tape.high[bar]}, variance {tape.variance_annual[bar]}, sigma {tape.sigma_annual[bar]}"
        )
    if len(tape) and tape.low.min() == tape.high.max():
        raise InvalidInput(f"tape: the price is {tape.close[0]} in all {len(tape)} bars: flat prices teach nothing")


def tape_from_candles(series: CandleSeries) -> Tape:
    """Return the tape of minute candles; the first day, where no timeframe is warm, is left out.

    Parameters
    ----------
    series
        Minute candles, gaps filled. Forces at a bar equal ``compute_force_signals`` at the epoch of its close.
    """
    bars = aggregate(series, BASE_MINUTES)
    return tape_of(bars, rolling_composite(series, bars))


def tape_of(bars: CandleSeries, forces: FloatArray) -> Tape:
    """Return the tape of quarter hours with the forces known at their closes, shape (n, 4), without the first day."""
    warm = slice(VOLATILITY_LOOKBACK * 4, None)
    volatility, momentum, trend, sigma = (np.ascontiguousarray(forces[warm, column]) for column in range(4))
    kept = bars.rows(warm)
    return Tape(
        ts_ms=kept.ts_ms,
        high=kept.high,
        low=kept.low,
        close=kept.close,
        volatility=volatility,
        bias=_biases(volatility, momentum, trend),
        sigma_annual=sigma,
        variance_annual=np.log(kept.high / kept.low) ** 2 / (4.0 * np.log(2.0)) * BARS_PER_YEAR,
    )


@compiled
def _biases(volatility: FloatArray, momentum: FloatArray, trend: FloatArray) -> FloatArray:
    found = np.empty(volatility.shape[0])
    for bar in range(found.shape[0]):
        found[bar] = confidence_and_bias(volatility[bar], momentum[bar], trend[bar])[1]
    return found


def rolling_composite(series: CandleSeries, bars: CandleSeries) -> FloatArray:
    """Return volatility, momentum, trend and annual sigma at the close of every quarter hour, shape (n, 4).

    A timeframe counts from its second complete bar on; the other weights are scaled up until then. Rows where no
    timeframe counts are NaN.
    """
    close_ms = bars.ts_ms + BASE_MINUTES * MINUTE_MS
    total = np.zeros((len(bars), 4))
    weights = np.zeros((len(bars), 1))
    for timeframe in TIMEFRAMES:
        longer = aggregate(series, timeframe.minutes)
        forces = rolling_bar_forces(longer.high, longer.low, longer.close, timeframe.minutes, timeframe.bars)
        last = np.searchsorted(longer.ts_ms + timeframe.minutes * MINUTE_MS, close_ms, side="right") - 1
        counted = last >= 1
        total[counted] += timeframe.weight * forces[last[counted]]
        weights[counted] += timeframe.weight
    with np.errstate(invalid="ignore"):
        return total / weights
