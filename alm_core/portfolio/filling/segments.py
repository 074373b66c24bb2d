"""The smooth parts of a vessel: up to what it holds, and beyond."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.portfolio.filling.vessels import Group, Vessel


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    r"""Part of a vessel's capital over which the worth of a dollar has no kink.

    Dollars beyond what is held are never worth more than those up to it, so the two parts can be filled as if they were
    apart: the second stays empty until the first is full.

    Parameters
    ----------
    row
        The vessel.
    groups
        Limits it counts against.
    start_usd, end_usd
        Capital of the vessel where the part begins and ends; what is held, to the last bit.
    width_usd
        Room in it.
    paid
        Numerator :math:`\theta F c A` of what the next dollar earns.
    pool_usd, times
        Shared liquidity :math:`A + c x` at the start, and what a dollar adds to it.
    borne_apr, moving_apr
        LVR and upkeep of a dollar; what moving it saves.
    """

    row: int
    groups: tuple[int, ...]
    start_usd: float
    end_usd: float
    width_usd: float
    paid: float
    pool_usd: float
    times: float
    borne_apr: float
    moving_apr: float

    def slope_apr(self, filled_usd: float) -> float:
        """What the next dollar is worth per year."""
        pool = self.pool_usd + self.times * filled_usd
        return (self.paid / (pool * pool) if self.paid else 0.0) - self.borne_apr + self.moving_apr

    def gross_apr(self, filled_usd: float) -> float:
        """What it earns and bears, without signs."""
        pool = self.pool_usd + self.times * filled_usd
        return (self.paid / (pool * pool) if self.paid else 0.0) + self.borne_apr

    def bend(self, filled_usd: float) -> float:
        """How fast the slope falls, per dollar."""
        pool = self.pool_usd + self.times * filled_usd
        return 2.0 * self.times * self.paid / (pool * pool * pool) if self.paid else 0.0

    def reach_usd(self, filled_usd: float) -> float:
        """Capital that may be taken out before a tangent says little of the slope: half of what shares the fees."""
        return (self.pool_usd / self.times + filled_usd) / 2.0 if self.paid else math.inf


def segments_of(vessels: Sequence[Vessel], groups: Sequence[Group]) -> list[Segment]:
    """Return the parts of all vessels that can take capital; every cap is finite."""
    found: list[Segment] = []
    for row, vessel in enumerate(vessels):
        within = tuple(number for number, group in enumerate(groups) if row in group.rows)
        kept = vessel.kept_usd
        parts = ((0.0, kept, vessel.exit_apr), (kept, vessel.cap_usd, -vessel.entry_apr))
        found += [_segment(vessel, row, within, *part) for part in parts if part[1] > part[0]]
    return found


def _segment(
    vessel: Vessel, row: int, groups: tuple[int, ...], start_usd: float, end_usd: float, moving_apr: float
) -> Segment:
    rate = vessel.held_frac * vessel.times
    return Segment(
        row=row,
        groups=groups,
        start_usd=start_usd,
        end_usd=end_usd,
        width_usd=end_usd - start_usd,
        paid=rate * vessel.fees_usd * vessel.active_usd if vessel.pays else 0.0,
        pool_usd=vessel.active_usd + vessel.times * start_usd,
        times=vessel.times,
        borne_apr=rate * vessel.lvr_apr + vessel.upkeep_apr,
        moving_apr=moving_apr,
    )
