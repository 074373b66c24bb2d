import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from alm_core.candles import ConsensusRules
from alm_core.model.candles import mask_of
from alm_core.model.errors import ConfigError, SourceUnavailable
from alm_resources.candles import CcxtCandleFeed
from alm_resources.registry import load_registry
from alm_tests.resources.candles.exchanges import Market
from alm_tests.resources.candles.scene import PAIR, at, feed_of, fetch, minutes, ms, overlay_text
from alm_tests.resources.http.stub import Answer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")
TWO = ConsensusRules(min_sources=2)


def details(fetched: object) -> list[str]:
    return [problem.detail for problem in fetched.problems]  # type: ignore[attr-defined]


def test_venues_agree_and_a_failing_one_is_named(tmp_path: Path) -> None:
    markets = {
        "binance": Market(minutes(-60, 60, price=2000.0)),
        "okx": Market(minutes(-60, 60, price=2000.1)),
        "bybit": Market(minutes(-60, 60), distort=lambda _: []),
    }
    with feed_of(tmp_path, markets, rules=TWO) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert fetched.sources == ("binance", "okx")
    assert fetched.series.close[0] == pytest.approx(2001.05)
    assert [problem.source for problem in fetched.problems] == ["bybit"]
    assert fetched.series.quality is not None
    assert set(fetched.series.quality.used.tolist()) == {mask_of(["binance", "okx"])}


def test_a_bad_candle_drops_the_exchange_and_names_it_with_cause(tmp_path: Path) -> None:
    def spoiled(rows: list[list[object]]) -> list[list[object]]:
        rows[10][4] = "NaN"
        return rows

    markets = {"binance": Market(minutes(-60, 60), spoiled), "okx": Market(minutes(-60, 60))}
    with feed_of(tmp_path, markets) as (feed, _):
        fetched = fetch(feed, 0, 50)
    (problem,) = fetched.problems
    assert problem.source == "binance"
    assert problem.detail == "minute 2026-10-31T23:10Z: close is 'NaN', not a finite number"
    assert fetched.sources == ("okx",)


def test_if_every_exchange_fails_the_error_names_each(tmp_path: Path) -> None:
    markets = {"binance": Market({}), "okx": Market({})}
    with (
        feed_of(tmp_path, markets) as (feed, _),
        pytest.raises(SourceUnavailable, match=r"candles of WETH-USDC: every exchange failed: binance: .*; okx: "),
    ):
        fetch(feed, 0, 50)


def test_fewer_exchanges_than_needed_give_no_price_and_say_so(tmp_path: Path) -> None:
    markets = {"binance": Market(minutes(-60, 60)), "okx": Market({})}
    with feed_of(tmp_path, markets, rules=TWO) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert len(fetched.series) == 0
    assert fetched.sources == ("binance",)
    assert [(found.start_at, found.minutes) for found in fetched.no_consensus] == [(at(0), 50)]
    said = details(fetched)
    assert said[0].startswith("ETH/USDC: no minute between")
    assert said[1] == "only 1 of the pair's exchanges answered, 2 are needed for a consensus"
    assert said[2].startswith("no consensus for 50 minutes from 2026-11-01T00:00:00+00:00: only binance has")
    assert len(said) == 3


def test_minutes_that_two_exchanges_dispute_are_absent_and_not_filled(tmp_path: Path) -> None:
    other = minutes(-60, 60)
    for n in (20, 21, 22):
        other[ms(n)] = [2200.0, 2201.0, 2199.0, 2200.0, 1.0]
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 60)), "okx": Market(other)}, rules=TWO) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert fetched.series.ts_ms.tolist() == [ms(n) for n in range(50) if n not in (20, 21, 22)]
    assert not fetched.series.filled.any()
    assert [(found.start_at, found.minutes) for found in fetched.no_consensus] == [(at(20), 3)]
    (detail,) = details(fetched)
    assert "no consensus for 3 minutes" in detail
    assert "binance 2006" in detail
    assert "okx 2200" in detail


def test_many_disputes_are_named_five_at_a_time(tmp_path: Path) -> None:
    other = minutes(-60, 60)
    for n in range(0, 24, 3):
        other[ms(n)] = [2200.0, 2201.0, 2199.0, 2200.0, 1.0]
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 60)), "okx": Market(other)}, rules=TWO) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert len(fetched.no_consensus) == 8
    said = details(fetched)
    assert len(said) == 6
    assert said[-1] == "no consensus in 3 further ranges of 3 minutes together"


def test_a_dispute_before_the_window_is_no_part_of_it(tmp_path: Path) -> None:
    other = minutes(-60, 60)
    for n in range(-20, 5):
        other[ms(n)] = [2200.0, 2201.0, 2199.0, 2200.0, 1.0]
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 60)), "okx": Market(other)}, rules=TWO) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert [(found.start_at, found.minutes) for found in fetched.no_consensus] == [(at(0), 5)]
    assert fetched.series.ts_ms[0] == ms(5)


def test_a_long_gap_beside_a_dispute_is_named_for_itself(tmp_path: Path) -> None:
    mine, other = minutes(-60, 300), minutes(-60, 300)
    for n in range(100, 200):
        del mine[ms(n)], other[ms(n)]
    for n in range(200, 205):
        other[ms(n)] = [2200.0, 2201.0, 2199.0, 2200.0, 1.0]
    with feed_of(tmp_path, {"binance": Market(mine), "okx": Market(other)}, rules=TWO) as (feed, _):
        said = details(fetch(feed, 0, 290))
    assert said[0].startswith(f"no consensus for 5 minutes from {at(200).isoformat()}")
    assert said[1:] == [f"gap of 100 minutes from {at(100).isoformat()} on no exchange"]


def test_many_gaps_are_named_five_at_a_time(tmp_path: Path) -> None:
    data = {ts: row for ts, row in minutes(-60, 1000).items() if (ts - ms(0)) // 60_000 % 100 < 20}
    with feed_of(tmp_path, {"binance": Market(data)}) as (feed, _):
        said = details(fetch(feed, 0, 900))
    assert said[0] == f"gap of 80 minutes from {at(20).isoformat()} on no exchange"
    assert said[5] == "4 further gaps of 320 minutes together"
    assert len(said) == 6


def test_a_gap_at_the_start_takes_the_close_before_the_window(tmp_path: Path) -> None:
    data = {ts: row for ts, row in minutes(-60, 60).items() if not ms(-3) <= ts < ms(4)}
    with feed_of(tmp_path, {"binance": Market(data)}) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert fetched.problems == ()
    assert fetched.series.filled.tolist() == [True] * 4 + [False] * 46
    assert fetched.series.close[0] == data[ms(-4)][3]


def test_a_price_that_went_stale_before_the_end_is_a_problem(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 30))}) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert [detail.split(" minutes")[0] for detail in details(fetched)] == ["last traded minute is 20"]


def test_an_exchange_that_disagrees_with_two_others_throughout_is_a_problem(tmp_path: Path) -> None:
    markets = {name: Market(minutes(-60, 60)) for name in ("binance", "okx", "mexc")}
    markets["mexc"] = Market(minutes(-60, 60, price=2200.0))
    with feed_of(tmp_path, markets) as (feed, _):
        fetched = fetch(feed, 0, 50)
    (problem,) = fetched.problems
    assert problem.source == "mexc"
    assert problem.detail == "disagreed with the others in 110 of 110 minutes and was left out of them"
    assert fetched.series.close[0] == pytest.approx(2001.0)


def test_what_gate_no_longer_keeps_is_a_problem_and_its_rest_is_used(tmp_path: Path) -> None:
    markets = {"gate": Market(minutes(0, 12_000)), "binance": Market(minutes(-60, 12_000))}
    with feed_of(tmp_path, markets) as (feed, _):
        fetched = fetch(feed, 0, 11_990)
    assert fetched.sources == ("gate", "binance")
    (problem,) = fetched.problems
    assert problem.source == "gate"
    assert "2160 minutes from 2026-10-31T23:00Z to 2026-11-02T11:00Z are lost" in problem.detail
    assert len(fetched.series) == 11_990


def test_a_rate_limit_on_one_exchange_leaves_the_others(tmp_path: Path) -> None:
    with feed_of(
        tmp_path, {"binance": Market(minutes(-60, 60)), "okx": Market(minutes(-60, 60))}, sleep=lambda _: None
    ) as (feed, stubs):
        stubs["okx"].handler = lambda _: Answer({"code": "50011", "msg": "Too Many Requests", "data": []}, status=429)
        fetched = fetch(feed, 0, 50)
    (problem,) = fetched.problems
    assert problem.source == "okx"
    assert "HTTP 429, RateLimitExceeded" in problem.detail
    assert fetched.sources == ("binance",)


def test_an_exchange_that_is_not_supported_is_a_config_error(tmp_path: Path) -> None:
    overlay = tmp_path / "registry.toml"
    overlay.write_text(overlay_text({"nowhere": "http://127.0.0.1:1"}, [(PAIR, "nowhere", "ETH/USDC", None)]))
    with pytest.raises(ConfigError, match="nowhere"):
        fetch(CcxtCandleFeed(load_registry(overlay)), 0, 50)


def test_a_budget_is_made_for_every_real_exchange_and_no_stand_in(tmp_path: Path) -> None:
    made: list[str] = []
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 60))}, budget_of=made.append) as (feed, _):
        fetch(feed, 0, 50)
        assert made == []
        feed._exchange("okx")
    assert made == ["okx"]


def test_a_month_of_two_venues_is_read_in_seconds(tmp_path: Path) -> None:
    data = minutes(-60, 43_260)
    with feed_of(tmp_path, {"binance": Market(data), "bybit": Market(data)}) as (feed, _):
        began = time.perf_counter()
        fetched = fetch(feed, 0, 43_200)
        seconds = time.perf_counter() - began
    assert len(fetched.series) == 43_200
    assert not np.isnan(fetched.series.close).any()
    assert seconds < 30, f"{seconds:.1f} s"


def test_the_real_ccxt_can_still_be_imported_after_the_light_one() -> None:
    code = (
        "import sys\n"
        "from alm_resources.candles import ccxt_lib\n"
        "light = ccxt_lib.exchange_class('binance')\n"
        "assert 'ccxt' not in sys.modules and 'ccxt.kraken' not in sys.modules\n"
        "import ccxt\n"
        "assert ccxt.binance is light and ccxt.kraken and ccxt.BaseError is ccxt_lib.errors().BaseError\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_importing_the_feed_does_not_import_ccxt() -> None:
    code = "import sys, alm_resources.candles; assert not [m for m in sys.modules if m.startswith('ccxt')]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
