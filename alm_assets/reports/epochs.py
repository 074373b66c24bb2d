"""What a report is made from, whether its epochs were lived or simulated. ``None`` means unknown, never zero."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alm_core.model.backtest import Placed
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.pnl import PnlParts
from alm_core.model.reports import EpochReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEpoch:
    """One epoch as figures and tables see it.

    Parameters
    ----------
    price
        Quote per base.
    nav_usd, hodl_usd
        Value, and what the tokens of the beginning are worth.
    capital_usd
        What decisions place and expect income of: the value, of a live pair without the native coin for gas.
    parts
        Profit and loss since the epoch before that is known.
    placed
        Positions with their ranges, quote per base; ``None`` where nobody knows what is held.
    expected_apr
        What the decision expected the positions it found to earn per year, as a fraction of the capital.
    binding
        The gate or rule that decided.
    """

    at: datetime
    price: float | None
    nav_usd: float | None
    hodl_usd: float | None
    capital_usd: float | None
    parts: PnlParts | None
    placed: tuple[Placed, ...] | None
    kind: DecisionKind
    expected_apr: float | None
    binding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActedEpoch:
    """A decision that did something, and what came of it.

    Parameters
    ----------
    expected_gain_usd, expected_cost_usd
        What it promised over its horizon, and for how much; ``None`` where it promised nothing in figures.
    outcome, moved
        What came of it in words, and whether anything did.
    paid_usd
        Swaps, gas and bridges.
    earned_usd
        Fees and rewards less LVR from then until the next action.
    until_at
        When that was, or the end of the report; ``None`` where it was never carried out.
    """

    at: datetime
    kind: DecisionKind
    reason: str
    expected_gain_usd: float | None
    expected_cost_usd: float | None
    outcome: str
    moved: bool
    paid_usd: float | None
    earned_usd: float | None
    until_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is drawn and told of a stretch of epochs, oldest first.

    Parameters
    ----------
    nav_start_usd, totals
        Value at the beginning, and the parts of its change since then that are known; :meth:`unsplit_usd` is the rest.
    counts
        What was done, in words, and how often.
    names
        Words for pools, by id.
    placed_before
        Whether ``placed`` is what the epoch found, so that it was held since the one before. Otherwise it is what the
        epoch left, held until the next one.
    problems, assumptions
        Each with the number of epochs that had it.
    books
        Of a live day: the last report with accounts, which run since before it.
    """

    pair: str
    title: str
    epochs: tuple[ReportEpoch, ...]
    nav_start_usd: float | None
    totals: PnlParts
    counts: tuple[tuple[str, int], ...] = ()
    acted: tuple[ActedEpoch, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    placed_before: bool = False
    problems: tuple[tuple[str, int], ...] = ()
    assumptions: tuple[tuple[str, int], ...] = ()
    books: EpochReport | None = None

    @property
    def nav_end_usd(self) -> float | None:
        """Last value that is known."""
        return next((one.nav_usd for one in reversed(self.epochs) if one.nav_usd is not None), None)

    @property
    def hodl_end_usd(self) -> float | None:
        """What HODL was worth at the epoch of :attr:`nav_end_usd`; ``None`` if that is not known."""
        return next((one.hodl_usd for one in reversed(self.epochs) if one.nav_usd is not None), None)

    @property
    def unsplit_usd(self) -> float | None:
        """Change of the NAV that no part explains; ``None`` if the change is not known."""
        if self.nav_start_usd is None or self.nav_end_usd is None:
            return None
        return self.nav_end_usd - self.nav_start_usd - self.totals.change_usd

    @property
    def unsplit_epochs(self) -> int:
        """Epochs whose value is known and whose parts are not."""
        return sum(one.nav_usd is not None and one.parts is None for one in self.epochs)

    def name(self, pool_id: str) -> str:
        """Words for a pool: its name, else its chain and the ends of its address."""
        if pool_id in self.names:
            return self.names[pool_id]
        chain, _, address = pool_id.partition(":")
        short = f"{address[:6]}…{address[-4:]}" if len(address) > 12 else address
        return f"{short} on chain {chain}"


def earned_usd(epochs: Sequence[ReportEpoch]) -> float | None:
    """Return fees and rewards less LVR; ``None`` if the parts of an epoch whose value is known are not."""
    if any(one.parts is None and one.nav_usd is not None for one in epochs):
        return None
    known = [one.parts for one in epochs if one.parts is not None]
    return math.fsum(part for one in known for part in (one.fees_usd, one.rewards_usd, -one.lvr_usd))


def paid_usd(parts: PnlParts | None) -> float | None:
    """Return what swaps, gas and bridges cost."""
    return None if parts is None else math.fsum((parts.swap_usd, parts.gas_usd, parts.bridge_usd))


def expected_apr_of(plan: AllocationPlan | None) -> float | None:
    """Return what the decision expected of the positions it found; rules and doubtful epochs expect nothing."""
    if plan is None or plan.nav_usd is None:
        return None
    return plan.decision.current_apr


def promised_of(plan: AllocationPlan) -> tuple[float | None, float | None]:
    """Return gain and cost that a plan promised; a rule weighs nothing, and an exit promises no gain."""
    if not plan.decision.alternatives:
        return None, None
    gain, cost = plan.decision.promised_usd
    return (None if plan.decision.kind is DecisionKind.EXIT else gain), cost


def share_in_range(epochs: Sequence[ReportEpoch]) -> float | None:
    """Return the part of the epochs with positions whose price lay in the range of at least one of them."""
    known = [(one.price, one.placed) for one in epochs if one.price is not None and one.placed]
    if not known:
        return None
    inside = sum(any(held.lower <= price < held.upper for held in placed) for price, placed in known)
    return inside / len(known)
