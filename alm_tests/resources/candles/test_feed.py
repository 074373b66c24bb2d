import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alm_core.model.errors import BadAnswer, ConfigError, SourceUnavailable
from alm_core.model.ports import CandleFetch
from alm_resources.candles import CcxtCandleFeed
from alm_resources.candles import exchange as exchange_module
from alm_resources.candles.pages import read_page
from alm_resources.registry import load_registry
from alm_tests.resources.candles.exchanges import EXCHANGES, MINUTE_MS, Market, Minutes
from alm_tests.resources.http.stub import Answer, FakeTime, Stub, http_stub

START = datetime(2026, 11, 1, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def ms(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def minutes(first: int, after: int, price: float = 2000.0) -> Minutes:
    return {
        ms(n): [price + n % 7, price + n % 7 + 2, price + n % 7 - 1, price + n % 7 + 1, 3.5]
        for n in range(first, after)
    }


@contextmanager
def feed_of(
    tmp_path: Path, markets: dict[str, Market], **options: Any
) -> Iterator[tuple[CcxtCandleFeed, dict[str, Stub]]]:
    with ExitStack() as stack:
        stubs = {
            name: stack.enter_context(http_stub(lambda request, name=name: EXCHANGES[name](markets[name], request)))
            for name in markets
        }
        overlay = tmp_path / "registry.toml"
        overlay.write_text(overlay_text({name: stub.url for name, stub in stubs.items()}))
        yield CcxtCandleFeed(load_registry(overlay), **options), stubs


def overlay_text(urls: dict[str, str]) -> str:
    text = '[meta]\nmode = "replace"\n[[pairs]]\nid = "WETH-USDC"\n'
    text += 'base = "WETH"\nquote = "USDC"\nasset_class = "volatile"\n'
    for name in urls:
        text += f'[[sources]]\npair = "WETH-USDC"\nexchange = "{name}"\nsymbol = "ETH/USDC"\nweight = 1.0\n'
    text += '[services]\ngeckoterminal_url = "http://x"\nlifi_url = "http://x"\n[services.exchange_urls]\n'
    return text + "".join(f'{name} = "{url}"\n' for name, url in urls.items())


def fetch(feed: CcxtCandleFeed, first: int, after: int) -> CandleFetch:
    return feed.fetch_candles("WETH-USDC", at(first), at(after))


@pytest.mark.parametrize("name", EXCHANGES)
def test_each_exchange_gives_every_closed_minute_once_over_many_pages(tmp_path: Path, name: str) -> None:
    data = minutes(-100, 2600)
    with feed_of(tmp_path, {name: Market(data)}) as (feed, _):
        fetched = fetch(feed, 0, 2500)
    assert fetched.problems == ()
    assert fetched.sources == (name,)
    assert fetched.series.ts_ms.tolist() == [ms(n) for n in range(2500)]
    assert not fetched.series.filled.any()
    for column, position in (("open", 0), ("high", 1), ("low", 2), ("close", 3), ("volume", 4)):
        assert getattr(fetched.series, column).tolist() == [data[ms(n)][position] for n in range(2500)]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_gap_wider_than_a_page_ends_the_reading_of_no_exchange(tmp_path: Path, name: str) -> None:
    data = {ts: row for ts, row in minutes(-60, 2500).items() if not ms(100) <= ts < ms(1900)}
    with feed_of(tmp_path, {name: Market(data)}) as (feed, _):
        fetched = fetch(feed, 0, 2500)
    assert fetched.series.ts_ms.tolist() == [ms(n) for n in [*range(100), *range(1900, 2500)]]
    assert [problem.detail for problem in fetched.problems] == [
        f"gap of 1800 minutes from {at(100).isoformat()} on no exchange"
    ]


def test_the_minute_that_is_still_open_never_enters(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 200))}) as (feed, _):
        assert fetch(feed, 0, 100).series.ts_ms[-1] == ms(99)


def test_venues_are_merged_and_a_failing_one_is_named(tmp_path: Path) -> None:
    markets = {
        "binance": Market(minutes(-60, 50, price=2000.0)),
        "okx": Market(minutes(-60, 50, price=2010.0)),
        "bybit": Market(minutes(-60, 50), distort=lambda _: []),
    }
    with feed_of(tmp_path, markets) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert fetched.sources == ("binance", "okx")
    assert fetched.series.close[0] == pytest.approx(2006.0)
    assert [problem.source for problem in fetched.problems] == ["bybit"]


def set_at(position: int, value: Any) -> Callable[[list[list[Any]]], list[list[Any]]]:
    def distort(rows: list[list[Any]]) -> list[list[Any]]:
        if len(rows) > 10:
            rows[10][position] = value
        return rows

    return distort


BAD_PAGES: dict[str, tuple[Callable[[list[list[Any]]], list[list[Any]]], str]] = {
    "NaN": (set_at(4, "NaN"), "close is nan, not a finite number"),
    "infinity": (set_at(2, "Infinity"), "high is inf, not a finite number"),
    "null": (set_at(1, None), "open is None, not a finite number"),
    "text": (set_at(3, "low"), "low is"),
    "negative price": (set_at(3, "-1"), "low is -1.0, must be positive"),
    "zero price": (set_at(1, "0"), "open is 0.0, must be positive"),
    "negative volume": (set_at(5, "-0.5"), "volume is -0.5, must not be negative"),
    "high below low": (set_at(2, "1"), "do not enclose"),
    "reversed": (lambda rows: rows[::-1], "rows must be ascending"),
    "duplicated": (lambda rows: [rows[0], *rows], "rows must be ascending"),
    "off the minute": (set_at(0, ms(-50) + 1), "does not open on a whole minute"),
    "no time": (set_at(0, None), "open time is None"),
}


@pytest.mark.parametrize("kind", BAD_PAGES)
def test_a_bad_candle_drops_the_exchange_and_names_it_with_symbol_and_cause(tmp_path: Path, kind: str) -> None:
    distort, named = BAD_PAGES[kind]
    markets = {"binance": Market(minutes(-60, 50), distort), "okx": Market(minutes(-60, 50))}
    with feed_of(tmp_path, markets) as (feed, _):
        fetched = fetch(feed, 0, 50)
    (problem,) = fetched.problems
    assert problem.source == "binance"
    assert named in problem.detail
    assert fetched.sources == ("okx",)


def test_a_bad_candle_is_named_by_its_minute(tmp_path: Path) -> None:
    with (
        feed_of(tmp_path, {"binance": Market(minutes(-60, 50), set_at(4, "NaN"))}) as (feed, _),
        pytest.raises(SourceUnavailable, match=r"binance: minute 2026-10-31T23:10Z: close is nan"),
    ):
        fetch(feed, 0, 50)


def test_ascending_rows_from_an_exchange_that_sends_descending_ones_are_refused(tmp_path: Path) -> None:
    with (
        feed_of(tmp_path, {"bybit": Market(minutes(-60, 50), lambda rows: rows[::-1])}) as (feed, _),
        pytest.raises(SourceUnavailable, match="rows must be descending"),
    ):
        fetch(feed, 0, 50)


def test_if_every_exchange_fails_the_error_names_each(tmp_path: Path) -> None:
    markets = {"binance": Market({}), "okx": Market({})}
    with (
        feed_of(tmp_path, markets) as (feed, _),
        pytest.raises(SourceUnavailable, match=r"candles of WETH-USDC: every exchange failed: binance: .*; okx: "),
    ):
        fetch(feed, 0, 50)


def answering(stub: Stub, *answers: Answer) -> None:
    left, usual = list(answers), stub.handler
    stub.handler = lambda request: left.pop(0) if left else usual(request)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(tmp_path: Path, status: int) -> None:
    clock = FakeTime()
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 50))}, sleep=clock.sleep) as (feed, stubs):
        answering(stubs["binance"], Answer({"code": -1003, "msg": "x"}, status=status))
        assert fetch(feed, 0, 50).problems == ()
        assert len(stubs["binance"].requests) == 2
    assert len(clock.slept) == 1


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    clock = FakeTime()
    limited = Answer({"code": -1003, "msg": "x"}, status=429, headers={"Retry-After": "7"})
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 50))}, sleep=clock.sleep) as (feed, stubs):
        answering(stubs["binance"], limited)
        fetch(feed, 0, 50)
    assert clock.slept == [7.0]


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"code": -1003, "msg": "banned"}, status=418),
        Answer({"code": 0, "msg": "restricted location"}, status=451),
        Answer({}, status=403),
        Answer({"code": -1003, "msg": "x"}, status=429, headers={"Retry-After": "3600"}),
        Answer({"code": -1121, "msg": "Invalid symbol."}, status=400),
    ],
    ids=["ban", "region", "forbidden", "long 429", "symbol"],
)
def test_a_block_a_ban_or_a_refusal_is_asked_once(tmp_path: Path, answer: Answer) -> None:
    clock = FakeTime()
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 50))}, sleep=clock.sleep) as (feed, stubs):
        stubs["binance"].handler = lambda _: answer
        with pytest.raises(SourceUnavailable, match=rf"binance: HTTP {answer.status}"):
            fetch(feed, 0, 50)
        assert len(stubs["binance"].requests) == 1
    assert clock.slept == []


def test_attempts_are_bounded(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"binance": Market({})}, sleep=lambda _: None) as (feed, stubs):
        stubs["binance"].handler = lambda _: Answer("oops", status=500)
        with pytest.raises(SourceUnavailable, match="HTTP 500"):
            fetch(feed, 0, 50)
        assert len(stubs["binance"].requests) == 3


@pytest.mark.parametrize("body", ["<html>", "[]]", '{"a": 1}', "[1, 2]", "[[1]]", "null", ""])
def test_an_answer_of_another_shape_is_named_as_such(tmp_path: Path, body: str) -> None:
    with feed_of(tmp_path, {"binance": Market({})}, sleep=lambda _: None) as (feed, stubs):
        stubs["binance"].handler = lambda _: Answer(body)
        with pytest.raises(SourceUnavailable, match=r"failed: binance: .*(unknown shape|no list|open is None)"):
            fetch(feed, 0, 50)


def test_a_timeout_is_named(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"binance": Market({})}, timeout_s=0.2, attempts=1) as (feed, stubs):

        def slow(_: object) -> Answer:
            time.sleep(0.6)
            return Answer([])

        stubs["binance"].handler = slow
        with pytest.raises(SourceUnavailable, match="binance: no answer, RequestTimeout"):
            fetch(feed, 0, 50)


def test_an_exchange_that_ignores_the_start_does_not_loop(tmp_path: Path) -> None:
    stuck = minutes(-2000, -1900)
    with feed_of(tmp_path, {"bybit": Market({})}) as (feed, stubs):
        rows = [[str(ts), *map(str, stuck[ts]), "0"] for ts in sorted(stuck, reverse=True)]
        stubs["bybit"].handler = lambda _: Answer({"retCode": 0, "retMsg": "OK", "result": {"list": rows}})
        with pytest.raises(SourceUnavailable, match="holds only earlier minutes"):
            fetch(feed, 0, 50)
        assert len(stubs["bybit"].requests) == 1


def test_an_error_inside_http_200_is_named(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"bybit": Market({})}) as (feed, stubs):
        stubs["bybit"].handler = lambda _: Answer({"retCode": 10001, "retMsg": "params error: symbol", "result": {}})
        with pytest.raises(SourceUnavailable, match=r"bybit: HTTP 200, BadRequest.*params error"):
            fetch(feed, 0, 50)


def test_a_gap_at_the_start_takes_the_close_before_the_window(tmp_path: Path) -> None:
    data = {ts: row for ts, row in minutes(-60, 50).items() if not ms(-3) <= ts < ms(4)}
    with feed_of(tmp_path, {"binance": Market(data)}) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert fetched.problems == ()
    assert fetched.series.filled.tolist() == [True] * 4 + [False] * 46
    assert fetched.series.close[0] == data[ms(-4)][3]


def test_a_price_that_went_stale_before_the_end_is_a_problem(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"binance": Market(minutes(-60, 30))}) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert [problem.detail.split(" minutes")[0] for problem in fetched.problems] == ["last traded minute is 20"]


def test_an_exchange_that_disagrees_with_two_others_throughout_is_a_problem(tmp_path: Path) -> None:
    markets = {name: Market(minutes(-60, 50)) for name in ("binance", "okx", "mexc")}
    markets["mexc"] = Market(minutes(-60, 50, price=2200.0))
    with feed_of(tmp_path, markets) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert [problem.source for problem in fetched.problems] == ["mexc"]
    assert fetched.series.close[0] == pytest.approx(2001.0)


def test_gate_is_not_asked_beyond_its_history(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"gate": Market(minutes(0, 12_000)), "binance": Market(minutes(-60, 12_000))}) as (
        feed,
        stubs,
    ):
        fetched = fetch(feed, 0, 12_000)
        assert fetched.problems == ()
        oldest = min(int(request.query["from"]) for request in stubs["gate"].requests)
    assert oldest * 1000 == ms(12_000 - 9_900)


def test_bitget_is_asked_in_pages_that_lose_nothing(tmp_path: Path) -> None:
    with feed_of(tmp_path, {"bitget": Market(minutes(-60, 450))}) as (feed, stubs):
        fetch(feed, 0, 450)
        assert {int(request.query["limit"]) for request in stubs["bitget"].requests} <= {200, 110}


def test_an_exchange_that_is_not_supported_is_a_config_error(tmp_path: Path) -> None:
    overlay = tmp_path / "registry.toml"
    overlay.write_text(overlay_text({"nowhere": "http://127.0.0.1:1"}))
    with pytest.raises(ConfigError, match="'nowhere'"):
        fetch(CcxtCandleFeed(load_registry(overlay)), 0, 50)


def test_the_throttle_of_a_real_exchange_stays_on() -> None:
    real = exchange_module.CcxtExchange(
        "binance", ["ETH/USDC"], base_url=None, timeout_s=1, attempts=1, sleep=lambda _: None
    )
    client = real._connected()
    assert client.enableRateLimit is True
    assert "binance.com" in str(client.urls["api"])


def test_a_month_of_two_venues_is_read_in_seconds(tmp_path: Path) -> None:
    data = minutes(-60, 43_200)
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


RECORDED = (
    Path(os.environ.get("ALM_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data")) / "ccxt_like_klines"
)


def recorded_rows(name: str, rows: list[Any]) -> list[Any]:
    recorded = exchange_module.CcxtExchange(
        name, ["BTC/USDT"], base_url="http://127.0.0.1:1", timeout_s=1, attempts=1, sleep=lambda _: None
    )
    client = recorded._connected()
    return client.parse_ohlcvs(rows, client.market("BTC/USDT"), "1m", None, None)


@pytest.mark.reference
@pytest.mark.skipif(not RECORDED.exists(), reason="recorded answers are not there")
def test_recorded_klines_of_binance_are_read() -> None:
    rows = json.loads((RECORDED / "binance_resources_http_responses_http_spot_market_klines.json").read_text())
    page = read_page("binance", recorded_rows("binance", rows), "ascending")
    assert len(page) == len(rows)
    assert page[0].tolist() == [1634943780000, 60685.22, 60729.84, 60670.9, 60719.27, 21.63272]


@pytest.mark.reference
@pytest.mark.skipif(not RECORDED.exists(), reason="recorded answers are not there")
def test_a_recorded_kline_of_bybit_off_the_minute_is_refused() -> None:
    body = json.loads((RECORDED / "bybit_http_get_klines_linear.json").read_text())
    with pytest.raises(BadAnswer, match="1709891679000 ms does not open on a whole minute"):
        read_page("bybit", recorded_rows("bybit", body["result"]["list"]), "descending")
