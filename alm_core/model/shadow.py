"""What other policies would own by now, had they been given our capital: kept beside every live epoch."""

from dataclasses import dataclass
from datetime import datetime

from alm_core.model.decisions import DecisionKind
from alm_core.model.market import Holdings
from alm_core.model.past import RecentEpoch
from alm_core.model.signals import OptimizedRange


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowBook:
    """Paper holdings of one policy after its decision of an epoch.

    Parameters
    ----------
    policy
        Its name.
    kind, reason
        What it would have done, and why.
    nav_usd
        Value of its holdings less the gas it would have paid, at the epoch's price, after its decision; ``None`` if
        unknown.
    fees_usd, gas_usd, swap_usd, moves
        Fees earned, gas and swap costs paid and actions taken since it began: running totals.
    holdings, as_of_at
        Paper balances and positions by chain, and the epoch whose snapshot they are marked at.
    last_moved_at
        Epoch of its last action.
    optimized
        Its own range and parameters, where it has any: they start its next search.
    recent
        Its own last 24 h, oldest first, where it has gates or kill switches that look at them.
    """

    policy: str
    kind: DecisionKind
    reason: str
    nav_usd: float | None
    fees_usd: float
    gas_usd: float
    swap_usd: float
    moves: int
    holdings: tuple[Holdings, ...]
    as_of_at: datetime
    last_moved_at: datetime | None = None
    optimized: OptimizedRange | None = None
    recent: tuple[RecentEpoch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowEpoch:
    """Books of every shadow policy at an epoch; ``began_at`` is the epoch at which all were given our holdings."""

    pair: str
    epoch_at: datetime
    began_at: datetime
    books: tuple[ShadowBook, ...]
    problems: tuple[str, ...] = ()

    def book(self, policy: str) -> ShadowBook | None:
        """Return the book of a policy, ``None`` if it has none yet."""
        return next((book for book in self.books if book.policy == policy), None)
