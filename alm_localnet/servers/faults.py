"""Faults that tests and the fault script switch on: the next answers of a server go wrong in a chosen way."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

SERVERS = ("binance", "bybit", "okx", "mexc", "gate", "bitget", "geckoterminal", "dexscreener", "lifi")

FaultKind = Literal[
    "status",
    "hang",
    "slow",
    "drop",
    "garbage",
    "empty",
    "rewrite",
    "liar",
    "frozen",
    "gap",
    "open_candle",
    "nan_candle",
    "negative_price",
    "reversed_order",
    "null_fee",
    "foreign_token",
    "wrong_receiver",
    "wrong_minimum",
    "no_transaction",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next answers.

    Parameters
    ----------
    kind
        Of any server: ``status`` (an HTTP error), ``slow`` (the right answer after ``seconds``), ``hang`` (no answer
        for ``seconds``), ``drop`` (connection closed), ``garbage`` (a body that is not JSON), ``empty`` (no data),
        ``rewrite`` (what the function of that name makes of the right body).

        Of candles: ``liar`` (prices off by ``offset_bps``), ``frozen`` (from ``from_minute`` on the price stands
        still while time and volume go on), ``gap`` (minutes are missing), ``open_candle`` (the minute that is still
        running is sent as if it were closed, another price each time), ``nan_candle``, ``negative_price``,
        ``reversed_order``.

        Of GeckoTerminal and DexScreener ``foreign_token``: the first pool of an answer has a token that is not its own.
        Of GeckoTerminal ``null_fee``, and ``liar`` and ``frozen``: prices, reserve and volume off by ``offset_bps``,
        or as they were when the fault began. Of Li.Fi ``wrong_receiver``, ``wrong_minimum``, ``no_transaction``.
    times
        How many answers; ``None`` means until cleared.
    status, retry_after_s, text
        For ``status``; ``text`` is sent as plain text in place of the service's own body.
    seconds
        For ``hang`` and ``slow``.
    offset_bps
        For ``liar``, basis points.
    from_minute
        For ``frozen`` and ``gap``: minute since the Unix epoch at which it begins. A ``frozen`` without one begins
        when it is set; a ``gap`` without one lies in the middle of every answer.
    gap_minutes
        For ``gap``.
    rewrite
        For ``rewrite``: given path with query and body, the bytes that are sent.
    path
        Only requests whose path contains this.
    """

    kind: FaultKind
    times: int | None = 1
    status: int = 500
    retry_after_s: int | None = None
    text: str | None = None
    seconds: float = 30.0
    offset_bps: float = 50.0
    from_minute: int | None = None
    gap_minutes: int = 3
    rewrite: Callable[[str, bytes], bytes] | None = None
    path: str = ""


class FaultSwitch:
    """Faults of one server; set ``None`` to clear. ``minute`` tells the first minute not yet played."""

    def __init__(self, minute: Callable[[], int]) -> None:
        self._minute = minute
        self._fault: Fault | None = None
        self._left: int | None = 0
        self._lock = threading.Lock()

    def set(self, fault: Fault | None) -> None:
        """Replace the fault."""
        if fault and fault.kind == "frozen" and fault.from_minute is None:
            fault = replace(fault, from_minute=self._minute())
        with self._lock:
            self._fault, self._left = fault, fault.times if fault else 0

    def take(self, path: str) -> Fault | None:
        """Return the fault this request suffers, and count it."""
        with self._lock:
            if self._fault is None or self._left == 0 or self._fault.path not in path:
                return None
            if self._left is not None:
                self._left -= 1
            return self._fault


class Faults:
    """One switch per server.

    Parameters
    ----------
    minute
        Tells the first minute not yet played: when a freeze begins.

    Examples
    --------
    >>> faults = Faults(lambda: 29_000_000)
    >>> faults.binance = Fault(kind="status", status=429, retry_after_s=2, times=3)
    >>> faults.clear()
    """

    def __init__(self, minute: Callable[[], int]) -> None:
        self.switches = {name: FaultSwitch(minute) for name in SERVERS}

    def set(self, server: str, fault: Fault | None) -> None:
        """Set or clear the fault of a server by name."""
        self.switches[server].set(fault)

    def clear(self) -> None:
        """Clear all faults."""
        for switch in self.switches.values():
            switch.set(None)

    def __setattr__(self, name: str, value: object) -> None:
        if name == "switches":
            object.__setattr__(self, name, value)
        elif name in self.switches and (value is None or isinstance(value, Fault)):
            self.switches[name].set(value)
        else:
            raise AttributeError(f"no server {name!r} takes {value!r}; servers are {sorted(self.switches)}")
