"""Faults of an RPC endpoint: what a client may get instead of the answer, before or after the node had the request."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Literal

Kind = Literal["hang_up", "hang", "status", "error", "html", "empty", "truncated", "wrong_id", "null", "rewrite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcFault:
    """One fault.

    Parameters
    ----------
    kind
        ``hang_up`` closes the connection without an answer, ``hang`` keeps it open until the client gives up,
        ``status`` is an HTTP status, ``error`` a JSON-RPC error under HTTP 200, ``rewrite`` changes the node's result.
    methods
        Methods it concerns; all if empty.
    times
        How often it happens; ``None`` until it is cleared.
    after
        The node gets the request first.
    chance
        Share of the requests that it hits.
    when
        Which parameters it concerns; all if ``None``.
    status, retry_after_s
        Of kind ``status``.
    code, message
        Of kind ``error``.
    rewritten
        Of kind ``rewrite``: the result that is told instead, from the right one.
    """

    kind: Kind
    methods: frozenset[str] = frozenset()
    times: int | None = 1
    after: bool = False
    chance: float = 1.0
    when: Callable[[Sequence[Any]], bool] | None = None
    status: int = 500
    retry_after_s: int | None = None
    code: int = -32000
    message: str = ""
    rewritten: Callable[[Any], Any] | None = None

    def concerns(self, method: str, params: Sequence[Any]) -> bool:
        """Tell whether a request is one of those it may hit."""
        return (not self.methods or method in self.methods) and (self.when is None or self.when(params))


def on(method: str, kind: Kind, **how: Any) -> RpcFault:
    """Return a fault of one method.

    Examples
    --------
    >>> on("eth_sendRawTransaction", "hang", after=True).concerns("eth_chainId", [])
    False
    """
    return RpcFault(kind=kind, methods=frozenset({method}), **how)


class FaultList:
    """Faults in the order in which they were added; the first that concerns a request hits it.

    Parameters
    ----------
    seed
        Decides which requests a fault of less than certainty hits.
    """

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._faults: list[RpcFault] = []
        self._lock = Lock()

    def add(self, *faults: RpcFault) -> None:
        """Switch faults on."""
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def hit(self, method: str, params: Sequence[Any]) -> RpcFault | None:
        """Return the fault of this request, used up by one."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if not fault.concerns(method, params) or self._chance.random() >= fault.chance:
                    continue
                if fault.times is not None:
                    self._faults[index : index + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                return fault
        return None
