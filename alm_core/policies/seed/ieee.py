"""Arithmetic as IEEE 754 has it where Python raises or picks a side: the reference divides by zero and compares NaN."""

import math
from collections.abc import Iterable


def divided(numerator: float, denominator: float) -> float:
    """Return a quotient; by zero it is infinite, and NaN for ``0 / 0``.

    Examples
    --------
    >>> divided(-1.0, 0.0), divided(1.0, 4.0)
    (-inf, 0.25)
    """
    if denominator != 0.0:
        return numerator / denominator
    if numerator == 0.0 or math.isnan(numerator):
        return math.nan
    return math.copysign(math.inf, numerator) * math.copysign(1.0, denominator)


def within(value: float, low: float, high: float) -> float:
    """Return the value or the bound it passes; NaN stays NaN."""
    return low if value < low else high if value > high else value


def added(values: Iterable[float]) -> float:
    """Return the sum from left to right: the sum of Python 3.12 and that of numpy round otherwise."""
    total = 0.0
    for value in values:
        total += value
    return total
