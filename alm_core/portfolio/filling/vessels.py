"""A pool as water-filling sees it: concave net income, with a kink at the capital it holds already."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from alm_core.model.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessel:
    r"""A pool as water-filling sees it.

    Parameters
    ----------
    fees_usd
        Fees to active liquidity per year, and rewards that are counted on, :math:`F`.
    active_usd
        Full-range value of others' active liquidity, :math:`A`. Without any the pool pays nothing.
    times
        Concentration of our range, :math:`c`.
    lvr_apr
        LVR of a full range per year, :math:`l`; our range bears ``c`` times it.
    held_frac
        Share of the time the price is expected to be in the range, :math:`\theta`.
    cap_usd
        Most that may be in the pool; may be infinite.
    cap_name
        Rule that the cap comes from.
    upkeep_apr
        Cost of keeping the range around the price, per year and dollar, :math:`k`.
    held_usd
        What is in the pool and may stay, :math:`h`.
    entry_apr, exit_apr
        Cost of moving a dollar in beyond :math:`h`, and of moving one of :math:`h` out, spread over the horizon: the
        fraction it costs over the years it must pay in, :math:`e` and :math:`z`.
    least_usd
        Less than this is not worth a position.

    Notes
    -----
    Income :math:`N(x) = \theta\,(F c x / (A + c x) - c\,l\,x) - k\,x`, marginal
    :math:`N'(x) = \theta\,(F c A / (A + c x)^2 - c\,l) - k`. Worth
    :math:`\phi(x) = N(x) - e\,(x - h)^+ - z\,(h - x)^+` is concave, with a kink at :math:`h`.
    """

    pool_id: str
    fees_usd: float
    active_usd: float
    times: float
    lvr_apr: float
    held_frac: float
    cap_usd: float
    cap_name: str = "cap"
    upkeep_apr: float = 0.0
    held_usd: float = 0.0
    entry_apr: float = 0.0
    exit_apr: float = 0.0
    least_usd: float = 0.0

    @property
    def pays(self) -> bool:
        """Whether anything is earned in it at all."""
        return self.fees_usd > 0.0 and self.active_usd > 0.0 and self.held_frac > 0.0

    @property
    def kept_usd(self) -> float:
        """Where worth has its kink: what is held, as far as the cap allows it; 0 where moving costs nothing."""
        return min(self.held_usd, self.cap_usd) if self.entry_apr + self.exit_apr > 0.0 else 0.0

    @property
    def top_apr(self) -> float:
        """Price from which nothing is taken."""
        if self.kept_usd <= 0.0:
            return self.marginal_apr(0.0) - self.entry_apr
        top = self.marginal_apr(0.0) + self.exit_apr
        # At its own price a pool that pays nothing keeps all it holds.
        return top if self.pays else math.nextafter(top, math.inf)

    def income_usd(self, capital_usd: float) -> float:
        """Net income per year from an amount of capital."""
        own = self.times * capital_usd
        fees = self.fees_usd * own / (self.active_usd + own) if self.pays else 0.0
        return self.held_frac * (fees - own * self.lvr_apr) - self.upkeep_apr * capital_usd

    def worth_usd(self, capital_usd: float) -> float:
        """Net income per year, less what moving from the capital held costs."""
        moved = capital_usd - self.held_usd
        return self.income_usd(capital_usd) - (self.entry_apr * moved if moved > 0.0 else -self.exit_apr * moved)

    def gross_apr(self, capital_usd: float) -> float:
        """Sum of all rates that make up the marginal, without their signs: what a deviation is small against."""
        fees = self._fees_apr(capital_usd)
        return self.held_frac * self.times * (fees + self.lvr_apr) + self.upkeep_apr

    def marginal_apr(self, capital_usd: float) -> float:
        """Net income per year of the next dollar."""
        fees = self._fees_apr(capital_usd)
        return self.held_frac * self.times * (fees - self.lvr_apr) - self.upkeep_apr

    def bend(self, capital_usd: float) -> float:
        """How fast the marginal falls, per dollar: minus the second derivative of income."""
        pool = self.active_usd + self.times * capital_usd
        return 2.0 * self.held_frac * self.times**2 * self._fees_apr(capital_usd) / pool if self.pays else 0.0

    def capital_at(self, price_apr: float) -> float:
        """Capital that is worth most where every dollar costs ``price_apr`` per year."""
        return self.response(price_apr)[0]

    def response(self, price_apr: float) -> tuple[float, float]:
        r"""Return the capital worth most at a price, and how fast it falls as the price rises.

        Parameters
        ----------
        price_apr
            What every dollar costs per year, :math:`p \ge 0`.

        Notes
        -----
        :math:`x(p) = h` for :math:`N'(h) - e \le p \le N'(h) + z`, the no-trade region; below it
        :math:`N'(x) = p + e`, above it :math:`N'(x) = p - z`, clamped to 0 and the cap. It falls in p, and jumps only
        where every dollar is worth the same: at the price at which a pool that pays nothing lets go of what it holds.
        """
        kept = self.kept_usd
        slope = self.marginal_apr(kept)
        if kept > 0.0 and price_apr > slope + self.exit_apr:
            return self._between(price_apr - self.exit_apr, 0.0, kept)
        if price_apr >= slope - self.entry_apr:
            return kept, 0.0
        return self._between(price_apr + self.entry_apr, kept, self.cap_usd)

    def _fees_apr(self, capital_usd: float) -> float:
        if not self.pays:
            return 0.0
        pool = self.active_usd + self.times * capital_usd
        return self.fees_usd * (self.active_usd / pool) / pool

    def _between(self, level_apr: float, low: float, high: float) -> tuple[float, float]:
        if not self.pays:
            return low, 0.0
        rate = self.held_frac * self.times
        needed = (level_apr + self.upkeep_apr) / rate + self.lvr_apr
        if needed <= 0.0:
            return high, 0.0
        pool = math.sqrt(self.active_usd / needed) * math.sqrt(self.fees_usd)
        capital = (pool - self.active_usd) / self.times
        if not low < capital < high:
            return (low, 0.0) if capital <= low else (high, 0.0)
        return capital, pool / (2.0 * needed * self.times * rate)

    def refuse_nonsense(self) -> None:
        """Refuse figures that no pool can have.

        Raises
        ------
        InvalidInput
            Names the pool and the figure.
        """
        finite = {
            "fees_usd": self.fees_usd,
            "active_usd": self.active_usd,
            "lvr_apr": self.lvr_apr,
            "upkeep_apr": self.upkeep_apr,
            "held_usd": self.held_usd,
            "entry_apr": self.entry_apr,
            "exit_apr": self.exit_apr,
            "least_usd": self.least_usd,
        }
        for name, value in finite.items():
            if not (math.isfinite(value) and value >= 0.0):
                raise InvalidInput(f"pool {self.pool_id}: {name} {value} is not a finite non-negative number")
        if not (math.isfinite(self.times) and self.times > 0.0):
            raise InvalidInput(f"pool {self.pool_id}: times {self.times} is not a finite positive number")
        if not 0.0 <= self.held_frac <= 1.0:
            raise InvalidInput(f"pool {self.pool_id}: held_frac {self.held_frac} is not within 0 and 1")
        if not self.cap_usd >= 0.0:
            raise InvalidInput(f"pool {self.pool_id}: cap_usd {self.cap_usd} is negative or not a number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pools whose capital together has a limit.

    Parameters
    ----------
    name
        Rule and what it applies to, for example ``max_issuer_share circle``.
    rows
        Which of the vessels belong to it.
    limit_usd
        Most that may be in them together; may be infinite.
    most
        Most of them that may hold capital; ``None`` for any number.
    """

    name: str
    rows: tuple[int, ...]
    limit_usd: float
    most: int | None = None

    def renumbered(self, place: Mapping[int, int]) -> "Group":
        """Return the group among the vessels that have a place, by their numbers there."""
        rows = tuple([place[row] for row in self.rows if row in place])
        return self if rows == self.rows else replace(self, rows=rows)

    def refuse_nonsense(self) -> None:
        """Refuse a limit that is none.

        Raises
        ------
        InvalidInput
            If the limit is negative or not a number.
        """
        if not self.limit_usd >= 0.0:
            raise InvalidInput(f"{self.name}: limit {self.limit_usd} is not a non-negative number")
