"""Call budgets shared by processes."""

from alm_resources.dragonfly.hot_state import HotState


class SharedBudget:
    """Call budget of all processes, kept in the hot state."""

    def __init__(self, hot_state: HotState, name: str, *, capacity: int, per_s: float) -> None:
        self._hot_state = hot_state
        self._name = name
        self._capacity = capacity
        self._per_s = per_s

    def take(self) -> float:
        """Take one call: 0 if granted, else seconds until the next."""
        return self._hot_state.take_from_budget(self._name, capacity=self._capacity, per_s=self._per_s)


class SharedWindow:
    """Call budget of all processes that no window of time exceeds, kept in the hot state; as good as its memory."""

    def __init__(self, hot_state: HotState, name: str, *, calls: int, window_s: float) -> None:
        self._hot_state = hot_state
        self._name = name
        self._calls = calls
        self._window_s = window_s

    def take(self) -> float:
        """Take one call: 0 if granted, else seconds until the next."""
        return self._hot_state.take_from_window(self._name, calls=self._calls, window_s=self._window_s)
