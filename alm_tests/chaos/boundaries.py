"""Boundaries between the steps of the money path, by name: before and after every call that writes, signs or sends.

A kill between two reads leaves what a kill before the first of them leaves, so reads are no boundaries.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alm_core.model.books import Journal
from alm_core.model.transactions import Intent, IntentState, UnsignedTransaction

READS = ("read_", "find_")
OUTSIDE = frozenset({"sign", "send_raw", "wait_for_receipt", "quote_swap", "quote_bridge", "read_status"})


class Boundaries:
    """Names every boundary that is passed, and tells ``passed`` of it."""

    def __init__(self, journal: Journal, passed: Callable[[str], None]) -> None:
        self._journal = journal
        self._passed = passed
        self._step = "start"
        self._inside = False

    def around(self, port: object) -> "Watched":
        """Return a port all of whose boundaries are seen."""
        return Watched(port, self, everything=port is self._journal)

    @contextmanager
    def call(self, name: str, arguments: tuple[object, ...]) -> Iterator[None]:
        """Be before and after a call; one that is made inside another is a part of that."""
        if self._inside:
            yield
            return
        self.see(arguments)
        states = [argument.value for argument in arguments if isinstance(argument, IntentState)]
        what = ".".join((name, *states))
        self._passed(f"{self._step} before {what}")
        self._inside = True
        yield
        self._inside = False
        self._passed(f"{self._step} after {what}")

    def see(self, arguments: tuple[object, ...]) -> None:
        """Learn from a call which step is being worked on."""
        for argument in arguments:
            if isinstance(argument, (list, tuple)) and argument and isinstance(argument[0], Intent):
                self._step = _name(argument[0])
            elif isinstance(argument, UnsignedTransaction) and argument.action.value == "noop":
                self._step = "noop"
            elif isinstance(argument, str) and len(argument) == 64:
                intent = self._journal.find_intent(argument)
                self._step = _name(intent) if intent else self._step


class Watched:
    """A port that passes every call on."""

    def __init__(self, port: object, boundaries: Boundaries, *, everything: bool) -> None:
        self._port = port
        self._boundaries = boundaries
        self._everything = everything

    def __getattr__(self, name: str) -> object:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        writes = not name.startswith(READS) if self._everything else name in OUTSIDE

        def call(*args: object, **kwargs: object) -> object:
            if not writes:
                if self._everything:
                    self._boundaries.see(args)
                return found(*args, **kwargs)
            with self._boundaries.call(name, args):
                return found(*args, **kwargs)

        return call


def _name(intent: Intent) -> str:
    return f"{intent.tx.chain_id}/{intent.tx.action.value}/{intent.step_no}"
