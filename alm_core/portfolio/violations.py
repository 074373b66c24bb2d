"""A broken limit, in words a person can act on."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Names the limit, its bound, the value, and where it was found."""

    limit: str
    bound: str
    value: str
    where: str

    def __str__(self) -> str:
        return f"{self.limit}: {self.value} (bound {self.bound}, {self.where})"


def beyond(limit: str, bound: float, value: float, where: str) -> list[Violation]:
    """Return a violation where a value exceeds its bound or is not a number; else nothing."""
    if math.isfinite(value) and value <= bound:
        return []
    return [Violation(limit=limit, bound=f"{bound:.6g}", value=f"{value:.6g}", where=where)]


def unknown(limit: str, bound: float, what: str, where: str) -> Violation:
    """Return the violation of something that cannot be checked."""
    return Violation(limit=limit, bound=f"{bound:.6g}", value=f"{what} unknown", where=where)
