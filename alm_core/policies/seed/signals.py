"""Force signals of the seed policy: the reference's composite, in the form every policy gives."""

from datetime import UTC, datetime

from alm_core.forces.indicators import parkinson_sigma
from alm_core.forces.signals import MAX_AGE
from alm_core.forces.timeframes import MINUTES_PER_YEAR, TIMEFRAMES, Timeframe
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import Forces, ForceSignals
from alm_core.policies.seed.candles import Columns, aggregate, columns_of, last_rows
from alm_core.policies.seed.forces import MIN_CANDLES, NEUTRAL, composed, timeframe_forces
from alm_core.policies.seed.params import VOLATILITY_LOOKBACK, SeedForces


def seed_signals(epoch: Epoch, series: CandleSeries) -> ForceSignals:
    """Return the reference's forces of an epoch on M15, H1 and H4 and their composite, weighted 0.3 / 0.4 / 0.3.

    Parameters
    ----------
    epoch
        Only candles that open strictly before ``epoch.epoch_at`` are looked at.
    series
        Minute candles of the pair.

    Returns
    -------
    ForceSignals
        Neutral (0 / 50 / 50) with ``reason`` set for ten candles or fewer; ``reason`` is also set where the last candle
        is older than one epoch, of which the reference takes no notice. ``sigma_annual_frac`` is reported only: no
        formula of the reference knows an annual volatility.

    Raises
    ------
    InvalidInput
        If there is no candle before the epoch: then there is no price either.
    """
    seen = series.before(epoch.epoch_at)
    if len(seen) == 0:
        raise InvalidInput(f"{epoch.epoch_id}: no candle before the epoch")
    minutes = columns_of(seen)
    parts = timeframe_forces(minutes) if len(seen) >= MIN_CANDLES else {}
    sigmas = {timeframe.name: _sigma_annual(minutes, timeframe) for timeframe in TIMEFRAMES if parts}
    sigma = sum(timeframe.weight * sigmas[timeframe.name] for timeframe in TIMEFRAMES) if parts else 0.0
    return ForceSignals(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        price=float(seen.close[-1]),
        candles_used=len(seen),
        composite=_forces(composed(parts) if parts else NEUTRAL, sigma),
        timeframes={name: _forces(part, sigmas[name]) for name, part in parts.items()},
        reason=_reason(epoch, seen),
    )


def _forces(found: SeedForces, sigma_annual_frac: float) -> Forces:
    return Forces(
        volatility=found.volatility,
        momentum=found.momentum,
        trend=found.trend,
        sigma_annual_frac=sigma_annual_frac,
    )


def _sigma_annual(minutes: Columns, timeframe: Timeframe) -> float:
    _, _, high, low, _, _ = last_rows(aggregate(minutes, timeframe.minutes), VOLATILITY_LOOKBACK)
    return float(parkinson_sigma(high, low) * (MINUTES_PER_YEAR / timeframe.minutes) ** 0.5)


def _reason(epoch: Epoch, seen: CandleSeries) -> str:
    last_at = datetime.fromtimestamp(int(seen.ts_ms[-1]) / 1000, tz=UTC)
    if epoch.epoch_at - last_at > MAX_AGE:
        return f"candles: the last one opened at {last_at.isoformat()}, {epoch.epoch_at - last_at} before the epoch"
    if len(seen) < MIN_CANDLES:
        return f"candles: {len(seen)} before the epoch, too few for any force"
    return ""
