"""One parameter set over one tape, compiled: what ``simulate`` and every lane of ``sweep`` run.

On nearly every bar a position stays where it is. Cheap upper bounds of what a shift could gain tell those bars; the
rules themselves (:mod:`alm_core.simulation.rules`) decide all others, so no result depends on the bounds.
"""

import math
from typing import NamedTuple

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray
from alm_core.portfolio.costs import SWAPPED_PER_SHIFT_FRAC
from alm_core.ranges.position import EPOCH_WAIT_YEARS, base_share, concentration
from alm_core.ranges.range import bounds_divergence, half_width_frac, range_bounds
from alm_core.simulation.rules import covered_share, net_rate, shift_gain

DOUBLINGS = 8
"""Arguments of the series for the exponential are divided by two to this power."""
SATURATED = -40.0
"""From here on ``expm1`` is -1 in double precision."""
BOUND_MARGIN_FRAC = 1e-6
"""Slack of the bounds against their own rounding, far above it."""


class Columns(NamedTuple):
    """Columns of a :class:`alm_core.simulation.tape.Tape` that the lane reads, all of shape (n,)."""

    high: FloatArray
    low: FloatArray
    close: FloatArray
    volatility: FloatArray
    bias: FloatArray
    sigma: FloatArray
    variance: FloatArray
    stretch_down: FloatArray
    stretch_up: FloatArray
    root_close: FloatArray
    log_close: FloatArray


class Lane(NamedTuple):
    """What one simulation is of: range parameters in the order of ``RangeParams``, then the venue."""

    widths: tuple[float, float, float, float]
    threshold: float
    venue: tuple[float, float, float, float]
    """As in :func:`alm_core.simulation.rules.rate_inside`."""
    costs: tuple[float, float, float]
    """Swap cost, gas cost, cost multiple."""
    min_hold: int


class Held(NamedTuple):
    """The range held, and what follows from its bounds until it is shifted."""

    lower: float
    upper: float
    times: float
    root_lower: float
    inverse_root_upper: float
    log_lower: float
    log_upper: float
    near: float
    """Divergence times width below which no shift is considered, less the margin."""


@compiled
def widths_into(volatility: FloatArray, widths: tuple[float, float, float, float], out: FloatArray) -> None:
    """Write ``half_width_frac`` of every bar, to about 1e-10: a loop that the compiler turns into vector instructions.

    ``expm1`` by its series near zero, then ``expm1(2 x) = e (2 + e)`` for ``e = expm1(x)``.
    """
    rate = widths[2] / widths[3]
    step = rate / 2.0**DOUBLINGS
    span = (widths[1] - widths[0]) / math.expm1(100.0 * rate)
    least = SATURATED / 2.0**DOUBLINGS
    for bar in range(volatility.shape[0]):
        x = max(least, step * min(100.0, max(0.0, volatility[bar])))
        e = x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7))))))
        for _ in range(DOUBLINGS):
            e = e * (2.0 + e)
        out[bar] = widths[0] + span * e


@compiled
def held_at(price: float, lower: float, upper: float, threshold: float) -> Held:
    """Return a range placed at a price."""
    return Held(
        lower,
        upper,
        concentration(price, lower, upper),
        math.sqrt(lower),
        1.0 / math.sqrt(upper),
        math.log(lower),
        math.log(upper),
        (threshold - BOUND_MARGIN_FRAC) * (upper - lower),
    )


@compiled
def target_at(bars: Columns, bar: int, widths: tuple[float, float, float, float]) -> tuple[float, float]:
    """Return the range that the forces ask for at a close."""
    width = half_width_frac(bars.volatility[bar], widths[0], widths[1], widths[2], widths[3])
    return range_bounds(bars.close[bar], width, bars.bias[bar])


@compiled
def fresh_at_most(down: float, up: float, variance: float, lane: Lane) -> tuple[float, float]:
    r"""Return an upper bound of what a fresh range earns per year, at least 0, and its share of base.

    The range reaches from ``1 - down`` to ``1 + up`` times the price.

    Notes
    -----
    With :math:`r` its net rate inside and :math:`T` its residence it earns at most
    :math:`\max(0, r \min(1, T/H), (rT - k)/(T + D))`, growing in T (:func:`alm_core.ranges.position.standing_rate`),
    and :math:`\ln\frac1{1-x} \ln(1+y) \le xy / \sqrt{(1-x)(1+y)}`.
    """
    apr, own, weight, horizon = lane.venue
    root_down, root_up = math.sqrt(1.0 - down), math.sqrt(1.0 + up)
    base = 1.0 - 1.0 / root_up
    value = base + 1.0 - root_down
    rate = max(0.0, net_rate(2.0 / value, apr, own, weight * variance / 8.0))
    stay = down * up / (root_down * root_up * variance)
    renewed = rate * stay - lane.costs[1] - SWAPPED_PER_SHIFT_FRAC * lane.costs[0]
    return max(rate * min(1.0, stay / horizon), renewed / (stay + EPOCH_WAIT_YEARS)), base / value


@compiled
def cannot_pay(bars: Columns, bar: int, held: Held, outside: bool, down: float, up: float, lane: Lane) -> bool:
    r"""Return whether no shift at this close can pay, by bounds that need no logarithm and no exponential.

    Notes
    -----
    Inside the held range the gain is at most its expected share of the horizon, :math:`\min(1, T_{held}/H)`, times what
    a fresh range earns more.
    """
    apr, own, weight, horizon = lane.venue
    swap_cost, gas_cost, multiple = lane.costs
    variance = bars.sigma[bar] ** 2
    lvr = weight * variance / 8.0
    if not (variance > 0.0 and gas_cost >= 0.0 and swap_cost >= 0.0 and multiple >= 0.0):
        return False
    if outside and apr <= lvr:
        return True
    gain, base = fresh_at_most(down, up, variance, lane)
    if outside:
        held_base = 1.0 if bars.close[bar] <= held.lower else 0.0
    else:
        root = bars.root_close[bar]
        value = 2.0 * root - held.root_lower - bars.close[bar] * held.inverse_root_upper
        now = net_rate(2.0 * root / value, apr, own, lvr)
        stay = (bars.log_close[bar] - held.log_lower) * (held.log_upper - bars.log_close[bar]) / variance
        gain = min(1.0, stay / horizon) * max(0.0, gain - now)
        held_base = (root - bars.close[bar] * held.inverse_root_upper) / value
    cost = gas_cost + abs(base - held_base) * swap_cost
    return gain * horizon * (1.0 + BOUND_MARGIN_FRAC) <= multiple * cost * (1.0 - BOUND_MARGIN_FRAC)


@compiled
def shift_at(bars: Columns, bar: int, held: Held, lane: Lane) -> tuple[bool, float, float, float]:
    """Return whether a position is shifted at a close, to which bounds and at what cost: the rules."""
    price = bars.close[bar]
    lower, upper = target_at(bars, bar, lane.widths)
    swap_cost, gas_cost, multiple = lane.costs
    inside = held.lower < price < held.upper
    if inside and bounds_divergence(held.lower, held.upper, lower, upper) <= lane.threshold:
        return False, lower, upper, 0.0
    swapped = abs(base_share(price, lower, upper) - base_share(price, held.lower, held.upper))
    cost = gas_cost + swapped * swap_cost
    once = gas_cost + SWAPPED_PER_SHIFT_FRAC * swap_cost
    gain = shift_gain(price, (held.lower, held.upper), (lower, upper), bars.sigma[bar], lane.venue, once)
    return gain * lane.venue[3] > multiple * cost, lower, upper, cost


@compiled
def stays(bars: Columns, bar: int, held: Held, width: float, held_for: int, lane: Lane) -> bool:
    """Return whether the bounds say that nothing happens at this close; ``width`` is that of the target, nearly."""
    price = bars.close[bar]
    outside = price <= held.lower or price >= held.upper
    if not outside and held_for < lane.min_hold:
        return True
    down, up = width * bars.stretch_down[bar], width * bars.stretch_up[bar]
    if not outside:
        wider = abs(price * (down + up) - (held.upper - held.lower))
        moved = abs(price * (1.0 + (up - down) / 2.0) - (held.lower + held.upper) / 2.0)
        if wider + moved <= held.near:
            return True
    return cannot_pay(bars, bar, held, outside, down, up, lane)


@compiled
def run_lane(bars: Columns, lane: Lane, widths: FloatArray, by_bar: FloatArray) -> tuple[float, float, float, int]:
    """Return fees and LVR (sums over bars of yearly rates), costs paid and the number of shifts.

    Parameters
    ----------
    bars
        At least two bars; the first only opens the position.
    lane
        Parameters and venue.
    widths : shape (n,)
        Scratch.
    by_bar : shape (n, 2) or (0, 2)
        If not empty: receives net yearly rate and cost of each bar.
    """
    widths_into(bars.volatility, lane.widths, widths)
    apr, own, weight, _ = lane.venue
    lower, upper = target_at(bars, 0, lane.widths)
    held = held_at(bars.close[0], lower, upper, lane.threshold)
    opening = lane.costs[1] + abs(base_share(bars.close[0], lower, upper) - 0.5) * lane.costs[0]
    fees, lvr, cost, covered_bars, covered_variance = 0.0, 0.0, opening, 0.0, 0.0
    if by_bar.shape[0] > 0:
        by_bar[0, 1] = opening
    shifts = shifted_bar = 0
    for bar in range(1, bars.close.shape[0]):
        covered = 1.0
        if bars.low[bar] < held.lower or bars.high[bar] >= held.upper:
            covered = covered_share(bars.low[bar], bars.high[bar], held.lower, held.upper)
        covered_bars += covered
        covered_variance += covered * bars.variance[bar]
        if by_bar.shape[0] > 0:
            by_bar[bar, 0] = covered * net_rate(held.times, apr, own, weight * bars.variance[bar] / 8.0)
        if stays(bars, bar, held, widths[bar], bar - shifted_bar, lane):
            continue
        shifted, lower, upper, paid = shift_at(bars, bar, held, lane)
        if not shifted:
            continue
        fees += covered_bars * net_rate(held.times, apr, own, 0.0)
        lvr += covered_variance * held.times / 8.0
        covered_bars = covered_variance = 0.0
        held = held_at(bars.close[bar], lower, upper, lane.threshold)
        cost += paid
        if by_bar.shape[0] > 0:
            by_bar[bar, 1] = paid
        shifts, shifted_bar = shifts + 1, bar
    fees += covered_bars * net_rate(held.times, apr, own, 0.0)
    lvr += covered_variance * held.times / 8.0
    return fees, lvr, cost, shifts
