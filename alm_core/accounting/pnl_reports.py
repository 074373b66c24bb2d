"""Accounts in the report of an epoch: what the time since the last known one came to, and what runs since the start."""

from collections.abc import Iterable
from dataclasses import replace

from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.accounting.pnl_idle import do_nothing_usd
from alm_core.accounting.pnl_running import begun_accounts, hodl_usd, money_weighted_of, went_on
from alm_core.model.accounts import Movement, RunningPnl
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport


def accounted(
    report: EpochReport,
    snapshot: MarketSnapshot,
    before: tuple[EpochReport, MarketSnapshot] | None,
    movements: Iterable[Movement],
) -> EpochReport:
    """Return a report with its accounts, or as it is where holdings or a price are not known.

    Parameters
    ----------
    report, snapshot
        Of the epoch.
    before
        Last report that has accounts, and its snapshot; ``None`` begins them here. Epochs in between whose holdings
        were not known are in the parts of this one.
    movements
        What the ledger has booked between the two snapshots.

    Notes
    -----
    Fees collected so far are then those that positions really paid, at the prices of the snapshot after: what is earned
    between a snapshot and a collection is not missed.
    """
    if report.price is None:
        return report
    now = Marked(snapshot=snapshot, price=report.price)
    try:
        if before is None or before[0].accounts is None or before[0].price is None:
            return _with(report, begun_accounts(now), now)
        earlier = Marked(snapshot=before[1], price=before[0].price)
        pnl = epoch_pnl(earlier, now, movements)
        told = _with(report, went_on(before[0].accounts, pnl), now)
        collected = before[0].fees_collected_usd
        return replace(
            told,
            parts=pnl.parts,
            do_nothing_usd=do_nothing_usd(earlier, now, pnl),
            fees_collected_usd=report.fees_collected_usd if collected is None else collected + pnl.collected_usd,
        )
    except InvalidInput:
        return report


def _with(report: EpochReport, accounts: RunningPnl, now: Marked) -> EpochReport:
    return replace(
        report,
        accounts=accounts,
        hodl_usd=hodl_usd(accounts, now),
        twr_frac=accounts.growth - 1.0,
        mwr_frac=money_weighted_of(accounts),
        drawdown_frac=accounts.drawdown_frac,
    )
