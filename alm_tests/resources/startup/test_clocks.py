"""This machine's clock against the exchanges': their median decides, and who is alone decides nothing."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from alm_resources.startup import read_clocks
from alm_resources.startup.checks import MAX_SKEW_S, StartupChecks
from alm_resources.startup.clocks import TIME_CALLS, ClockReading

NOW_S = 1_790_000_000.0


def body_of(exchange: str, told_s: float) -> Any:
    """What the exchange answers, as it does (recorded shapes)."""
    ms = int(told_s * 1000)
    return {
        "binance": {"serverTime": ms},
        "mexc": {"serverTime": ms},
        "bybit": {"retCode": 0, "result": {"timeSecond": str(ms // 1000), "timeNano": str(ms * 10**6)}, "time": ms},
        "okx": {"code": "0", "msg": "", "data": [{"ts": str(ms)}]},
        "gate": {"server_time": ms},
        "bitget": {"code": "00000", "data": {"serverTime": str(ms)}},
    }[exchange]


@pytest.fixture
def served() -> Iterator[Any]:
    """Serves bodies by path; gives the URL of each exchange."""
    with ExitStack() as stack:

        def serve(bodies: Mapping[str, bytes]) -> dict[str, str]:
            by_path = {TIME_CALLS[name].path: body for name, body in bodies.items()}
            urls = {}
            for name in bodies:
                body = by_path[TIME_CALLS[name].path] if name != "mexc" else bodies["mexc"]

                class Handler(BaseHTTPRequestHandler):
                    content = bodies[name] if name == "mexc" else body

                    def do_GET(self) -> None:
                        self.send_response(200)
                        self.send_header("Content-Length", str(len(self.content)))
                        self.end_headers()
                        self.wfile.write(self.content)

                    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                        pass

                server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
                server.daemon_threads = True
                thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
                thread.start()
                stack.callback(thread.join)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
                urls[name] = f"http://127.0.0.1:{server.server_address[1]}"
            return urls

        yield serve


def bodies(ahead_s: Mapping[str, float]) -> dict[str, bytes]:
    return {name: json.dumps(body_of(name, NOW_S + ahead)).encode() for name, ahead in ahead_s.items()}


def test_every_exchange_is_understood(served: Any) -> None:
    urls = served(bodies(dict.fromkeys(TIME_CALLS, 0.0)))
    read = read_clocks(urls, clock=lambda: NOW_S)
    assert read.told == tuple(TIME_CALLS)
    assert read.skew_s == pytest.approx(0.0, abs=0.001)


def test_one_that_is_days_off_moves_nothing(served: Any) -> None:
    urls = served(bodies({"binance": 0.5, "okx": 0.5, "gate": 86_400.0}))
    read = read_clocks(urls, tuple(urls), clock=lambda: NOW_S)
    assert read.skew_s == pytest.approx(-0.5, abs=0.001)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"serverTime": true}', b'{"serverTime": "x"}', b'"9"', b"\xff"])
def test_two_clocks_are_not_enough_and_nonsense_is_no_clock(served: Any, body: bytes) -> None:
    urls = served({**bodies({"okx": 0.0, "gate": 0.0}), "binance": body})
    read = read_clocks(urls, tuple(urls), clock=lambda: NOW_S)
    assert read.told == ("okx", "gate")
    assert read.now_s is None
    assert read.skew_s is None


def checks(skew_s: float | None, *, own_clock: bool = True) -> StartupChecks:
    told = ("binance", "okx", "gate")
    reading = ClockReading(now_s=None if skew_s is None else NOW_S, local_s=NOW_S + (skew_s or 0.0), told=told)
    nothing: Any = None
    return StartupChecks(nothing, "P", {}, nothing, nothing, own_clock=own_clock, clocks=lambda: reading)


@pytest.mark.control("clock_skew", "fires")
@pytest.mark.parametrize("skew_s", [MAX_SKEW_S + 0.01, -MAX_SKEW_S - 0.01, 3600.0, -86_400.0, None])
def test_a_clock_that_is_off_or_that_nobody_confirms_lets_the_wallet_only_leave(skew_s: float | None) -> None:
    found = checks(skew_s).of_clock()
    assert found is not None
    assert (found.control, found.severity) == ("clock_skew", "withdraw_only")


@pytest.mark.control("clock_skew", "passes")
@pytest.mark.parametrize("skew_s", [MAX_SKEW_S, -MAX_SKEW_S, 0.0])
def test_a_clock_within_two_seconds_is_right(skew_s: float) -> None:
    assert checks(skew_s).of_clock() is None


def test_where_time_is_played_the_machine_s_clock_does_not_count() -> None:
    assert checks(86_400.0, own_clock=False).of_clock() is None
    assert checks(None, own_clock=False).of_clock() is None
