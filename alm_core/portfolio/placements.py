"""Capital in ranges of pools, and the net income it is expected to make over the decision's horizon."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.portfolio.filling.vessels import Vessel
from alm_core.portfolio.yields import PoolYield
from alm_core.ranges.income import active_value, care_of_range, fresh_income, held_income
from alm_core.ranges.position import (
    concentration,
    lvr_rate,
    occupancy,
    residence_years,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is expected of the price, and of our own looking after a range.

    Parameters
    ----------
    sigma_annual_frac
        Volatility.
    horizon_years
        Time over which an action must pay.
    lvr_weight
        Share of LVR charged against fees.
    shift_cost_frac
        Cost of shifting a range once, relative to its capital; differs by chain.
    rewards_haircut_frac
        Part of a pool's rewards that is not counted on: they end, and their token falls. 1 counts none.
    """

    sigma_annual_frac: float
    horizon_years: float
    lvr_weight: float
    shift_cost_frac: float = 0.0
    rewards_haircut_frac: float = 1.0

    @property
    def lvr_apr(self) -> float:
        """LVR charged to a full range, per year."""
        return self.lvr_weight * lvr_rate(self.sigma_annual_frac)

    def paid_usd(self, found: PoolYield) -> float:
        """Fees of a pool and what is counted on of its rewards, per year, to all its active liquidity.

        Gauges pay liquidity in range by its share, as fees are paid, so that our own liquidity dilutes both alike.
        Rewards nobody knows count as none.
        """
        return found.fees_usd + (1.0 - self.rewards_haircut_frac) * (found.rewards_usd or 0.0)

    def residence_years(self, price: float, lower: float, upper: float) -> float:
        """Expected time until the price first leaves a range."""
        return residence_years(price, lower, upper, self.sigma_annual_frac)

    def held_frac(self, price: float, lower: float, upper: float) -> float:
        """Share of the horizon that the price is expected to stay in a range before it first leaves it."""
        return occupancy(self.residence_years(price, lower, upper), self.horizon_years)


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How a freshly placed range is best held: share of the time it is in range, and what that costs.

    Leaving it alone costs nothing and earns until the first exit; shifting it at each exit keeps it earning
    (:func:`alm_core.ranges.position.standing_rate`).
    """

    held_frac: float
    upkeep_apr: float


def care_of(found: PoolYield, price: float, bounds: tuple[float, float], outlook: Outlook) -> Care:
    """Return the better way to hold a range that is placed at ``bounds`` now, judged for a small position."""
    rate = concentration(price, *bounds) * (outlook.paid_usd(found) / found.active_usd - outlook.lvr_apr)
    residence = outlook.residence_years(price, *bounds)
    held_frac, upkeep_apr = care_of_range(rate, residence, outlook.horizon_years, outlook.shift_cost_frac)
    return Care(held_frac=held_frac, upkeep_apr=upkeep_apr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Capital in a price range (quote per base) of one pool."""

    pool_id: str
    lower: float
    upper: float
    capital_usd: float

    def active_usd(self, price: float) -> float:
        """Full-range value of its liquidity while the price is inside, else 0."""
        if not self.lower < price < self.upper:
            return 0.0
        return self.capital_usd * concentration(price, self.lower, self.upper)


def pool_income_usd(
    found: PoolYield,
    held: Sequence[Placement],
    fresh: Sequence[Placement],
    price: float,
    bounds: tuple[float, float],
    outlook: Outlook,
) -> float:
    """Return the expected net income per year of our placements in one pool, together.

    Parameters
    ----------
    found
        What the pool pays, and the liquidity of others.
    held, fresh
        Positions that stay as they are, and those that would be placed now at ``bounds``.
    price, bounds
        Price in the pool and the range that would be placed there.
    outlook
        Volatility, horizon and the cost of a shift.

    Notes
    -----
    They share fees and rewards of the pool with others' liquidity and with one another. A held position earns until the
    price first leaves it and is worth a fresh one from then on (or nothing, if a fresh one would lose); one that the
    price has left already earns nothing: shifting it is what is being judged.
    """
    care = care_of(found, price, bounds, outlook)
    kept = (care.held_frac, care.upkeep_apr)
    staying = [place.active_usd(price) for place in held]
    placed = [place.active_usd(price) for place in fresh]
    shared_by = found.active_usd + sum([*staying, *placed])
    per_active = outlook.paid_usd(found) / shared_by - outlook.lvr_apr
    income = sum(
        [fresh_income(own, place.capital_usd, per_active, kept) for own, place in zip(placed, fresh, strict=True)]
    )
    for own, place in zip(staying, held, strict=True):
        if own == 0.0:
            continue
        first = outlook.held_frac(price, place.lower, place.upper)
        again = active_value(price, bounds[0], bounds[1], place.capital_usd)
        income += held_income(own, again, place.capital_usd, per_active, first, kept)
    return income


def vessel_of(found: PoolYield, price: float, bounds: tuple[float, float], outlook: Outlook, cap_usd: float) -> Vessel:
    """Return the pool as water-filling sees it with our range at ``bounds``; without the price it takes nothing."""
    inside = bounds[0] < price < bounds[1]
    care = care_of(found, price, bounds, outlook)
    return Vessel(
        pool_id=found.pool_id,
        fees_usd=outlook.paid_usd(found) if inside else 0.0,
        active_usd=found.active_usd,
        times=concentration(price, *bounds) if inside else 1.0,
        lvr_apr=outlook.lvr_apr,
        held_frac=care.held_frac,
        cap_usd=cap_usd,
        upkeep_apr=care.upkeep_apr,
    )
