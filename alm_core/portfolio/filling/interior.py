"""Water-filling under limits that overlap: a primal-dual interior-point method over the smooth parts of every pool."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.portfolio.filling.cholesky import Cholesky
from alm_core.portfolio.filling.optimality import AT_FRAC, FLOOR_APR
from alm_core.portfolio.filling.segments import segments_of
from alm_core.portfolio.filling.vessels import Group, Vessel

MAX_ITERATIONS = 300
NEAR_BOUND_FRAC = 0.99
"""Part of the way to the nearest bound that a step goes at most."""
PATIENCE, SHORTEST = 8, 0.05
PRECISION = 1e-13
TYPICAL_FRAC = 1e-6

Pairs = list[tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True)
class _Step:
    filled: list[float]
    below: list[float]
    above: list[float]
    room: list[float]
    prices: list[float]


class InteriorPoint:
    r"""A point inside all bounds that moves to the optimum.

    Parameters
    ----------
    vessels
        Pools.
    groups
        Limits, all positive and finite; ``rows`` index ``vessels``.

    Notes
    -----
    Per segment the amount :math:`y`, what is missing to its width :math:`t`, and multipliers :math:`a, b` of
    :math:`y \ge 0` and :math:`t \ge 0`; per group the room left :math:`r` and its price :math:`\lambda`. Each
    iteration is a Newton step on

    .. math::

        \phi'(y) - p + a - b = 0, \quad a y = b t = \lambda r = \sigma\mu

    with Mehrotra's predictor and corrector (Nocedal, Wright, *Numerical Optimization*, 14.2). Eliminating all but the
    prices leaves :math:`(B D^{-1} B^T + \mathrm{diag}(r / \lambda))\,\Delta\lambda = \ldots`, as many equations as
    there are groups, with :math:`D = -\phi'' + a/y + b/t` and B the membership of segments in groups. Neither overlap
    of groups nor parts where every dollar is worth the same hurt it.
    """

    def __init__(self, vessels: Sequence[Vessel], groups: Sequence[Group]) -> None:
        self._rows = len(vessels)
        self.segments = segments_of(vessels, groups)
        self.limits = [group.limit_usd for group in groups]
        self._members = [[n for n, part in enumerate(self.segments) if g in part.groups] for g in range(len(groups))]
        self._shared = [
            [[n for n in among if h in self.segments[n].groups] for h in range(g + 1)]
            for g, among in enumerate(self._members)
        ]
        self._start()

    def _start(self) -> None:
        crowd = [2.0 * max(1, len(among)) for among in self._members]
        self.filled = [
            min([part.width_usd / 2.0, *(self.limits[g] / crowd[g] for g in part.groups)]) for part in self.segments
        ]
        self.missing = [part.width_usd - y for part, y in zip(self.segments, self.filled, strict=True)]
        self.room = [
            limit - sum([self.filled[n] for n in among])
            for limit, among in zip(self.limits, self._members, strict=True)
        ]
        slopes = [part.slope_apr(y) for part, y in zip(self.segments, self.filled, strict=True)]
        sizes = sorted(map(abs, slopes))
        typical = max(sizes[len(sizes) // 2], TYPICAL_FRAC * sizes[-1], FLOOR_APR) if sizes else FLOOR_APR
        self.prices = [typical] * len(self.limits)
        gaps = [slope - price for slope, price in zip(slopes, self._costs(self.prices), strict=True)]
        self.below = [typical + max(0.0, -gap) for gap in gaps]
        self.above = [typical + max(0.0, gap) for gap in gaps]

    def run(self) -> None:
        """Move to the optimum, as near as floats allow.

        Full steps may go round in circles where income bends much: they are shortened while the distance does not fall.
        """
        nearest, since, length = math.inf, 0, NEAR_BOUND_FRAC
        for _ in range(MAX_ITERATIONS):
            costs = self._costs(self.prices)
            gaps = [
                part.slope_apr(y) - cost + a - b
                for part, y, cost, a, b in zip(self.segments, self.filled, costs, self.below, self.above, strict=True)
            ]
            distance = self._distance(gaps) if gaps else 0.0
            if distance <= PRECISION:
                return
            nearest, since = (distance, 0) if distance < nearest / 2.0 else (nearest, since + 1)
            length = NEAR_BOUND_FRAC if since <= PATIENCE else max(SHORTEST, length / 1.5)
            self._advance(gaps, length)

    def amounts_usd(self) -> list[float]:
        """Amounts per vessel at the point; what is within rounding of nothing is nothing."""
        amounts = [0.0] * self._rows
        for part, y in zip(self.segments, self.filled, strict=True):
            amounts[part.row] += y if y > AT_FRAC * part.width_usd else 0.0
        return amounts

    def snapped(self) -> tuple[list[float], list[float]]:
        """Amounts with every part that is next to a bound at it, and prices without those of limits that do not bind.

        Of two numbers whose product goes to 0 the smaller one, each relative to its scale, is taken for 0.
        """
        gross, amounts = self._gross_apr(), [0.0] * self._rows
        for n, part in enumerate(self.segments):
            if self.filled[n] / part.width_usd < self.below[n] / gross:
                continue
            full = self.missing[n] / part.width_usd < self.above[n] / gross
            # Where costs are too small to tell a vessel's two parts apart, both may be filled in part.
            reached = amounts[part.row] == part.start_usd
            amounts[part.row] = part.end_usd if full and reached else amounts[part.row] + self.filled[n]
        prices = [
            0.0 if price / gross < room / limit else price
            for price, room, limit in zip(self.prices, self.room, self.limits, strict=True)
        ]
        return amounts, prices

    def _gross_apr(self) -> float:
        """The largest yield or price at the point: what everything else is small against."""
        return max(
            [FLOOR_APR, *self.prices, *(part.gross_apr(y) for part, y in zip(self.segments, self.filled, strict=True))]
        )

    def _costs(self, prices: Sequence[float]) -> list[float]:
        return [sum([prices[g] for g in part.groups]) for part in self.segments]

    def _distance(self, gaps: Sequence[float]) -> float:
        """Return how far the conditions are from holding, relative to yields, widths and limits."""
        worst = max(map(abs, gaps))
        for part, y, t, a, b in zip(self.segments, self.filled, self.missing, self.below, self.above, strict=True):
            worst = max(worst, a * y / part.width_usd, b * t / part.width_usd)
        for price, room, limit in zip(self.prices, self.room, self.limits, strict=True):
            worst = max(worst, price * room / limit)
        return worst / self._gross_apr()

    def _advance(self, gaps: Sequence[float], length: float) -> None:
        soft = [
            1.0 / (part.bend(y) + a / y + b / t)
            for part, a, y, b, t in zip(self.segments, self.below, self.filled, self.above, self.missing, strict=True)
        ]
        matrix = [[sum([soft[n] for n in shared]) for shared in row] for row in self._shared]
        for g, (room, price) in enumerate(zip(self.room, self.prices, strict=True)):
            matrix[g][g] += room / price
        factor = Cholesky(matrix)
        zeros = [0.0] * len(gaps)
        guess = self._step(factor, soft, gaps, 0.0, (zeros, zeros, [0.0] * len(self.limits)))
        pairs = self._pairs(guess)
        mean, centre = _mean_product(pairs, 0.0), _mean_product(pairs, self._length(pairs, guess))
        second = (
            [a * y for a, y in zip(guess.below, guess.filled, strict=True)],
            [-b * y for b, y in zip(guess.above, guess.filled, strict=True)],
            [price * room for price, room in zip(guess.prices, guess.room, strict=True)],
        )
        step = self._step(factor, soft, gaps, (centre / mean) ** 3 * mean, second)
        self._take(step, min(1.0, length * self._length(self._pairs(step), step)))

    def _step(
        self,
        factor: Cholesky,
        soft: Sequence[float],
        gaps: Sequence[float],
        target: float,
        second: tuple[Sequence[float], Sequence[float], Sequence[float]],
    ) -> _Step:
        """Newton step towards products of ``target``, corrected by products of an earlier step's changes."""
        at_zero = [target - a * y - more for a, y, more in zip(self.below, self.filled, second[0], strict=True)]
        at_width = [target - b * t - more for b, t, more in zip(self.above, self.missing, second[1], strict=True)]
        pull = [
            gap + lower / y - upper / t
            for gap, lower, y, upper, t in zip(gaps, at_zero, self.filled, at_width, self.missing, strict=True)
        ]
        ease = [force * yielding for force, yielding in zip(pull, soft, strict=True)]
        prices = factor.solve(
            [
                (target - more) / price - room + sum([ease[n] for n in among])
                for price, room, more, among in zip(self.prices, self.room, second[2], self._members, strict=True)
            ]
        )
        filled = [
            (force - cost) * yielding for force, cost, yielding in zip(pull, self._costs(prices), soft, strict=True)
        ]
        return _Step(
            filled=filled,
            below=[(c - a * dy) / y for c, a, dy, y in zip(at_zero, self.below, filled, self.filled, strict=True)],
            above=[(c + b * dy) / t for c, b, dy, t in zip(at_width, self.above, filled, self.missing, strict=True)],
            room=[-sum([filled[n] for n in among]) for among in self._members],
            prices=prices,
        )

    def _pairs(self, step: _Step) -> Pairs:
        """Amounts, multipliers and the change of each: every product that goes to 0."""
        lost = [-change for change in step.filled]
        return [
            *zip(self.filled, self.below, step.filled, step.below, strict=True),
            *zip(self.missing, self.above, lost, step.above, strict=True),
            *zip(self.room, self.prices, step.room, step.prices, strict=True),
        ]

    def _length(self, pairs: Pairs, step: _Step) -> float:
        """Longest part of a step, at most 1, that keeps everything non-negative and tangents meaningful."""
        longest = 1.0
        for x, z, dx, dz in pairs:
            if x < -dx * longest:
                longest = -x / dx
            if z < -dz * longest:
                longest = -z / dz
        for part, y, dy in zip(self.segments, self.filled, step.filled, strict=True):
            if dy < 0.0:
                longest = min(longest, -part.reach_usd(y) / dy)
        return longest

    def _take(self, step: _Step, length: float) -> None:
        def moved(values: Sequence[float], changes: Sequence[float], part: float) -> list[float]:
            return [value + part * change for value, change in zip(values, changes, strict=True)]

        self.filled, self.missing = moved(self.filled, step.filled, length), moved(self.missing, step.filled, -length)
        self.below, self.above = moved(self.below, step.below, length), moved(self.above, step.above, length)
        self.room, self.prices = moved(self.room, step.room, length), moved(self.prices, step.prices, length)


def _mean_product(pairs: Pairs, length: float) -> float:
    return sum([(x + length * dx) * (z + length * dz) for x, z, dx, dz in pairs]) / len(pairs)
