"""Faults that tests switch on: the next answers of a server go wrong in a chosen way."""

import threading
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "status",
    "hang",
    "drop",
    "garbage",
    "nan_candle",
    "negative_price",
    "reversed_order",
    "gap",
    "null_fee",
    "empty",
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
        ``status`` (an HTTP error), ``hang`` (no answer for ``seconds``), ``drop`` (connection closed), ``garbage`` (a
        body that is not JSON); for klines ``nan_candle``, ``negative_price``, ``reversed_order``, ``gap``; for
        GeckoTerminal ``null_fee``; ``empty`` (no data); for Li.Fi ``wrong_receiver``, ``wrong_minimum``,
        ``no_transaction``.
    times
        How many answers; a large number means until cleared.
    status, retry_after_s
        For ``status``.
    seconds
        For ``hang``.
    path
        Only requests whose path contains this.
    """

    kind: FaultKind
    times: int = 1
    status: int = 500
    retry_after_s: int | None = None
    seconds: float = 30.0
    path: str = ""


class FaultSwitch:
    """Faults of one server; assign ``None`` to clear."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._left = 0
        self._lock = threading.Lock()

    def set(self, fault: Fault | None) -> None:
        """Replace the fault."""
        with self._lock:
            self._fault, self._left = fault, fault.times if fault else 0

    def take(self, path: str) -> Fault | None:
        """Return the fault this request suffers, and count it."""
        with self._lock:
            if self._fault is None or self._left == 0 or self._fault.path not in path:
                return None
            self._left -= 1
            return self._fault


class Faults:
    """One switch per server.

    Examples
    --------
    >>> faults = Faults()
    >>> faults.binance = Fault(kind="status", status=429, retry_after_s=2, times=3)
    >>> faults.clear()
    """

    def __init__(self) -> None:
        self.switches = {name: FaultSwitch() for name in ("binance", "bybit", "geckoterminal", "lifi")}

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
