"""Minutes of one pair as columns, and the port that generated and recorded paths share."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MINUTES_PER_DAY = 1440
MINUTES_PER_YEAR = 365.25 * MINUTES_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Consecutive minutes. ``minute`` counts from the Unix epoch; prices are quote per base; volume in base units.

    ``activity`` is the volume relative to an average minute; ``buys_frac`` the share of volume that buys base.
    """

    minute: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    activity: FloatArray
    buys_frac: FloatArray

    def rows(self, first: int, last: int) -> "Bars":
        """Return minutes ``first <= minute < last`` (both must lie inside)."""
        start = first - int(self.minute[0])
        chosen = slice(start, start + last - first)
        return Bars(
            minute=self.minute[chosen],
            open=self.open[chosen],
            high=self.high[chosen],
            low=self.low[chosen],
            close=self.close[chosen],
            volume=self.volume[chosen],
            activity=self.activity[chosen],
            buys_frac=self.buys_frac[chosen],
        )


def joined(parts: list[Bars]) -> Bars:
    """Concatenate consecutive bars."""
    names = ("minute", "open", "high", "low", "close", "volume", "activity", "buys_frac")
    return Bars(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


class PricePath(Protocol):
    """Price of one pair over time."""

    @property
    def recorded(self) -> bool:
        """True where the path is a recorded tape that pools must follow exactly."""
        ...

    def bars(self, first: int, last: int) -> Bars:
        """Return minutes ``first <= minute < last``.

        Raises
        ------
        InvalidInput
            If the path does not cover them.
        """
        ...
