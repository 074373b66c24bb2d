r"""Fitness of range parameters: net yearly return of one position held and shifted over a tape.

Per bar, a position that earns ``c`` times a full range (``concentration`` at its opening) takes in fees for the part
of the bar's price path that its range covers, diluted by its own size, and bears :math:`c\,\sigma^2/8` of LVR for the
same part. At the close it is shifted to the range of the forces when that lies further than ``rs_threshold`` away (or
the price has left it) and the gain over the horizon exceeds a multiple of gas and swap.
"""

import math
from dataclasses import dataclass

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray
from alm_core.model.signals import RangeParams
from alm_core.portfolio.costs import SWAPPED_PER_SHIFT_FRAC
from alm_core.ranges.position import (
    base_share,
    concentration,
    lvr_rate,
    occupancy,
    residence_years,
    standing_rate,
)
from alm_core.ranges.range import bounds_divergence, half_width_frac, range_bounds
from alm_core.simulation.tape import BARS_PER_YEAR, Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where the simulated position lives.

    Parameters
    ----------
    full_range_apr
        Gross fees of a unit of full-range liquidity per year, as a fraction of its value.
    capital_share
        Our capital relative to the full-range value of the active liquidity of others: dilutes our own fees.
    swap_cost_frac
        Fee plus impact per value swapped.
    gas_cost_frac
        Gas of one shift (close, swap, open) relative to the capital.
    min_hold_bars
        Quarter hours before a shift that is not urgent.
    horizon_years
        Horizon over which a shift must pay.
    cost_multiple
        Gain must exceed this multiple of the cost.
    lvr_weight
        Share of LVR charged against fees.
    """

    full_range_apr: float
    capital_share: float
    swap_cost_frac: float
    gas_cost_frac: float
    min_hold_bars: int
    horizon_years: float
    cost_multiple: float
    lvr_weight: float = 1.0


@compiled
def covered_share(low: float, high: float, lower: float, upper: float) -> float:
    """Return the share of a bar's span that a range covers, 0..1."""
    if high <= low:
        return 1.0 if lower <= low < upper else 0.0
    return max(0.0, min(high, upper) - max(low, lower)) / (high - low)


@compiled
def net_rate(times: float, full_range_apr: float, capital_share: float, lvr_apr: float) -> float:
    """Return fees, diluted by the position itself, less LVR, per year in range, for ``times`` concentration."""
    return times * (full_range_apr / (1.0 + capital_share * times) - lvr_apr)


@compiled
def rate_inside(
    price: float, lower: float, upper: float, sigma: float, venue: tuple[float, float, float, float]
) -> float:
    """Return the net rate of a range while the price is inside.

    ``venue`` is ``(full_range_apr, capital_share, lvr_weight, horizon_years)``.
    """
    return net_rate(concentration(price, lower, upper), venue[0], venue[1], venue[2] * lvr_rate(sigma))


@compiled
def shift_gain(
    price: float,
    held: tuple[float, float],
    target: tuple[float, float],
    sigma: float,
    venue: tuple[float, float, float, float],
    shift_cost_frac: float,
) -> float:
    """Return what shifting now earns more than waiting, per year, before the cost of this shift.

    The rule of the live decision (:func:`alm_core.portfolio.placements.pool_income_usd`): a held range earns until the
    price first leaves it and is worth a fresh one from then on; one that the price has left earns nothing.
    """
    stay = residence_years(price, target[0], target[1], sigma)
    fresh = standing_rate(rate_inside(price, target[0], target[1], sigma, venue), stay, venue[3], shift_cost_frac)
    if price <= held[0] or price >= held[1]:
        return fresh
    first = occupancy(residence_years(price, held[0], held[1], sigma), venue[3])
    now = first * rate_inside(price, held[0], held[1], sigma, venue) + (1.0 - first) * max(0.0, fresh)
    return fresh - now


@compiled
def _simulate(
    bars: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    params: tuple[float, float, float, float, float],
    venue: tuple[float, float, float, float],
    costs: tuple[float, float, float],
    min_hold: int,
) -> tuple[float, float, float, int]:
    high, low, close, volatility, bias, sigma, variance = bars
    swap_cost, gas_cost, multiple = costs
    fees = lvr = 0.0
    width = half_width_frac(volatility[0], params[0], params[1], params[2], params[3])
    lower, upper = range_bounds(close[0], width, bias[0])
    times = concentration(close[0], lower, upper)
    cost = gas_cost + abs(base_share(close[0], lower, upper) - 0.5) * swap_cost
    shifted_at = 0
    shifts = 0
    for bar in range(1, close.shape[0]):
        covered = covered_share(low[bar], high[bar], lower, upper)
        fees += covered * times * venue[0] / (1.0 + venue[1] * times)
        lvr += covered * times * variance[bar] / 8.0
        price = close[bar]
        width = half_width_frac(volatility[bar], params[0], params[1], params[2], params[3])
        target_lower, target_upper = range_bounds(price, width, bias[bar])
        outside = price <= lower or price >= upper
        if not outside and (
            bar - shifted_at < min_hold or bounds_divergence(lower, upper, target_lower, target_upper) <= params[4]
        ):
            continue
        swapped = abs(base_share(price, target_lower, target_upper) - base_share(price, lower, upper))
        shift_cost = gas_cost + swapped * swap_cost
        held, target = (lower, upper), (target_lower, target_upper)
        gain = shift_gain(price, held, target, sigma[bar], venue, gas_cost + SWAPPED_PER_SHIFT_FRAC * swap_cost)
        if gain * venue[3] <= multiple * shift_cost:
            continue
        cost += shift_cost
        lower, upper, shifted_at = target_lower, target_upper, bar
        times = concentration(price, lower, upper)
        shifts += 1
    return fees, lvr, cost, shifts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a simulation, yearly fractions of the capital.

    ``net_apr = fee_apr - lvr_apr - cost_apr``; the opening is charged like a shift.
    """

    net_apr: float
    fee_apr: float
    lvr_apr: float
    cost_apr: float
    shifts: int


def simulate(tape: Tape, params: RangeParams, venue: Venue) -> Outcome:
    """Return what ``params`` would have earned over a tape.

    Parameters
    ----------
    tape
        At least two bars.
    params
        Range parameters and shift threshold.
    venue
        Yield, size and costs.

    Notes
    -----
    Returns add up, they do not compound. Doing nothing earns exactly 0.
    """
    bars = (tape.high, tape.low, tape.close, tape.volatility, tape.bias, tape.sigma_annual, tape.variance_annual)
    widths = (params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider)
    fees, lvr, cost, shifts = _simulate(
        bars,
        (*widths, params.rs_threshold),
        (venue.full_range_apr, venue.capital_share, venue.lvr_weight, venue.horizon_years),
        (venue.swap_cost_frac, venue.gas_cost_frac, venue.cost_multiple),
        venue.min_hold_bars,
    )
    steps = len(tape) - 1
    fee_apr, lvr_apr = fees / steps, venue.lvr_weight * lvr / steps
    cost_apr = cost * BARS_PER_YEAR / steps
    return Outcome(
        net_apr=fee_apr - lvr_apr - cost_apr, fee_apr=fee_apr, lvr_apr=lvr_apr, cost_apr=cost_apr, shifts=shifts
    )


def split_tape(tape: Tape, train_frac: float = 0.8, embargo_bars: int = 96) -> tuple[Tape, Tape]:
    """Return training and validation part; ``embargo_bars`` between them belong to neither.

    The embargo keeps the tail of one regime from scoring twice: volatility is correlated over a day.
    """
    cut = math.floor(train_frac * len(tape))
    return tape.rows(slice(0, cut)), tape.rows(slice(min(len(tape), cut + embargo_bars), None))
