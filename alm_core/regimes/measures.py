"""What a regime is judged by: figures of the minutes before an epoch and of the quote token's USD price.

Every figure leaves the tested time out of what it is compared with: an hour that is part of its own yardstick hides
itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.model.candles import MINUTE_MS, BoolArray, CandleSeries, FloatArray, IntArray, SpanKey
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import AssetClass

HOUR_MINUTES, QUARTER_MINUTES, DAY_MINUTES = 60, 15, 1_440

MIN_REAL_FRAC = 1 / 3
"""Share of an hour's or a quarter hour's minutes that must have been traded in; with fewer nobody knows what it was
like. A pair that trades in every third minute is still judged."""
MIN_PAST_HOURS, MIN_PAST_QUARTERS = 24, 96
"""A day at least: volatility and volume have a season of one day."""
PAST_DAYS = 30
"""The look-back of an epoch; older minutes are not looked at even where there are some."""
MIN_DAY_FRAC = 0.5
"""Share of the last day's minutes that must be there to know its highest price."""
OLDEST_READING = timedelta(hours=1)
"""An earlier reading of the quote token's price confirms this one only if it is not older."""

SPIKE_DEVIATIONS = 3.0
"""Standard deviations over the mean from which an hour is unusual: the reference's multiple."""
SPIKE_MULTIPLE = 2.0
"""Where hours are all alike, three deviations are next to nothing (1.2 times the mean of a geometric Brownian path);
an hour is a spike only from twice the typical hour on."""
MIN_SPIKE_SIGMA_FRAC: dict[AssetClass, float] = {"stable": 0.001, "volatile": 0.005}
"""Sigma per square root hour below which no hour is a spike, however quiet the others were: 0.5 % is the typical hour
of BTC in January and of WETH in August 2022; 0.1 % is ten ticks of 0.01 %, in which exchanges quote stable pairs."""

DISPLACEMENT_SIGMAS = 4.0
"""Multiple of a typical hour's sigma that a move of an hour must exceed; the reference's later version."""
MIN_DISPLACEMENT_FRAC: dict[AssetClass, float] = {"stable": 0.003, "volatile": 0.02}
"""Move of an hour below which it is no displacement. Volatile: the reference's later version. Stable: 0.3 % is thirty
ticks, beyond the ranges such pairs are usually placed in."""
UNSCALED_DISPLACEMENT_FRAC: dict[AssetClass, float] = {"stable": 0.02, "volatile": 0.10}
"""The same while typical volatility is unknown: the reference's fixed limits, which no ordinary hour comes near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeFigures:
    """What a regime is judged by. ``None`` means unknown: it makes nobody worried, and nobody calm.

    Parameters
    ----------
    volatility_ratio
        Sigma of the last hour over the limit from which it is a spike.
    displacement_ratio
        Size of the log return of the last hour over the limit from which it is a displacement.
    volume_ratio
        Volume of the last quarter hour over the average of those before.
    drawdown_frac
        How far the price is below the highest close of the last 24 h, 0..1.
    depeg_frac
        Distance from 1 of the median close of the last quarter hour; of interest for stable pairs.
    quote_depeg_frac
        Distance from 1 of USD per quote token.
    lasting_quote_depeg_frac
        The smaller of that distance now and at the reading before, no older than an hour.
    quote_is_stable
        Whether the quote token is meant to be worth a dollar; its distance from 1 means nothing otherwise.
    """

    volatility_ratio: float | None = None
    displacement_ratio: float | None = None
    volume_ratio: float | None = None
    drawdown_frac: float | None = None
    depeg_frac: float | None = None
    quote_depeg_frac: float | None = None
    lasting_quote_depeg_frac: float | None = None
    quote_is_stable: bool = False


def regime_figures(
    epoch: Epoch,
    series: CandleSeries,
    snapshot: MarketSnapshot,
    past_snapshots: Sequence[MarketSnapshot],
    asset_class: AssetClass,
) -> RegimeFigures:
    r"""Return the figures of an epoch.

    Parameters
    ----------
    epoch, series
        Only minutes that open before the epoch are looked at, and 30 days of them at most.
    snapshot, past_snapshots
        USD per quote token now and before, oldest first.
    asset_class
        Whose thresholds the ratios are relative to.

    Notes
    -----
    Hours and quarter hours are counted back from the epoch. Sigma of an hour is Parkinson's over its traded minutes,
    :math:`\sigma^2 = \frac{60}{4 n \ln 2} \sum \ln(h_i/l_i)^2`; its limit is the largest of mean plus three
    deviations of the hours before, twice their median, and :data:`MIN_SPIKE_SIGMA_FRAC`. The limit of the move is
    :math:`\max(4 \tilde\sigma, m)` with their median :math:`\tilde\sigma` and :data:`MIN_DISPLACEMENT_FRAC`.
    """
    seen = series.between(epoch.epoch_at - timedelta(days=PAST_DAYS), epoch.epoch_at)
    end_ms = int(epoch.epoch_at.timestamp()) * 1000
    # What was found at earlier epochs holds for the very window it was found in.
    spans = series.spans if len(seen) == len(series) else None
    hours = _hour_sigmas(seen, end_ms, spans)
    lately = _traded_lately(seen, end_ms)
    quote_is_stable = bool(snapshot.pools) and all(s.pool.quote.asset_class == "stable" for s in snapshot.pools)
    quote_depeg = _depeg(snapshot.quote_usd)
    return RegimeFigures(
        volatility_ratio=_volatility_ratio(hours, asset_class),
        displacement_ratio=_displacement_ratio(seen, lately, end_ms, hours.typical, asset_class),
        volume_ratio=_volume_ratio(seen, lately, end_ms, spans),
        drawdown_frac=_drawdown_frac(seen, lately, end_ms),
        depeg_frac=_depeg(_median_close(lately)),
        quote_depeg_frac=quote_depeg,
        lasting_quote_depeg_frac=_lasting(quote_depeg, epoch, past_snapshots),
        quote_is_stable=quote_is_stable,
    )


_Spans = dict[SpanKey, tuple[IntArray, FloatArray]]


class _Hours(NamedTuple):
    """Sigma per square root hour of the last hour and of those before; ``None`` and absent where unknown.

    ``typical`` is the median of those before, ``None`` where they are too few.
    """

    last: float | None
    past: FloatArray
    typical: float | None


def _hour_sigmas(seen: CandleSeries, end_ms: int, spans: _Spans | None) -> _Hours:
    minutes, sums = _sums("variance", seen, end_ms, HOUR_MINUTES * MINUTE_MS, spans)
    known = minutes >= MIN_REAL_FRAC * HOUR_MINUTES
    sigmas = np.sqrt(HOUR_MINUTES * sums / np.maximum(minutes, 1))
    past = sigmas[1:][known[1:]]
    typical = _median(past) if past.size >= MIN_PAST_HOURS else None
    return _Hours(last=float(sigmas[0]) if known[0] else None, past=past, typical=typical)


def _sums(
    name: str, seen: CandleSeries, end_ms: int, span_ms: int, spans: _Spans | None
) -> tuple[IntArray, FloatArray]:
    """Variance of traded minutes or volume of all, by spans counted back; only the last one where others are known.

    A window of whole spans slides by whole spans: of those before, the oldest leaves it and none is cut.
    """
    known = None if spans is None else spans.pop((name, span_ms, end_ms - span_ms), None)
    lately = seen if known is None else seen.rows(slice(int(seen.ts_ms.searchsorted(end_ms - span_ms)), None))
    if name == "variance":
        values, left_out = lately.log_variance, lately.filled
    else:
        values, left_out = lately.volume, np.zeros(len(lately), dtype=np.bool_)
    counts, sums = sums_back(lately.ts_ms, values, left_out, end_ms, span_ms)
    if known is not None:
        most = PAST_DAYS * DAY_MINUTES * MINUTE_MS // span_ms
        counts, sums = np.concatenate([counts, known[0]])[:most], np.concatenate([sums, known[1]])[:most]
    if spans is not None:
        for key in [key for key in spans if key[0] == name and key[2] <= end_ms - span_ms]:
            del spans[key]  # an epoch that would have gone on from it was not decided
        spans[name, span_ms, end_ms] = counts, sums
    return counts, sums


@compiled
def sums_back(
    ts_ms: IntArray, values: FloatArray, left_out: BoolArray, end_ms: int, span_ms: int
) -> tuple[IntArray, FloatArray]:
    """Return the number of rows and the sum of their values by spans counted back from an end, the last one first.

    Parameters
    ----------
    ts_ms, values, left_out : shape (n,)
        Ascending times before the end, and which rows do not count. Spans reach back to the first that does.
    end_ms, span_ms
        The end and the length of a span.
    """
    rows, first = ts_ms.shape[0], 0
    while first < rows and left_out[first]:
        first += 1
    spans = (end_ms - 1 - ts_ms[first]) // span_ms + 1 if first < rows else 1
    counts, sums = np.zeros(spans, dtype=np.int64), np.zeros(spans)
    for back in range(spans - 1, -1, -1):
        last_ms = end_ms - 1 - back * span_ms
        # Without a hole this is where the span ends: no need to look at every time.
        after = min(first + span_ms // MINUTE_MS, rows)
        while after > first and ts_ms[after - 1] > last_ms:
            after -= 1
        while after < rows and ts_ms[after] <= last_ms:
            after += 1
        count, total = 0, 0.0
        for row in range(first, after):
            if not left_out[row]:
                count, total = count + 1, total + values[row]
        counts[back], sums[back], first = count, total, after
    return counts, sums


def _volatility_ratio(hours: _Hours, asset_class: AssetClass) -> float | None:
    if hours.last is None or hours.typical is None:
        return None
    # numpy's mean and std, the mean being taken once.
    past, count = hours.past, hours.past.size
    mean = np.add.reduce(past) / count
    unusual = float(mean + SPIKE_DEVIATIONS * np.sqrt(np.add.reduce((past - mean) ** 2) / count))
    return hours.last / max(unusual, SPIKE_MULTIPLE * hours.typical, MIN_SPIKE_SIGMA_FRAC[asset_class])


def _displacement_ratio(
    seen: CandleSeries, lately: FloatArray, end_ms: int, typical: float | None, asset_class: AssetClass
) -> float | None:
    hour_ago_ms = end_ms - HOUR_MINUTES * MINUTE_MS
    before = int(seen.ts_ms.searchsorted(hour_ago_ms)) - 1
    # The close an hour ago is that of the minute which ended then: 60 minutes, not 59.
    if before < 0 or hour_ago_ms - int(seen.ts_ms[before]) > QUARTER_MINUTES * MINUTE_MS:
        return None
    if not lately.size:
        return None
    moved = abs(math.log(seen.close[-1]) - math.log(seen.close[before]))
    if typical is None:
        return moved / UNSCALED_DISPLACEMENT_FRAC[asset_class]
    return moved / max(DISPLACEMENT_SIGMAS * typical, MIN_DISPLACEMENT_FRAC[asset_class])


def _volume_ratio(seen: CandleSeries, lately: FloatArray, end_ms: int, spans: _Spans | None) -> float | None:
    if lately.size < MIN_REAL_FRAC * QUARTER_MINUTES:
        return None
    minutes, volumes = _sums("volume", seen, end_ms, QUARTER_MINUTES * MINUTE_MS, spans)
    past = volumes[1:][minutes[1:] > 0]
    if past.size < MIN_PAST_QUARTERS:
        return None
    usual = past.mean()
    return float(volumes[0] / usual) if usual > 0.0 else None


def _drawdown_frac(seen: CandleSeries, lately: FloatArray, end_ms: int) -> float | None:
    day = seen.close[int(seen.ts_ms.searchsorted(end_ms - DAY_MINUTES * MINUTE_MS)) :]
    if day.size < MIN_DAY_FRAC * DAY_MINUTES or not lately.size:
        return None
    return float(1.0 - day[-1] / day.max())


def _median_close(lately: FloatArray) -> float | None:
    return _median(lately) if lately.size >= MIN_REAL_FRAC * QUARTER_MINUTES else None


def _median(values: FloatArray) -> float:
    """What :func:`numpy.median` gives of numbers, in a third of its time."""
    half = values.size // 2
    if values.size % 2:
        return float(np.partition(values, half)[half])
    middle = np.partition(values, (half - 1, half))
    return float((middle[half - 1] + middle[half]) / 2.0)


def _traded_lately(seen: CandleSeries, end_ms: int) -> FloatArray:
    """Closes of the last quarter hour's traded minutes."""
    first = int(seen.ts_ms.searchsorted(end_ms - QUARTER_MINUTES * MINUTE_MS))
    return seen.close[first:][~seen.filled[first:]]


def _depeg(price: float | None) -> float | None:
    return None if price is None or not math.isfinite(price) else abs(price - 1.0)


def _lasting(now: float | None, epoch: Epoch, past_snapshots: Sequence[MarketSnapshot]) -> float | None:
    latest = next((one for one in reversed(past_snapshots) if epoch.epoch_at - one.epoch_at >= EPOCH_LENGTH), None)
    recent = latest is not None and epoch.epoch_at - latest.epoch_at <= OLDEST_READING
    before = _depeg(latest.quote_usd) if latest is not None and recent else None
    return None if now is None or before is None else min(now, before)
