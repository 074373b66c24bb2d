"""Returns of a portfolio that money comes to and leaves: time-weighted, money-weighted, and the deepest fall."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from alm_core.model.accounts import CashFlow
from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.errors import InvalidInput

LEAST_ANNUALISED = timedelta(days=1)
"""Shorter returns are not told per year: a quarter hour to the power of 35,064 says nothing."""
_MOST_LOG_GROWTH = 60.0
_LOG_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """Value of a portfolio at a moment, and what came to it since the valuation before, less what left, in USD."""

    at: datetime
    nav_usd: float
    flow_usd: float = 0.0


def growth_of(nav_start_usd: float, nav_end_usd: float, flow_usd: float) -> float | None:
    """Return the factor that capital grew by, with flows counted as of the end; ``None`` without capital to grow.

    Examples
    --------
    >>> growth_of(100.0, 160.0, 50.0)
    1.1
    """
    if not nav_start_usd > 0.0:
        return None
    return (nav_end_usd - flow_usd) / nav_start_usd


def time_weighted_frac(valuations: Sequence[Valuation]) -> float | None:
    r"""Return the return that does not depend on when money came and left, as a fraction of the whole period.

    Parameters
    ----------
    valuations
        Oldest first. The flow of the first one is of no account.

    Returns
    -------
    float or None
        ``None`` where no interval had capital. Intervals without capital at their beginning are passed over.

    Notes
    -----
    :math:`\prod_i (V_i - F_i) / V_{i-1} - 1`: flows are valued with the valuation that follows them.

    Examples
    --------
    >>> from datetime import UTC
    >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    >>> seen = [Valuation(at=days[0], nav_usd=100.0), Valuation(at=days[1], nav_usd=160.0, flow_usd=50.0)]
    >>> round(time_weighted_frac([*seen, Valuation(at=days[2], nav_usd=80.0)]), 12)
    -0.45
    """
    growths = [growth_of(one.nav_usd, two.nav_usd, two.flow_usd) for one, two in pairwise(valuations)]
    known = [growth for growth in growths if growth is not None]
    return math.prod(known) - 1.0 if known else None


def money_weighted_frac(
    nav_start_usd: float, nav_end_usd: float, flows: Iterable[CashFlow], began_at: datetime, end_at: datetime
) -> float | None:
    r"""Return the internal rate of return over the whole period, as a fraction of it (not per year).

    Parameters
    ----------
    nav_start_usd, nav_end_usd
        Value at both ends.
    flows
        Deposits (positive) and withdrawals in between.
    began_at, end_at
        The period; flows outside of it are refused.

    Returns
    -------
    float or None
        ``None`` where no rate explains the end: nothing was ever invested, or all of it was lost and more.

    Raises
    ------
    InvalidInput
        If a flow lies outside the period, or a figure is not finite.

    Notes
    -----
    The growth :math:`g` that solves :math:`V_0 g + \sum_i F_i g^{(T - t_i)/T} = V_1`, the root of XIRR written for the
    period: between the two neighbouring points of a grid of :math:`\log g` whose values change sign. Withdrawals can
    make several growths right; the one nearest to no growth is taken.

    Examples
    --------
    >>> from datetime import UTC
    >>> first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    >>> round(money_weighted_frac(100.0, 110.0, (), first, last), 9)
    0.1
    """
    if end_at <= began_at:
        return None
    terms = [(nav_start_usd, 1.0)]
    for flow in flows:
        if not began_at <= flow.at <= end_at:
            raise InvalidInput(f"flow of {flow.usd} USD at {flow.at.isoformat()} lies outside the period")
        terms.append((flow.usd, (end_at - flow.at) / (end_at - began_at)))
    if not all(math.isfinite(value) for value, _ in (*terms, (nav_end_usd, 0.0))):
        raise InvalidInput("a value or flow is not finite")

    def missed(log_growth: float) -> float:
        return math.fsum(value * math.exp(weight * log_growth) for value, weight in terms) - nav_end_usd

    bracket = _bracket(missed)
    if bracket is None or all(value == 0.0 for value, _ in terms):
        return None
    low, high = bracket
    return math.expm1(_root(missed, low, high))


def annual_frac(period_frac: float | None, began_at: datetime, end_at: datetime) -> float | None:
    """Return a return over a period per year; ``None`` for a period shorter than a day, and for a total loss.

    Examples
    --------
    >>> from datetime import UTC
    >>> round(annual_frac(0.01, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)), 6)
    0.128789
    """
    length = end_at - began_at
    if period_frac is None or length < LEAST_ANNUALISED or period_frac <= -1.0:
        return None
    exponent = SECONDS_PER_YEAR / length.total_seconds() * math.log1p(period_frac)
    return math.expm1(exponent) if exponent < _MOST_LOG_GROWTH else None


def drawdown_frac(levels: Iterable[float]) -> float:
    """Return the deepest fall from a peak, as a fraction of the peak, 0 or more.

    ``levels`` are of an index that flows do not move (products of :func:`growth_of`), not of the value itself.

    Examples
    --------
    >>> drawdown_frac([1.0, 2.0, 1.5, 3.0, 1.2, 2.0])
    0.6
    """
    peak = worst = 0.0
    for level in levels:
        peak = max(peak, level)
        worst = max(worst, (peak - level) / peak if peak > 0.0 else 0.0)
    return worst


def _bracket(missed: Callable[[float], float]) -> tuple[float, float] | None:
    """Return neighbouring points around the root nearest to no growth: twice the same where one is the root itself."""
    centre = missed(0.0)
    if centre == 0.0:
        return 0.0, 0.0
    up = down = (0.0, centre)
    for number in range(1, round(_MOST_LOG_GROWTH / _LOG_STEP) + 1):
        further = number * _LOG_STEP
        for side, last in ((further, up), (-further, down)):
            value = missed(side)
            if value * last[1] <= 0.0:
                return (last[0], side) if last[0] < side else (side, last[0])
            if side > 0.0:
                up = (side, value)
            else:
                down = (side, value)
    return None


def _root(missed: Callable[[float], float], low: float, high: float) -> float:
    """Halve until floats end: what the growth misses at ``low`` and at ``high`` has opposite signs."""
    falls = missed(low) > 0.0
    while low < (middle := (low + high) / 2.0) < high:
        if (missed(middle) > 0.0) == falls:
            low = middle
        else:
            high = middle
    return low if abs(missed(low)) <= abs(missed(high)) else high
