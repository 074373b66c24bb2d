"""Values kept in the hot state."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Exclusivity for a while. ``fence`` rises with every holder: whoever sees a larger one must refuse a smaller."""

    name: str
    holder: str
    fence: int

    @property
    def token(self) -> str:
        """Value under the lease's key."""
        return f"{self.holder}:{self.fence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Market regime of a pair and until when it keeps the optimizer still."""

    name: str
    suppressed_until_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Kill switch: who pulled it, why and when."""

    reason: str
    by: str
    halted_at: datetime
