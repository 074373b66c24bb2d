"""The clock of this machine against those of the exchanges: their median, because one of them may be wrong."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import cast

from alm_core.model.errors import SourceError
from alm_resources.http import JsonHttp

LEAST_CLOCKS = 3
"""Fewer exchanges do not outvote one that is wrong."""
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _TimeCall:
    """Where an exchange tells its time, and how long a unit of it is."""

    url: str
    path: str
    field: tuple[str, ...]
    unit_s: float = 1e-3


TIME_CALLS = {
    "binance": _TimeCall(url="https://api.binance.com", path="/api/v3/time", field=("serverTime",)),
    "bybit": _TimeCall(url="https://api.bybit.com", path="/v5/market/time", field=("result", "timeNano"), unit_s=1e-9),
    "okx": _TimeCall(url="https://www.okx.com", path="/api/v5/public/time", field=("data", "0", "ts")),
    "mexc": _TimeCall(url="https://api.mexc.com", path="/api/v3/time", field=("serverTime",)),
    "gate": _TimeCall(url="https://api.gateio.ws", path="/api/v4/spot/time", field=("server_time",)),
    "bitget": _TimeCall(url="https://api.bitget.com", path="/api/v2/public/time", field=("data", "serverTime")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """Times of exchanges.

    Parameters
    ----------
    now_s
        Seconds since 1970 as the median of them says, at the moment of the reading; ``None`` if fewer than
        :data:`LEAST_CLOCKS` told theirs.
    local_s
        The same moment by this machine's clock.
    told
        Exchanges that told their time.
    """

    now_s: float | None
    local_s: float
    told: tuple[str, ...]

    @property
    def skew_s(self) -> float | None:
        """How far this machine's clock is ahead; ``None`` where that is not known."""
        return None if self.now_s is None else self.local_s - self.now_s


def read_clocks(
    urls: Mapping[str, str], exchanges: Sequence[str] = tuple(TIME_CALLS), clock: Callable[[], float] = time.time
) -> ClockReading:
    """Ask exchanges for their time, all at once.

    Parameters
    ----------
    urls
        Hosts that stand in for exchanges.
    exchanges
        Whom to ask.
    clock
        Of this machine, seconds since 1970.
    """

    def ahead_s(exchange: str) -> float | None:
        """How far the exchange's clock is ahead of ours, as seen in the middle of the call."""
        sent = clock()
        told = _told_s(exchange, urls.get(exchange))
        return None if told is None else told - (sent + clock()) / 2

    with ThreadPoolExecutor(max_workers=max(len(exchanges), 1)) as workers:
        found = list(workers.map(ahead_s, exchanges))
    ahead = [offset for offset in found if offset is not None]
    local = clock()
    return ClockReading(
        now_s=local + median(ahead) if len(ahead) >= LEAST_CLOCKS else None,
        local_s=local,
        told=tuple(name for name, offset in zip(exchanges, found, strict=True) if offset is not None),
    )


def _told_s(exchange: str, stand_in: str | None) -> float | None:
    """Ask one exchange; ``None`` where it does not tell a time."""
    call = TIME_CALLS[exchange]
    try:
        answer = JsonHttp(f"clock of {exchange}", timeout_s=_TIMEOUT_S, max_bytes=65_536).get(
            (stand_in or call.url) + call.path, params={}, headers={}
        )
    except SourceError:
        return None
    found = answer.json
    for name in call.field:
        found = _inside(found, name)
    if isinstance(found, bool) or not isinstance(found, int | str):
        return None
    text = str(found)
    # At most 20 digits: nanoseconds of this century.
    return int(text) * call.unit_s if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _inside(body: object, name: str) -> object:
    if isinstance(body, dict):
        return cast("dict[str, object]", body).get(name)
    if isinstance(body, list) and body and name == "0":
        return cast("list[object]", body)[0]
    return None
