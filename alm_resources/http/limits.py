"""How often a source may be called: budgets and cooldowns."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Protocol

PAST_WINDOW_S = 0.001
"""Who waits for a call to leave a window wakes up after it, not on its edge."""


class CallBudget(Protocol):
    """Calls that a source grants over time."""

    def take(self) -> float:
        """Take one call: 0 if granted, else seconds until asking again makes sense."""
        ...


class Cooldowns(Protocol):
    """Sources that told us to stay away, and for how long still."""

    def start_cooldown(self, name: str, seconds: float) -> None:
        """Stay away from a source for a while."""
        ...

    def cooldown_s(self, name: str) -> float:
        """Seconds left; 0 if the source may be asked."""
        ...


class TokenBucket:
    """Budget of one process: ``capacity`` calls at once, refilled at ``per_s``.

    Examples
    --------
    >>> now = [0.0]
    >>> bucket = TokenBucket(capacity=1, per_s=0.5, monotonic=lambda: now[0])
    >>> bucket.take(), bucket.take()
    (0.0, 2.0)
    """

    def __init__(self, *, capacity: int, per_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(capacity)
        self._per_s = per_s
        self._monotonic = monotonic
        self._tokens = float(capacity)
        self._at = monotonic()
        self._lock = Lock()

    def take(self) -> float:
        """Take one call: 0 if granted, else seconds until the next."""
        with self._lock:
            now = self._monotonic()
            self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_s)
            self._at = now
            if self._tokens >= 1.0:
                self._tokens -= 1.0
                return 0.0
            return (1.0 - self._tokens) / self._per_s


class SlidingWindow:
    """Budget of one process: no ``window_s`` seconds, wherever they begin, hold more than ``calls`` grants.

    A bucket of the same rate lets almost twice as many through while it is full. What is counted is the grant; the
    request follows it at once, and how long it travels nobody knows.

    Examples
    --------
    >>> now = [0.0]
    >>> window = SlidingWindow(calls=1, window_s=60.0, monotonic=lambda: now[0])
    >>> window.take(), window.take()
    (0.0, 60.001)
    """

    def __init__(self, *, calls: int, window_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._window_s = window_s
        self._monotonic = monotonic
        self._granted = deque[float](maxlen=calls)
        self._lock = Lock()

    def take(self) -> float:
        """Take one call: 0 if granted, else seconds until the next."""
        with self._lock:
            now = self._monotonic()
            if len(self._granted) == self._calls and now - self._granted[0] <= self._window_s:
                return self._granted[0] + self._window_s + PAST_WINDOW_S - now
            self._granted.append(now)
            return 0.0


class LocalCooldowns:
    """Cooldowns of one process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: dict[str, float] = {}

    def start_cooldown(self, name: str, seconds: float) -> None:
        """Stay away from a source for a while; a longer one in force stays."""
        self._until[name] = max(self._until.get(name, 0.0), self._monotonic() + seconds)

    def cooldown_s(self, name: str) -> float:
        """Seconds left; 0 if the source may be asked."""
        return max(0.0, self._until.get(name, 0.0) - self._monotonic())
