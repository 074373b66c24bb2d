"""One exchange at a time: paging, caps, the open minute, what it does not keep."""

import random
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer, SourceRejected
from alm_resources.candles import exchange as exchange_module
from alm_resources.candles.venues import VENUES
from alm_tests.resources.candles.exchanges import EXCHANGES, GATE_POINTS, MINUTE_MS, TIMES, Market
from alm_tests.resources.candles.scene import SYMBOL, before, klines, minutes, ms, read, serving
from alm_tests.resources.http.stub import Answer, Request

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")
CLOCKED = [name for name, venue in VENUES.items() if venue.clocked]


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_closed_minute_comes_once_over_many_pages(name: str) -> None:
    data = minutes(-100, 2600)
    with serving(name, Market(data)) as (asked, _):
        found = asked.fetch_minutes(SYMBOL, ms(0), ms(2500))
    assert found.problem is None
    assert found.series.ts_ms.tolist() == [ms(n) for n in range(2500)]
    for column, position in (("open", 0), ("high", 1), ("low", 2), ("close", 3), ("volume", 4)):
        assert getattr(found.series, column).tolist() == [data[ms(n)][position] for n in range(2500)]


@pytest.mark.parametrize("name", EXCHANGES)
def test_pages_asked_at_once_give_what_pages_asked_in_turn_give(name: str) -> None:
    holes = set(random.Random(7).sample(range(3000), 600)) | set(range(1200, 1900))
    data = {ts: row for n, (ts, row) in enumerate(sorted(minutes(0, 3000).items())) if n not in holes}
    results = []
    for workers in (1, 4):
        with serving(name, Market(data), workers=workers) as (asked, _):
            results.append(asked.fetch_minutes(SYMBOL, ms(0), ms(2990)).series)
    assert results[0].ts_ms.tolist() == [ts for ts in sorted(data) if ts < ms(2990)]
    assert results[0].ts_ms.tolist() == results[1].ts_ms.tolist()
    assert results[0].close.tolist() == results[1].close.tolist()


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_gap_wider_than_a_page_ends_the_reading_of_no_exchange(name: str) -> None:
    data = {ts: row for ts, row in minutes(0, 2500).items() if not ms(100) <= ts < ms(1900)}
    with serving(name, Market(data)) as (asked, _):
        assert read(asked, 0, 2500) == [*range(100), *range(1900, 2500)]


@pytest.mark.parametrize("name", EXCHANGES)
def test_no_request_asks_for_more_than_the_exchange_sends(name: str) -> None:
    with serving(name, Market(minutes(0, 3000))) as (asked, stub):
        read(asked, 0, 3000)
        spans = [span_of(name, request) for request in klines(stub)]
    assert max(spans) <= {"binance": 1000, "bybit": 1000, "okx": 300, "mexc": 500, "gate": 999, "bitget": 1000}[name]


def span_of(name: str, request: Request) -> int:
    query = request.query
    if name == "gate":
        return (int(query["to"]) - int(query["from"])) // 60 + 1
    return int(query["limit"])


@pytest.mark.parametrize("name", EXCHANGES)
def test_only_the_spot_market_is_asked_and_no_list_of_markets(name: str) -> None:
    with serving(name, Market(minutes(0, 100))) as (asked, stub):
        read(asked, 0, 90)
        paths = {request.path for request in stub.requests}
        markets = {request.query.get(key) for request in klines(stub) for key in ("symbol", "instId", "currency_pair")}
    assert not [path for path in paths if "nfo" in path or "instruments" in path or "symbols" in path]
    assert markets - {None} == {{"okx": "ETH-USDC", "gate": "ETH_USDC"}.get(name, "ETHUSDC")}


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_first_minute_is_the_one_asked_for(name: str) -> None:
    with serving(name, Market(minutes(-500, 500))) as (asked, _):
        assert read(asked, 7, 9) == [7, 8]
        assert read(asked, 7, 8) == [7]


def clocks(now_minute: float) -> dict[str, Any]:
    return {"now_ms": ms(0) + int(now_minute * MINUTE_MS)}


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_later_minute_proves_the_last_one_closed(name: str) -> None:
    # Half a second into minute 100: too soon for the clock.
    with serving(name, Market(minutes(0, 200), **clocks(100 + 0.5 / 60))) as (asked, _):
        assert read(asked, 0, 100) == list(range(100))
        assert read(asked, 0, 101) == list(range(100))


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize(("seconds", "last"), [(-30.0, 98), (1.0, 98), (2.0, 99), (30.0, 99)])
def test_without_a_later_minute_the_exchange_s_own_time_decides(name: str, seconds: float, last: int) -> None:
    with serving(name, Market(minutes(0, 100), **clocks(100 + seconds / 60))) as (asked, stub):
        assert read(asked, 0, 100) == list(range(last + 1))
        assert TIMES[name][0] in {request.path for request in stub.requests}


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_minute_that_was_open_when_read_is_read_again(name: str) -> None:
    data = minutes(0, 100)
    market = Market(data, **clocks(99.999))
    with serving(name, market) as (asked, stub):
        usual = stub.handler

        def handler(request: Request) -> Answer:
            answer = usual(request)
            if klines(stub) and market.now_ms < ms(100):
                # The minute ends right after the page was sent.
                market.now_ms = ms(100) + 5_000
                market.minutes = {**data, ms(99): [5000.0, 5001.0, 4999.0, 5000.5, 9.0]}
            return answer

        stub.handler = handler
        series = asked.fetch_minutes(SYMBOL, ms(0), ms(100)).series
    assert series.ts_ms[-1] == ms(99)
    assert series.close[-1] == 5000.5


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_range_that_has_not_begun_is_empty(name: str) -> None:
    with serving(name, Market(minutes(0, 100))) as (asked, _):
        assert read(asked, 500, 600) == []
        assert read(asked, 50, 6000) == list(range(50, 100))


@pytest.mark.parametrize("name", CLOCKED)
def test_an_exchange_in_another_year_is_read_by_its_own_clock(name: str) -> None:
    years = 5 * 365 * 1440
    with serving(name, Market(minutes(years, years + 500))) as (asked, _):
        assert read(asked, years, years + 490) == list(range(years, years + 490))


def test_binance_is_not_asked_for_its_time_where_a_later_minute_is_there() -> None:
    with serving("binance", Market(minutes(0, 200))) as (asked, stub):
        read(asked, 0, 100)
        assert [request.path for request in stub.requests] == ["/api/v3/klines"]


def test_gate_is_asked_no_further_back_than_it_keeps_from_its_own_now() -> None:
    # The end asked for is long before the exchange's now: its history counts from the latter.
    with serving("gate", Market(minutes(0, 12_000))) as (asked, stub):
        found = asked.fetch_minutes(SYMBOL, ms(0), ms(4_000))
        oldest = min(int(request.query["from"]) for request in klines(stub)) * 1000
    kept = 12_000 - 9_900
    assert oldest == ms(kept)
    assert found.series.ts_ms.tolist() == [ms(n) for n in range(kept, 4_000)]
    assert found.problem is not None
    assert f"{kept} minutes from 2026-11-01T00:00Z to 2026-11-02T11:00Z are lost" in found.problem


def test_gate_says_that_it_keeps_nothing_of_a_range_without_being_asked() -> None:
    with serving("gate", Market(minutes(0, 12_000))) as (asked, stub):
        found = asked.fetch_minutes(SYMBOL, ms(0), ms(1_000))
        assert klines(stub) == []
    assert len(found.series) == 0
    assert found.problem is not None
    assert "1000 minutes from 2026-11-01T00:00Z to 2026-11-01T16:40Z are lost" in found.problem


def test_gate_s_own_refusal_is_a_rejection() -> None:
    market = Market(minutes(0, 12_000))
    market.now_ms += 5 * MINUTE_MS
    with serving("gate", market) as (asked, stub):
        before(stub, Answer({"server_time": ms(3_000)}))
        with pytest.raises(SourceRejected, match=f"gate: HTTP 400, BadRequest.*Maximum {GATE_POINTS} points"):
            asked.fetch_minutes(SYMBOL, ms(0), ms(1_000))


def test_bitget_s_history_loses_nothing_where_pages_change_size() -> None:
    after = 31 * 1440
    with serving("bitget", Market(minutes(0, after))) as (asked, stub):
        assert read(asked, 0, after - 10) == list(range(after - 10))
        asked_of = {(request.path.rsplit("/", 1)[1], int(request.query["limit"])) for request in klines(stub)}
    assert ("history-candles", 200) in asked_of
    assert ("candles", 1000) in asked_of
    assert not [limit for path, limit in asked_of if path == "history-candles" and limit > 200]


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("keep", [slice(None, 90), slice(-90, None)], ids=["the first", "the last"])
def test_a_page_cut_without_a_word_is_asked_again_for_the_rest(name: str, keep: slice) -> None:
    with serving(name, Market(minutes(0, 700), lambda rows: rows[keep])) as (asked, _):
        assert read(asked, 0, 600) == list(range(600))


def test_an_exchange_that_sends_one_row_a_time_is_refused() -> None:
    with serving("binance", Market(minutes(0, 900), lambda rows: rows[:1])) as (asked, stub):
        with pytest.raises(BadAnswer, match="ever smaller pieces"):
            read(asked, 0, 800)
        assert len(klines(stub)) == exchange_module.MAX_PIECES + 1


def test_an_exchange_that_ignores_the_start_does_not_loop() -> None:
    stuck = minutes(-2000, -1900)
    rows = [[str(ts), *map(str, stuck[ts]), "0"] for ts in sorted(stuck, reverse=True)]
    with serving("bybit", Market({})) as (asked, stub):
        stub.handler = lambda _: Answer({"retCode": 0, "retMsg": "OK", "result": {"list": rows}, "time": ms(9)})
        with pytest.raises(BadAnswer, match="holds only earlier minutes"):
            read(asked, 0, 50)
        assert len(stub.requests) == 1
