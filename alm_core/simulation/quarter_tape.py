"""A tape from quarter hours: what is left of a history too long to be held by the minute."""

from alm_core.forces.composite import composite_at_quarters
from alm_core.model.candles import CandleSeries
from alm_core.simulation.tape import Tape, tape_of


def tape_from_quarters(bars: CandleSeries) -> Tape:
    """Return :func:`alm_core.simulation.tape.tape_from_candles` of minutes of which only quarter hours are at hand.

    Parameters
    ----------
    bars
        Complete quarter hours, oldest first: ``aggregate(minutes, 15)``, part by part if need be.
    """
    return tape_of(bars, composite_at_quarters(bars))
