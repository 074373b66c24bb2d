"""What an epoch came to: the line people read, also for an epoch that failed."""

from dataclasses import dataclass
from datetime import datetime

from alm_core.model.accounts import RunningPnl
from alm_core.model.decisions import DecisionKind
from alm_core.model.pnl import PnlParts
from alm_core.model.signals import Forces, PriceRange


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """One epoch of one pair. ``None`` means unknown, never zero.

    Parameters
    ----------
    price
        Close of the last minute before the epoch, quote per base.
    forces
        Composite forces, each 0..100.
    price_range
        Range that the parameters in force give at this price.
    decision, reason
        What was decided and why; an epoch that failed is a HOLD and the reason names the failure.
    transactions_ok, transactions_failed, transactions_open
        Transactions that succeeded, that failed or need a person, and whose outcome is not known yet or that were only
        planned.
    nav_usd
        Value of everything the wallet owned at the pinned blocks, before the epoch's transactions.
    fees_uncollected_usd
        Fees lying in open positions at the pinned blocks.
    fees_collected_usd
        Fees collected so far: what positions paid out, at the prices of the epoch that found it; where accounts are not
        known, each valued when its position was last seen with them.
    gas_usd
        Gas this epoch paid.
    problems
        Sources that did not answer, differences between books and chain, and why execution stopped early.
    reconciled
        Whether books and chain agreed on every chain; ``None`` where nothing was reconciled.
    parts
        Profit and loss since the last epoch whose accounts are known, what that one did included, what this one did
        not (:mod:`alm_core.accounting.pnl`). ``None`` at the first, and where holdings or a price are not known.
    accounts
        What runs since the beginning. Its ``nav_usd`` holds the native coin that gas is paid with; that of the report
        does not.
    hodl_usd
        What the beginning's tokens and coins, and those that came since, are worth.
    do_nothing_usd
        Value now had nothing been done at the epoch that ``parts`` begins with, native coin included.
    twr_frac, mwr_frac, drawdown_frac
        Time- and money-weighted return since the beginning, not per year, and the deepest fall from a peak.
    """

    pair: str
    epoch_at: datetime
    price: float | None
    forces: Forces | None
    price_range: PriceRange | None
    decision: DecisionKind
    reason: str
    transactions_ok: int
    transactions_failed: int
    transactions_open: int
    nav_usd: float | None
    fees_uncollected_usd: float | None
    fees_collected_usd: float | None
    gas_usd: float | None
    problems: tuple[str, ...]
    reconciled: bool | None
    parts: PnlParts | None = None
    accounts: RunningPnl | None = None
    hodl_usd: float | None = None
    do_nothing_usd: float | None = None
    twr_frac: float | None = None
    mwr_frac: float | None = None
    drawdown_frac: float | None = None

    @property
    def fees_usd(self) -> float | None:
        """All fees earned so far as far as known: collected and uncollected."""
        if self.fees_uncollected_usd is None or self.fees_collected_usd is None:
            return None
        return self.fees_uncollected_usd + self.fees_collected_usd
