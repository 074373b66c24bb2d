"""Six exchanges of which four misbehave, each in its own way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alm_core.candles import ConsensusRules
from alm_core.model.candles import CandleSeries, exchanges_of
from alm_core.model.ports import CandleFetch
from alm_tests.core.forces.tapes import walk
from alm_tests.resources.candles.exchanges import EXCHANGES, MINUTE_MS, Market, Minutes
from alm_tests.resources.candles.scene import at, feed_of, fetch, ms
from alm_tests.resources.http.stub import Answer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")
HOURS = 8
TRUTH = walk((HOURS * 60 + 120) / 1440, end_at=at(HOURS * 60 + 60), seed=5)
FIRST_MS = int(TRUTH.ts_ms[0])
STAND_STILL_AT = 100


def seen_by(venue: int, factor: float = 1.0) -> Minutes:
    """The truth as an honest exchange prints it: a steady distance of its own and some noise, half a basis point."""
    noise = 1 + np.random.default_rng(venue).normal(0, 0.3e-4, (len(TRUTH), 2)) + (venue - 2.5) * 0.1e-4
    opened, close = TRUTH.open * noise[:, 0] * factor, TRUTH.close * noise[:, 1] * factor
    high = np.maximum.reduce([TRUTH.high * factor, opened, close])
    low = np.minimum.reduce([TRUTH.low * factor, opened, close])
    rows = np.column_stack([opened, high, low, close, TRUTH.volume + 0.1]).tolist()
    return dict(zip(TRUTH.ts_ms.tolist(), rows, strict=True))


def frozen(data: Minutes) -> Minutes:
    """From a minute on the exchange repeats its last price."""
    last = data[ms(STAND_STILL_AT)][3]
    return {ts: row if ts <= ms(STAND_STILL_AT) else [last, last, last, last, 0.0] for ts, row in data.items()}


def with_gaps(data: Minutes) -> Minutes:
    gone = np.random.default_rng(3).random(len(data)) < 0.2
    return {ts: row for (ts, row), missing in zip(data.items(), gone, strict=True) if not missing}


def errors_bps(fetched: CandleFetch, column: str = "close") -> Any:
    at_truth = np.searchsorted(TRUTH.ts_ms, fetched.series.ts_ms)
    truth: CandleSeries = TRUTH.rows(at_truth)
    return np.abs(getattr(fetched.series, column) / getattr(truth, column) - 1) * 1e4


@pytest.mark.parametrize("turn", range(6))
def test_one_liar_one_frozen_one_limited_and_one_with_gaps_do_not_move_the_price(tmp_path: Path, turn: int) -> None:
    names = [*list(EXCHANGES)[turn:], *list(EXCHANGES)[:turn]]
    liar, still, limited, gappy, *_ = names
    data = {name: seen_by(venue) for venue, name in enumerate(names)}
    data[liar], data[still], data[gappy] = seen_by(0, 1.01), frozen(data[still]), with_gaps(data[gappy])
    with feed_of(
        tmp_path,
        {name: Market(rows) for name, rows in data.items()},
        rules=ConsensusRules(),
        attempts=2,
        sleep=lambda _: None,
    ) as (feed, stubs):
        stubs[limited].handler = lambda _: Answer({"code": 429, "msg": "Too Many Requests"}, status=429)
        fetched = fetch(feed, 0, HOURS * 60)
    assert errors_bps(fetched).max() <= 2.0
    assert not fetched.series.filled.any()
    # Every minute is there, or it is said why not.
    silent = {int(ts) for ts in range(ms(0), ms(HOURS * 60), MINUTE_MS)} - set(fetched.series.ts_ms.tolist())
    for found in fetched.no_consensus:
        assert found.reason
        start = ms(int((found.start_at - at(0)).total_seconds()) // 60)
        silent -= set(range(start, start + found.minutes * MINUTE_MS, MINUTE_MS))
    assert silent == set()
    assert len(fetched.series) > HOURS * 60 * 0.7
    assert {limited, liar, still} <= {problem.source for problem in fetched.problems}
    assert next(problem for problem in fetched.problems if problem.source == limited).detail.startswith("HTTP 429")
    assert limited not in fetched.sources
    assert fetched.series.quality is not None
    used = {name for mask in fetched.series.quality.used.tolist() for name in exchanges_of(mask)}
    assert liar not in used
    late = fetched.series.quality.used[fetched.series.ts_ms > ms(STAND_STILL_AT + 30)]
    moved = [still in exchanges_of(mask) for mask in late.tolist()]
    assert np.mean(moved) < 0.05


def test_with_two_honest_ones_against_two_liars_that_agree_there_is_no_price(tmp_path: Path) -> None:
    data = {name: seen_by(venue, 1.01 if venue < 2 else 1.0) for venue, name in enumerate(list(EXCHANGES)[:4])}
    markets = {name: Market(rows) for name, rows in data.items()}
    with feed_of(tmp_path, markets, rules=ConsensusRules()) as (feed, _):
        fetched = fetch(feed, 0, 60)
    assert len(fetched.series) == 0
    assert sum(found.minutes for found in fetched.no_consensus) == 60
    assert "disagree" in fetched.no_consensus[0].reason
