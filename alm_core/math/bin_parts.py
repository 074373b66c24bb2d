"""Ranges of bins in parts that one transaction each can open."""

from itertools import pairwise

from alm_core.math.bin_ranges import places_of_range, ticks_of_places
from alm_core.model.errors import InvalidInput

MOST_BINS_OPENED = 60
"""Bins that one transaction opens within 12 million gas, measured where all of them are new."""
MOST_PARTS = 8


def openable(bin_step: int, tick_lower: int, tick_upper: int) -> bool:
    """Whether a range is not too wide to be opened at all, in however many parts."""
    return len(places_of_range(bin_step, tick_lower, tick_upper)) <= MOST_PARTS * MOST_BINS_OPENED


def parts_of_range(bin_step: int, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
    """Split a range into ranges of about as many bins each, no more than one transaction opens, from low to high.

    Raises
    ------
    InvalidInput
        If the ticks are not edges of bins, or the range would need too many transactions.

    Examples
    --------
    >>> parts_of_range(10, 5, 15)
    ((5, 15),)
    """
    places = places_of_range(bin_step, tick_lower, tick_upper)
    if not openable(bin_step, tick_lower, tick_upper):
        raise InvalidInput(
            f"ticks [{tick_lower}, {tick_upper}] are {len(places)} bins of step {bin_step}, "
            f"more than {MOST_PARTS * MOST_BINS_OPENED}"
        )
    count = -(-len(places) // MOST_BINS_OPENED)
    cuts = [places.start + len(places) * index // count for index in range(count + 1)]
    return tuple(ticks_of_places(bin_step, range(first, last)) for first, last in pairwise(cuts))
