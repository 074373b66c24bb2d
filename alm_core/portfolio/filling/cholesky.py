"""A few linear equations in plain floats: a BLAS would give other last digits on another machine."""

import math
from collections.abc import Sequence

ROUNDING_FRAC = 1e-14


class Cholesky:
    """Factor of a symmetric positive semidefinite matrix.

    Parameters
    ----------
    matrix : shape (n, n)
        Only its lower triangle is read. An unknown that the ones before it determine already, to rounding, is set to 0.

    Examples
    --------
    >>> Cholesky([[4.0, 0.0], [2.0, 5.0]]).solve([8.0, 12.0])
    [1.0, 2.0]
    """

    def __init__(self, matrix: Sequence[Sequence[float]]) -> None:
        self._rows: list[list[float]] = []
        for number, source in enumerate(matrix):
            row: list[float] = []
            for column in range(number):
                above = self._rows[column]
                value = source[column] - sum([left * right for left, right in zip(row, above, strict=False)])
                row.append(value / above[column])
            pivot = source[number] - sum([value * value for value in row])
            row.append(math.sqrt(pivot) if pivot > ROUNDING_FRAC * source[number] else math.inf)
            self._rows.append(row)

    def solve(self, right: Sequence[float]) -> list[float]:
        """Return ``x`` with ``matrix @ x = right``."""
        size = len(self._rows)
        found = list(right)
        for number, row in enumerate(self._rows):
            found[number] = (found[number] - sum([row[k] * found[k] for k in range(number)])) / row[number]
        for number in reversed(range(size)):
            below = sum([self._rows[k][number] * found[k] for k in range(number + 1, size)])
            found[number] = (found[number] - below) / self._rows[number][number]
        return found
