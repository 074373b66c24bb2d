"""The consensus minute by minute in plain Python: what the columns have to equal, and to outrun."""

from collections.abc import Sequence
from statistics import median, median_low

from alm_core.candles import ConsensusRules, VenueSeries
from alm_core.model.candles import EXCHANGES, MINUTE_MS

Candle = tuple[float, float, float, float, float]
Minute = tuple[Candle, frozenset[str], frozenset[str]]
"""Open, high, low, close and volume; the venues used; the venues vetoed."""


def consensus_minutes(venues: Sequence[VenueSeries], rules: ConsensusRules) -> dict[int, Minute | None]:
    """By open time; ``None`` where there is no consensus."""
    table = {each.venue: rows_of(each) for each in sorted(venues, key=lambda each: EXCHANGES.index(each.venue))}
    weights = {each.venue: each.weight for each in venues}
    cold = {name: frozen_times(name, table, rules) for name in table}
    found: dict[int, Minute | None] = {}
    for ts in sorted({ts for rows in table.values() for ts in rows}):
        present = {name: rows[ts] for name, rows in table.items() if ts in rows}
        live = {name: candle for name, candle in present.items() if ts not in cold[name]}
        kept = agreeing(live, weights, rules)
        if len(kept) * 2 <= len(live) or len(kept) < rules.min_sources:
            found[ts] = None
            continue
        candle = combined({name: live[name] for name in kept}, weights, rules)
        found[ts] = (candle, frozenset(kept), frozenset(present) - frozenset(kept))
    return found


def rows_of(each: VenueSeries) -> dict[int, Candle]:
    series = each.series
    columns = (series.open, series.high, series.low, series.close, series.volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    real = zip(series.ts_ms.tolist(), rows, series.filled.tolist(), strict=True)
    return {ts: row for ts, row, is_filled in real if not is_filled}


def frozen_times(name: str, table: dict[str, dict[int, Candle]], rules: ConsensusRules) -> set[int]:
    runs: list[list[int]] = []
    before = None
    for ts, candle in sorted(table[name].items()):
        if candle[1] == candle[2]:
            goes_on = (
                before is not None
                and table[name][before][1] == table[name][before][2] == candle[1]
                and ts - before <= rules.frozen_minutes * MINUTE_MS
            )
            if goes_on:
                runs[-1].append(ts)
            else:
                runs.append([ts])
        before = ts
    return {ts for run in runs if len(run) >= rules.frozen_minutes for ts in cold_part(name, run, table, rules)}


def cold_part(name: str, run: list[int], table: dict[str, dict[int, Candle]], rules: ConsensusRules) -> list[int]:
    seen: list[float] = []
    for place, ts in enumerate(run):
        others = [rows[ts][3] for other, rows in table.items() if other != name and ts in rows]
        if others:
            seen.append(median(others))
        if seen and max(seen) - min(seen) >= rules.frozen_move_bps * 1e-4 * min(seen):
            return run[max(0, place - rules.frozen_minutes) :]
    return []


def agreeing(live: dict[str, Candle], weights: dict[str, float], rules: ConsensusRules) -> list[str]:
    if not live:
        return []
    middle = median(candle[3] for candle in live.values())
    wide = median_low([candle[1] - candle[2] for candle in live.values()])
    tolerance = max(rules.tolerance_bps * 1e-4 * middle, rules.tolerance_range_frac * wide)
    best: tuple[tuple[float, float, float], list[str]] | None = None
    for name in live:
        near = [o for o in live if all(abs(live[o][at] - live[name][at]) <= tolerance for at in (0, 3))]
        rank = (float(len(near)), sum(weights[o] for o in near), -abs(live[name][3] - middle))
        if best is None or rank > best[0]:
            best = (rank, near)
    assert best is not None
    return best[1]


def combined(kept: dict[str, Candle], weights: dict[str, float], rules: ConsensusRules) -> Candle:
    total = sum(weights[name] for name in kept)
    prices: list[float] = []
    for column in range(4):
        middle = median(candle[column] for candle in kept.values())
        reach = rules.clip_bps * 1e-4 * middle
        pulled = {name: min(max(kept[name][column], middle - reach), middle + reach) for name in kept}
        mean = sum(pulled[name] * (weights[name] / total) for name in kept)
        prices.append(min(max(mean, min(pulled.values())), max(pulled.values())))
    opened, high, low, close = prices
    volume = sum(candle[4] for candle in kept.values())
    return opened, max(high, opened, close), min(low, opened, close), close, volume
