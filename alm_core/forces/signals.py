"""Force signals of an epoch, from the minutes before it."""

from datetime import UTC, datetime, timedelta

from alm_core.forces.aggregation import latest_bars
from alm_core.forces.timeframes import BARS_LOOKED_AT, TIMEFRAMES, bar_forces
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import Forces, ForceSignals

MIN_CANDLES = 11
MAX_AGE = timedelta(minutes=15)
NEUTRAL = Forces(volatility=0.0, momentum=50.0, trend=50.0, sigma_annual_frac=0.0)


def compute_force_signals(epoch: Epoch, series: CandleSeries) -> ForceSignals:
    """Return the forces of an epoch on M15, H1 and H4 and their composite, weighted 0.3 / 0.4 / 0.3.

    Parameters
    ----------
    epoch
        Only candles that open strictly before ``epoch.epoch_at`` are looked at.
    series
        Minute candles of the pair.

    Returns
    -------
    ForceSignals
        Neutral (0 / 50 / 50), with ``reason`` set, where there are ten candles or fewer or no two complete bars on
        any timeframe. ``reason`` is also set where the last candle is older than one epoch. A timeframe with fewer
        than two complete bars is left out and the other weights are scaled up.

    Raises
    ------
    InvalidInput
        If there is no candle before the epoch: then there is no price either.
    """
    seen = series.before(epoch.epoch_at)
    if len(seen) == 0:
        raise InvalidInput(f"{epoch.epoch_id}: no candle before the epoch")
    forces = _timeframe_forces(seen) if len(seen) >= MIN_CANDLES else {}
    composite = _composite(forces)
    return ForceSignals(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        price=float(seen.close[-1]),
        candles_used=len(seen),
        composite=composite or NEUTRAL,
        timeframes=forces,
        reason=_reason(epoch, seen, neutral=composite is None),
    )


def _timeframe_forces(seen: CandleSeries) -> dict[str, Forces]:
    forces: dict[str, Forces] = {}
    for timeframe in TIMEFRAMES:
        most = min(timeframe.bars, BARS_LOOKED_AT)
        bars = latest_bars(seen.ts_ms, seen.high, seen.low, seen.close, timeframe.minutes, most)
        if len(bars[0]) >= 2:
            volatility, momentum, trend, sigma = bar_forces(*bars, timeframe.minutes)
            forces[timeframe.name] = Forces(
                volatility=volatility, momentum=momentum, trend=trend, sigma_annual_frac=sigma
            )
    return forces


def _composite(forces: dict[str, Forces]) -> Forces | None:
    parts = [(timeframe.weight, forces[timeframe.name]) for timeframe in TIMEFRAMES if timeframe.name in forces]
    total = sum(weight for weight, _ in parts)
    if total == 0.0:
        return None
    # Weights are scaled first: of one timeframe alone the composite is that timeframe, to the last bit.
    parts = [(weight / total, part) for weight, part in parts]
    return Forces(
        volatility=sum(weight * part.volatility for weight, part in parts),
        momentum=sum(weight * part.momentum for weight, part in parts),
        trend=sum(weight * part.trend for weight, part in parts),
        sigma_annual_frac=sum(weight * part.sigma_annual_frac for weight, part in parts),
    )


def _reason(epoch: Epoch, seen: CandleSeries, *, neutral: bool) -> str:
    last_at = datetime.fromtimestamp(int(seen.ts_ms[-1]) / 1000, tz=UTC)
    if epoch.epoch_at - last_at > MAX_AGE:
        return f"candles: the last one opened at {last_at.isoformat()}, {epoch.epoch_at - last_at} before the epoch"
    if neutral:
        return f"candles: {len(seen)} before the epoch, too few for two complete quarter hours"
    return ""
