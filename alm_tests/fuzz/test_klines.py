"""Klines of the six exchanges: body, ccxt, page, series. Only the network is missing."""

from math import inf
from typing import Any

import pytest

from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.errors import SourceError
from alm_resources.candles.client import VenueClient
from alm_resources.candles.exchange import CcxtExchange
from alm_resources.candles.venues import venue_named
from alm_tests.fuzz.harness import CASES, assert_told_apart, fuzz, refused
from alm_tests.fuzz.kline_seeds import BODIES, EMPTY, END_MS, MINUTES, START_MS, TIMES
from alm_tests.fuzz.mutation import Seed, broken_body
from alm_tests.fuzz.numbers_sent import numbers_in
from alm_tests.fuzz.transport import ByteSession

pytestmark = pytest.mark.timeout(300 + CASES // 500)

SYMBOL = "ETH/USDC"


class Wire:
    """An exchange whose first page is the body, and whose later pages are empty."""

    def __init__(self, name: str) -> None:
        venue = venue_named(name)
        client = VenueClient(venue, [SYMBOL], "http://exchange", timeout_s=5.0)
        self.session = ByteSession(self._answer, max_requests=60)
        client._ccxt.session = self.session
        # Questions are written anew for every page, which takes ccxt longer than to read the answer.
        client._ccxt.sign = lambda path, *_: {"url": path, "method": "GET", "body": None, "headers": None}
        self._exchange = CcxtExchange(
            name, [SYMBOL], base_url="http://exchange", timeout_s=5.0, attempts=1, sleep=_never
        )
        self._exchange._idle.append(client)
        self._empty, self._time = EMPTY[name], TIMES[name]
        self._bodies: list[bytes] = []

    def series(self, body: bytes) -> CandleSeries:
        """Read the body as the first page."""
        self._bodies = [body]
        self.session.asked = 0
        return self._exchange.fetch_minutes(SYMBOL, START_MS, END_MS).series

    def _answer(self, path: str, _sent: bytes) -> tuple[int, bytes]:
        if "time" in path:
            return 200, self._time
        return 200, self._bodies.pop() if self._bodies else self._empty


def _never(_seconds: float) -> None:
    raise AssertionError("a body was asked for twice")


@pytest.mark.parametrize("name", BODIES)
def test_a_right_page_gives_its_minutes(name: str) -> None:
    wire = Wire(name)
    for value in BODIES[name]:
        series = wire.series(Seed(value).body)
        # Where the exchange's time is known, the last minute needs no later one.
        assert len(series) in {len(_rows_of(value)) - 1, min(len(_rows_of(value)), MINUTES)}
        assert_sound(series, Seed(value).body)


@pytest.mark.parametrize("name", BODIES)
def test_a_broken_page_is_refused_or_read_as_it_stands(name: str, record_property: Any) -> None:
    wire, seeds = Wire(name), [Seed(value) for value in BODIES[name]]

    def check(body: bytes) -> bool:
        try:
            series = wire.series(body)
        except SourceError as error:
            return refused(error, name)
        assert_sound(series, body)
        return True

    verdicts = fuzz(name, lambda rng: broken_body(rng, rng.choice(seeds)), check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def assert_sound(series: CandleSeries, body: bytes) -> None:
    """Closed whole minutes inside the question, ascending; prices of a market; every number stands in the body."""
    columns = (series.ts_ms, series.open, series.high, series.low, series.close, series.volume)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    before = 0
    for ts, opened, high, low, close, volume in rows:
        assert max(START_MS, before + 1) <= ts <= END_MS - MINUTE_MS
        assert ts % MINUTE_MS == 0
        assert 0 < low <= min(opened, close) <= max(opened, close) <= high < inf
        assert 0 <= volume < inf
        before = ts
    assert not series.filled.any()
    read, sent = {number for row in rows for number in row}, numbers_in(body)
    strange = {number for number in read - sent if number / 1000 not in sent}
    assert not strange, f"numbers that nobody sent: {sorted(strange)[:5]}"


def _rows_of(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    data = value.get("data", value.get("result"))
    return data["list"] if isinstance(data, dict) else data
