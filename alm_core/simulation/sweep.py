"""Many parameter sets over one tape: every lane is a simulation of its own on the same prepared market."""

from dataclasses import dataclass, fields

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.model.candles import FloatArray, IntArray
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.ranges.range import check_params
from alm_core.simulation.fitness import MIN_BARS, Venue, check_venue, columns_of, lane_of
from alm_core.simulation.lane import Columns, Lane, run_lane
from alm_core.simulation.tape import BARS_PER_YEAR, Tape

PARAMS = tuple(field.name for field in fields(RangeParams))
"""Columns of a parameter array."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Columns by lane, all of shape (lanes,): what :class:`alm_core.simulation.fitness.Outcome` says of one."""

    net_apr: FloatArray
    fee_apr: FloatArray
    lvr_apr: FloatArray
    cost_apr: FloatArray
    shifts: IntArray


def sweep(tape: Tape, params: FloatArray, venue: Venue) -> Outcomes:
    """Return what each of many parameter sets would have earned over a tape.

    Parameters
    ----------
    tape
        At least two bars.
    params : shape (lanes, 5)
        A parameter set per row, columns as in :data:`PARAMS`.
    venue
        Yield, size and costs.

    Returns
    -------
    Outcomes
        Lane by lane equal to :func:`alm_core.simulation.fitness.simulate`, to the last bit.

    Raises
    ------
    InvalidInput
        If the tape is too short, the array has another shape, or a parameter set or the venue is unusable; names the
        lane.
    """
    if len(tape) < MIN_BARS:
        raise InvalidInput(f"a tape of {len(tape)} bars cannot be simulated: it needs {MIN_BARS}")
    if params.ndim != 2 or params.shape[1] != len(PARAMS):
        raise InvalidInput(f"parameters of shape {params.shape}: there must be a row per lane of {', '.join(PARAMS)}")
    check_venue(venue)
    for lane, row in enumerate(params.tolist()):
        try:
            check_params(RangeParams(**dict(zip(PARAMS, row, strict=True))))
        except InvalidInput as problem:
            raise InvalidInput(f"lane {lane}: {problem}") from problem
    sums = np.empty((params.shape[0], 4))
    _run_lanes(columns_of(tape), lane_of(RangeParams(), venue), np.ascontiguousarray(params, dtype=np.float64), sums)
    steps = len(tape) - 1
    fee_apr, lvr_apr = sums[:, 0] / steps, venue.lvr_weight * sums[:, 1] / steps
    cost_apr = sums[:, 2] * BARS_PER_YEAR / steps
    return Outcomes(
        net_apr=fee_apr - lvr_apr - cost_apr,
        fee_apr=fee_apr,
        lvr_apr=lvr_apr,
        cost_apr=cost_apr,
        shifts=sums[:, 3].astype(np.int64),
    )


@compiled
def _run_lanes(bars: Columns, venue_of: Lane, params: FloatArray, sums: FloatArray) -> None:
    widths = np.empty(bars.close.shape[0])
    nothing = np.empty((0, 2))
    for row in range(params.shape[0]):
        lane = Lane(
            (params[row, 0], params[row, 1], params[row, 2], params[row, 3]),
            params[row, 4],
            venue_of.venue,
            venue_of.costs,
            venue_of.min_hold,
        )
        sums[row, 0], sums[row, 1], sums[row, 2], sums[row, 3] = run_lane(bars, lane, widths, nothing)
