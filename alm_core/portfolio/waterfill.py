"""Water-filling: capital over pools so that the last dollar earns the same everywhere it may still go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.errors import InvalidInput

BISECTIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessel:
    r"""A pool as water-filling sees it: concave net income from the capital put in.

    Parameters
    ----------
    fees_usd
        Fees to active liquidity per year, :math:`F`.
    active_usd
        Full-range value of others' active liquidity, :math:`A > 0`.
    times
        Concentration of our range, :math:`c`.
    lvr_apr
        LVR of a full range per year, :math:`l`; our range bears ``c`` times it.
    held_frac
        Share of the time the price is expected to be in the range, :math:`h`.
    cap_usd
        Most that may be put in.
    upkeep_apr
        Cost of keeping the range around the price, per year and dollar, :math:`k`.

    Notes
    -----
    Income :math:`N(x) = h\,(F c x / (A + c x) - c\,l\,x) - k\,x`, marginal
    :math:`N'(x) = h\,(F c A / (A + c x)^2 - c\,l) - k`.
    """

    pool_id: str
    fees_usd: float
    active_usd: float
    times: float
    lvr_apr: float
    held_frac: float
    cap_usd: float
    upkeep_apr: float = 0.0

    def income_usd(self, capital_usd: float) -> float:
        """Net income per year from an amount of capital."""
        own = self.times * capital_usd
        earned = self.held_frac * (self.fees_usd * own / (self.active_usd + own) - own * self.lvr_apr)
        return earned - self.upkeep_apr * capital_usd

    def marginal_apr(self, capital_usd: float) -> float:
        """Net income per year of the next dollar."""
        pool = self.active_usd + self.times * capital_usd
        earned = self.held_frac * self.times * (self.fees_usd * self.active_usd / pool**2 - self.lvr_apr)
        return earned - self.upkeep_apr

    def capital_at(self, level_apr: float) -> float:
        """Capital at which the next dollar earns ``level_apr``, within 0 and the cap."""
        if self.marginal_apr(0.0) <= level_apr:
            return 0.0
        needed = (level_apr + self.upkeep_apr) / (self.held_frac * self.times) + self.lvr_apr
        if needed <= 0.0:
            return self.cap_usd
        pool = math.sqrt(self.fees_usd * self.active_usd / needed)
        return min(self.cap_usd, max(0.0, (pool - self.active_usd) / self.times))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Result of water-filling.

    Parameters
    ----------
    amounts_usd
        Capital per vessel, in the order given.
    level_apr
        What the last dollar earns; 0 where capital is left over.
    kkt_residual_apr
        Largest violation of the optimality conditions.
    """

    amounts_usd: tuple[float, ...]
    level_apr: float
    kkt_residual_apr: float

    @property
    def placed_usd(self) -> float:
        """Capital placed; the rest earns more doing nothing."""
        return sum(self.amounts_usd)


def water_fill(vessels: Sequence[Vessel], capital_usd: float, max_vessels: int) -> Fill:
    """Return the allocation that maximises net income.

    Parameters
    ----------
    vessels
        Candidate pools.
    capital_usd
        Capital to place, non-negative. Capital whose best use would lose money stays out.
    max_vessels
        At most this many pools get capital: while more do, the one that loses least when left out is dropped.

    Raises
    ------
    InvalidInput
        If the capital is negative or not finite.

    Examples
    --------
    >>> pool = Vessel(
    ...     pool_id="a", fees_usd=100.0, active_usd=1000.0, times=1.0, lvr_apr=0.0, held_frac=1.0, cap_usd=800.0
    ... )
    >>> water_fill([pool, pool], 1000.0, 3).amounts_usd
    (500.0, 500.0)
    """
    if not (math.isfinite(capital_usd) and capital_usd >= 0):
        raise InvalidInput(f"capital {capital_usd} is not a finite non-negative number")
    open_rows = list(range(len(vessels)))
    amounts, level = _fill(vessels, open_rows, capital_usd)
    while sum(amount > 0.0 for amount in amounts) > max(0, max_vessels):
        funded = [row for row in open_rows if amounts[row] > 0.0]
        open_rows = max(
            ([row for row in funded if row != dropped] for dropped in funded),
            key=lambda rows: _income(vessels, _fill(vessels, rows, capital_usd)[0]),
        )
        amounts, level = _fill(vessels, open_rows, capital_usd)
    residual = max((_violation(vessels[row], amounts[row], level) for row in open_rows), default=0.0)
    return Fill(amounts_usd=tuple(amounts), level_apr=level, kkt_residual_apr=residual)


def _fill(vessels: Sequence[Vessel], rows: Sequence[int], capital_usd: float) -> tuple[list[float], float]:
    def at(level: float) -> list[float]:
        return [vessels[row].capital_at(level) if row in rows else 0.0 for row in range(len(vessels))]

    if sum(at(0.0)) <= capital_usd:
        return at(0.0), 0.0
    low, high = 0.0, max((vessels[row].marginal_apr(0.0) for row in rows), default=0.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        low, high = (middle, high) if sum(at(middle)) > capital_usd else (low, middle)
    # From the side that does not overspend; what rounding left goes to nobody.
    return at(high), high


def _income(vessels: Sequence[Vessel], amounts: Sequence[float]) -> float:
    return sum(vessel.income_usd(amount) for vessel, amount in zip(vessels, amounts, strict=True))


def _violation(vessel: Vessel, amount: float, level: float) -> float:
    excess = vessel.marginal_apr(amount) - level
    if vessel.cap_usd <= 0.0:
        return 0.0
    if amount >= vessel.cap_usd:
        return max(0.0, -excess)
    return abs(excess) if amount > 0.0 else max(0.0, excess)
