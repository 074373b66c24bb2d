"""How far stored candles are from the embedded market itself."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_localnet.market.world import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What a span of stored minutes comes to.

    Parameters
    ----------
    minutes
        Minutes that exchanges agreed on.
    largest_bps
        Largest distance of such a close from the market's, basis points; ``None`` if there is no such minute.
    worst_at
        Open of that minute.
    without_consensus
        Minutes of the span that are absent, or filled from the one before.
    """

    minutes: int
    largest_bps: float | None
    worst_at: datetime | None
    without_consensus: int


def deviation(market: Market, pair_id: str, series: CandleSeries, start_at: datetime, end_at: datetime) -> Deviation:
    """Compare the closes of ``[start_at, end_at)`` with the market's own price of the pair."""
    span = series.between(start_at, end_at)
    agreed = span.rows(np.flatnonzero(~span.filled))
    expected = int((end_at - start_at).total_seconds()) // 60
    missing = expected - len(agreed)
    if not len(agreed):
        return Deviation(minutes=0, largest_bps=None, worst_at=None, without_consensus=missing)
    minutes = agreed.ts_ms // MINUTE_MS
    first = int(minutes[0])
    true_close = market.bars(pair_id, first, int(minutes[-1]) + 1).close[minutes - first]
    errors = np.abs(agreed.close / true_close - 1) * 1e4
    worst = int(np.argmax(errors))
    return Deviation(
        minutes=len(agreed),
        largest_bps=float(errors[worst]),
        worst_at=datetime.fromtimestamp(int(agreed.ts_ms[worst]) / 1000, tz=start_at.tzinfo),
        without_consensus=missing,
    )
