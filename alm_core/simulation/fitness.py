r"""Fitness of range parameters: net yearly return of one position held and shifted over a tape.

Per bar, a position that earns ``c`` times a full range (``concentration`` at its opening) takes in fees for the part
of the bar's price path that its range covers, diluted by its own size, and bears :math:`c\,\sigma^2/8` of LVR for the
same part. At the close it is shifted to the range of the forces when that lies further than ``rs_threshold`` away (or
the price has left it) and the gain over the horizon exceeds a multiple of gas and swap.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from alm_core.model.candles import FloatArray
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.simulation.lane import Columns, Lane, run_lane
from alm_core.simulation.rules import covered_share, net_rate, rate_inside, shift_gain
from alm_core.simulation.tape import BARS_PER_YEAR, Tape

__all__ = [
    "Outcome",
    "Venue",
    "check_venue",
    "covered_share",
    "lane_of",
    "net_apr_of",
    "net_rate",
    "net_returns",
    "rate_inside",
    "shift_gain",
    "simulate",
]

MIN_BARS = 2
MAX_FULL_RANGE_APR = 1000.0
"""A full range that earns a thousand times itself in a year is a mistake in some figure, not a yield."""
NO_BARS = np.empty((0, 2))


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


def check_venue(venue: Venue) -> None:
    """Refuse a venue whose figures cannot be true.

    Raises
    ------
    InvalidInput
        Names the figure and its value: not finite, below zero, a yield past belief, or a horizon of no length.
    """
    for named in fields(venue):
        value = getattr(venue, named.name)
        if not (math.isfinite(value) and value >= 0):
            raise InvalidInput(f"venue: {named.name} is {value}, not a finite number from 0 up")
    if venue.full_range_apr > MAX_FULL_RANGE_APR:
        raise InvalidInput(f"venue: full_range_apr is {venue.full_range_apr}, above {MAX_FULL_RANGE_APR}")
    if venue.horizon_years == 0:
        raise InvalidInput("venue: horizon_years is 0: nothing can pay within no time")


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

    Raises
    ------
    InvalidInput
        If the tape has fewer than two bars.

    Notes
    -----
    Returns add up, they do not compound. Doing nothing earns exactly 0.
    """
    steps = _steps(tape)
    fees, lvr, cost, shifts = run_lane(columns_of(tape), lane_of(params, venue), np.empty(len(tape)), NO_BARS)
    return outcome_of(fees, lvr, cost, shifts, steps, venue)


def net_apr_of(tape: Tape, venue: Venue) -> Callable[[RangeParams], float]:
    """Return ``net_apr`` of :func:`simulate` for one tape and venue: a search asks for thousands of sets.

    Raises
    ------
    InvalidInput
        If the tape has fewer than two bars.
    """
    steps, columns, widths = _steps(tape), columns_of(tape), np.empty(len(tape))

    def net_apr(params: RangeParams) -> float:
        fees, lvr, cost, shifts = run_lane(columns, lane_of(params, venue), widths, NO_BARS)
        return outcome_of(fees, lvr, cost, shifts, steps, venue).net_apr

    return net_apr


def net_returns(tape: Tape, params: RangeParams, venue: Venue) -> FloatArray:
    """Return the net return of every bar of :func:`simulate`, fractions of the capital, shape (n,).

    The first bar bears the cost of the opening. Their sum is ``net_apr`` times the length of the tape in years.

    Raises
    ------
    InvalidInput
        If the tape has fewer than two bars.
    """
    _steps(tape)
    by_bar = np.zeros((len(tape), 2))
    run_lane(columns_of(tape), lane_of(params, venue), np.empty(len(tape)), by_bar)
    return by_bar[:, 0] / BARS_PER_YEAR - by_bar[:, 1]


def columns_of(tape: Tape) -> Columns:
    """Return the columns of a tape as the compiled lane takes them."""
    return Columns(
        high=tape.high,
        low=tape.low,
        close=tape.close,
        volatility=tape.volatility,
        bias=tape.bias,
        sigma=tape.sigma_annual,
        variance=tape.variance_annual,
        stretch_down=tape.stretch_down,
        stretch_up=tape.stretch_up,
        root_close=tape.root_close,
        log_close=tape.log_close,
    )


def lane_of(params: RangeParams, venue: Venue) -> Lane:
    """Return parameters and venue as the compiled lane takes them."""
    # Every number is made a float: an int would be compiled anew.
    return Lane(
        (
            float(params.base_min_frac),
            float(params.base_max_frac),
            float(params.vforce_exp),
            float(params.vforce_divider),
        ),
        float(params.rs_threshold),
        (float(venue.full_range_apr), float(venue.capital_share), float(venue.lvr_weight), float(venue.horizon_years)),
        (float(venue.swap_cost_frac), float(venue.gas_cost_frac), float(venue.cost_multiple)),
        int(venue.min_hold_bars),
    )


def outcome_of(fees: float, lvr: float, cost: float, shifts: int, steps: int, venue: Venue) -> Outcome:
    """Return the sums of a lane over ``steps`` bars as yearly fractions."""
    fee_apr, lvr_apr = fees / steps, venue.lvr_weight * lvr / steps
    cost_apr = cost * BARS_PER_YEAR / steps
    return Outcome(
        net_apr=fee_apr - lvr_apr - cost_apr, fee_apr=fee_apr, lvr_apr=lvr_apr, cost_apr=cost_apr, shifts=shifts
    )


def _steps(tape: Tape) -> int:
    if len(tape) < MIN_BARS:
        raise InvalidInput(f"a tape of {len(tape)} bars cannot be simulated: it needs {MIN_BARS}")
    return len(tape) - 1
