"""One exchange at a time: bad answers, refusals, bans, limits and budgets."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer, ConfigError, SourceError, SourceRejected, SourceUnavailable
from alm_resources.candles import exchange as exchange_module
from alm_resources.candles.client import VenueClient
from alm_resources.candles.exchange import CcxtExchange
from alm_resources.candles.venues import VENUES
from alm_tests.resources.candles.exchanges import EXCHANGES, TIMES, Market
from alm_tests.resources.candles.scene import SYMBOL, before, exchange, exchange_stub, minutes, read, serving
from alm_tests.resources.http.stub import Answer, FakeTime

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")
CLOCKED = [name for name, venue in VENUES.items() if venue.clocked]


def set_at(position: int, value: Any) -> Callable[[list[list[Any]]], list[list[Any]]]:
    def distort(rows: list[list[Any]]) -> list[list[Any]]:
        if len(rows) > 10:
            rows[10][position] = value
        return rows

    return distort


CLOSE_AT = {"gate": 2}


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("value", ["NaN", None, "-1", "0", "abc"])
def test_a_bad_close_is_refused_from_every_exchange(name: str, value: Any) -> None:
    with (
        serving(name, Market(minutes(0, 60), set_at(CLOSE_AT.get(name, 4), value))) as (asked, _),
        pytest.raises(BadAnswer, match=rf"{name} ETH/USDC: minute 2026-11-01T00:\d\dZ: close is"),
    ):
        read(asked, 0, 50)


@pytest.mark.parametrize("name", EXCHANGES)
def test_rows_in_the_wrong_order_are_refused_from_every_exchange(name: str) -> None:
    with (
        serving(name, Market(minutes(0, 60), lambda rows: rows[::-1])) as (asked, _),
        pytest.raises(BadAnswer, match=f"rows must be {VENUES[name].order}"),
    ):
        read(asked, 0, 50)


REFUSALS: dict[str, Answer] = {
    "binance": Answer({"code": -1121, "msg": "Invalid symbol."}, status=400),
    "bybit": Answer({"retCode": 10001, "retMsg": "params error: Invalid symbol", "result": {}, "time": 1}),
    "okx": Answer({"code": "51001", "msg": "Instrument ID doesn't exist", "data": []}),
    "mexc": Answer({"code": -1121, "msg": "Invalid symbol."}, status=400),
    "gate": Answer({"label": "INVALID_CURRENCY_PAIR", "message": "Invalid symbol"}, status=400),
    "bitget": Answer({"code": "40034", "msg": "Invalid symbol doesn't exist", "data": None}, status=400),
}
LIMITS: dict[str, Answer] = {
    "binance": Answer({"code": -1003, "msg": "Too much request weight used"}, status=429),
    "bybit": Answer({"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "time": 1}),
    "okx": Answer({"code": "50011", "msg": "Too Many Requests", "data": []}, status=429),
    "mexc": Answer({"code": 429, "msg": "Too Many Requests"}, status=429),
    "gate": Answer({"label": "TOO_MANY_REQUESTS", "message": "Request Rate Limit Exceeded"}, status=429),
    "bitget": Answer({"code": "429", "msg": "Too Many Requests", "data": None}, status=429),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_refusal_in_the_words_of_each_exchange_is_asked_once(name: str) -> None:
    clock = FakeTime()
    with serving(name, Market(minutes(0, 60)), sleep=clock.sleep) as (asked, stub):
        stub.handler = lambda _: REFUSALS[name]
        with pytest.raises(SourceRejected, match=rf"{name}: HTTP {REFUSALS[name].status}, .*(symbol|Instrument)"):
            read(asked, 0, 50)
        assert len(stub.requests) == 1
    assert clock.slept == []


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_rate_limit_in_the_words_of_each_exchange_is_waited_out(name: str) -> None:
    clock = FakeTime()
    with serving(name, Market(minutes(0, 60)), sleep=clock.sleep) as (asked, stub):
        before(stub, LIMITS[name])
        assert read(asked, 0, 50) == list(range(50))
    assert len(clock.slept) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    clock = FakeTime()
    with serving("binance", Market(minutes(0, 60)), sleep=clock.sleep) as (asked, stub):
        before(stub, Answer({"code": -1003, "msg": "x"}, status=status))
        assert read(asked, 0, 50) == list(range(50))
        assert len(stub.requests) == 2
    assert len(clock.slept) == 1


def test_retry_after_is_honoured() -> None:
    clock = FakeTime()
    with serving("binance", Market(minutes(0, 60)), sleep=clock.sleep) as (asked, stub):
        before(stub, Answer({"code": -1003, "msg": "x"}, status=429, headers={"Retry-After": "7"}))
        read(asked, 0, 50)
    assert clock.slept == [7.0]


BLOCKS = {
    "ban": Answer({"code": -1003, "msg": "banned"}, status=418),
    "region": Answer({"code": 0, "msg": "restricted location"}, status=451),
    "forbidden": Answer({}, status=403),
    "long 429": Answer({"code": -1003, "msg": "x"}, status=429, headers={"Retry-After": "3600"}),
}


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_or_a_ban_is_asked_once(name: str, block: str) -> None:
    clock = FakeTime()
    with serving(name, Market(minutes(0, 60)), sleep=clock.sleep) as (asked, stub):
        stub.handler = lambda _: BLOCKS[block]
        with pytest.raises(SourceError, match=rf"{name}: HTTP {BLOCKS[block].status}"):
            read(asked, 0, 50)
        assert len(stub.requests) == 1
    assert clock.slept == []


def test_a_ban_ends_the_asking_of_all_pages() -> None:
    with serving("binance", Market(minutes(0, 30_000)), workers=3) as (asked, stub):
        stub.handler = lambda _: BLOCKS["ban"]
        with pytest.raises(SourceUnavailable, match="HTTP 418"):
            read(asked, 0, 29_000)
        assert len(stub.requests) <= 3


def test_attempts_are_bounded() -> None:
    with serving("binance", Market({})) as (asked, stub):
        stub.handler = lambda _: Answer("oops", status=500)
        with pytest.raises(SourceUnavailable, match="HTTP 500"):
            read(asked, 0, 50)
        assert len(stub.requests) == 3


SHAPELESS = ["<html>", "[]]", '{"a": 1}', "[1, 2]", "[[1]]", "null", "", '"x"', "[" * 5000, '{"data": [["1']


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("body", SHAPELESS, ids=range(len(SHAPELESS)))
def test_an_answer_of_another_shape_is_refused_and_not_taken_for_no_minutes(name: str, body: str) -> None:
    with serving(name, Market(minutes(0, 60))) as (asked, stub):
        usual = stub.handler
        stub.handler = lambda request: usual(request) if request.path == TIMES[name][0] else Answer(body)
        with pytest.raises(SourceError) as refused:
            read(asked, 0, 50)
    assert refused.value.source.startswith(name)


@pytest.mark.parametrize("name", CLOCKED)
@pytest.mark.parametrize("body", [{}, {"data": []}, {"server_time": None}, {"serverTime": "x"}, [], "soon"])
def test_a_time_that_cannot_be_read_is_named(name: str, body: Any) -> None:
    with serving(name, Market(minutes(0, 60))) as (asked, stub):
        stub.handler = lambda _: Answer(body)
        with pytest.raises(SourceError, match=name):
            read(asked, 0, 50)


def test_a_timeout_is_named() -> None:
    with serving("binance", Market({}), timeout_s=0.2, attempts=1) as (asked, stub):

        def slow(_: object) -> Answer:
            time.sleep(0.6)
            return Answer([])

        stub.handler = slow
        with pytest.raises(SourceUnavailable, match="binance: no answer, RequestTimeout"):
            read(asked, 0, 50)


class Budget:
    """Grants every second call, the others after a second."""

    def __init__(self, answers: Callable[[int], float]) -> None:
        self.taken = 0
        self._answers = answers

    def take(self) -> float:
        self.taken += 1
        return self._answers(self.taken)


@contextmanager
def budgeted(market: Market, budget: Any, clock: FakeTime, monkeypatch: pytest.MonkeyPatch) -> Iterator[CcxtExchange]:
    """A real exchange as far as its budget goes; its requests end at a stand-in."""
    with exchange_stub("binance", {"ETHUSDC": market}) as stub:
        asked = exchange("binance", None, sleep=clock.sleep, budget=budget, workers=1)
        client = VenueClient(VENUES["binance"], [SYMBOL], stub.url, 5.0)
        monkeypatch.setattr(exchange_module, "VenueClient", lambda *_: client)
        monkeypatch.setattr(exchange_module.VenueClient, "fetch_time_ms", VenueClient.fetch_time_ms, raising=False)
        yield asked


def test_every_request_takes_a_call_from_the_shared_budget_and_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, budget = FakeTime(), Budget(lambda taken: 1.5 if taken % 2 else 0.0)
    with budgeted(Market(minutes(0, 2600)), budget, clock, monkeypatch) as asked:
        assert read(asked, 0, 2500) == list(range(2500))
    assert budget.taken == 6
    assert clock.slept == [1.5, 1.5, 1.5]


def test_a_budget_that_grants_nothing_is_an_unavailable_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    with (
        budgeted(Market(minutes(0, 60)), Budget(lambda _: 7.0), clock, monkeypatch) as asked,
        pytest.raises(SourceUnavailable, match="binance: no call was granted within 60 s"),
    ):
        read(asked, 0, 50)
    assert sum(clock.slept) <= 60


def test_while_the_shared_budget_is_out_of_reach_this_process_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(_: int) -> float:
        raise SourceUnavailable("hot state", "gone")

    with budgeted(Market(minutes(0, 60)), Budget(lost), FakeTime(), monkeypatch) as asked:
        assert read(asked, 0, 50) == list(range(50))
    assert "shared budget of binance is out of reach: gone" in caplog.text


def test_without_a_shared_budget_a_real_exchange_is_still_held_to_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    with budgeted(Market(minutes(0, 21_000)), None, clock, monkeypatch) as asked:
        monkeypatch.setattr(asked._own_budget, "_monotonic", clock.monotonic)
        monkeypatch.setattr(asked._own_budget, "_at", clock.now)
        read(asked, 0, 20_000)
    # 21 pages, 10 of them at once, the others 20 a second.
    assert sum(clock.slept) == pytest.approx(11 / 20, abs=0.02)


def test_a_stand_in_takes_nothing_from_the_budget() -> None:
    budget = Budget(lambda _: 99.0)
    with serving("binance", Market(minutes(0, 60)), budget=budget) as (asked, _):
        read(asked, 0, 50)
    assert budget.taken == 0


def test_what_this_house_allows_itself_is_below_the_limits_of_the_exchanges() -> None:
    allowed = {"binance": (60, 3000), "bybit": (5, 600), "okx": (2, 20), "mexc": (10, 500), "gate": (10, 200)}
    for name, (seconds, calls) in {**allowed, "bitget": (300, 3000)}.items():
        assert VENUES[name].burst + VENUES[name].calls_per_s * seconds <= calls


def test_a_real_exchange_is_asked_at_its_own_address() -> None:
    client = VenueClient(VENUES["binance"], [SYMBOL], None, 1.0)
    assert "api.binance.com" in client._ccxt.urls["api"]["public"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_ccxt_can_ask_every_exchange_for_its_time(name: str) -> None:
    with exchange_stub(name, {"": Market({}, now_ms=1_800_000_000_123)}) as stub:
        assert VenueClient(VENUES[name], [SYMBOL], stub.url, 5.0).fetch_time_ms() == 1_800_000_000_123


def test_an_exchange_that_is_not_supported_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="'nowhere'"):
        exchange("nowhere", None)
