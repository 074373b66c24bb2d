"""Call budget shared by processes."""

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
