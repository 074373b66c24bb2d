"""Accounts of an epoch: where they stood, what the ledger has booked since, and how people read them."""

from datetime import timedelta
from typing import Protocol, runtime_checkable

from alm_assets.ports import Executor, History
from alm_assets.tables import Cell
from alm_core.model.accounts import MovementsBetween
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport

ACCOUNTS_WITHIN = timedelta(days=7)
"""Accounts that were not known for longer begin anew."""


@runtime_checkable
class TellsMovements(Protocol):
    """What an executor has besides that signs: the ledger of what it did."""

    def movements_between(self, before: MarketSnapshot, now: MarketSnapshot) -> MovementsBetween:
        """Return what was booked for the blocks between two snapshots; nothing in modes that never sign."""
        ...


def with_accounts(
    report: EpochReport, snapshot: MarketSnapshot, history: History, executor: Executor
) -> tuple[EpochReport, tuple[object, ...]]:
    """Return a report with its accounts, and what they were read from besides."""
    from alm_core.accounting.pnl_reports import accounted

    before = last_accounts(report, history)
    ledger: MovementsBetween | None = None
    if before is not None and isinstance(executor, TellsMovements):
        ledger = executor.movements_between(before[1], snapshot)
    found = accounted(report, snapshot, before, ledger.movements if ledger is not None else ())
    return found, (*(before or ()), *((ledger,) if ledger is not None else ()))


def last_accounts(report: EpochReport, history: History) -> tuple[EpochReport, MarketSnapshot] | None:
    """Return the last report before this one that has accounts, and its snapshot."""
    pair, at = report.pair, report.epoch_at
    latest = history.read_latest("epoch_report", EpochReport, pair, at, ACCOUNTS_WITHIN)
    if latest is not None and latest.accounts is None:
        known = history.read_epochs("epoch_report", EpochReport, pair, at - ACCOUNTS_WITHIN, at)
        latest = next((one for one in reversed(known) if one.accounts is not None), None)
    if latest is None:
        return None
    snapshot = history.read_epoch("pool_snapshots", MarketSnapshot, pair, latest.epoch_at)
    return None if snapshot is None else (latest, snapshot)


def account_rows(report: EpochReport) -> list[tuple[str, Cell]]:
    """Rows of the report's table: parts of profit and loss, and what runs since the beginning."""
    accounts, parts = report.accounts, report.parts
    if accounts is None:
        return [("accounts", "not known")]
    rows: list[tuple[str, Cell]] = []
    if parts is not None:
        rows += [
            ("fees USD since the epoch before", parts.fees_usd),
            ("rewards USD", parts.rewards_usd),
            ("loss versus rebalancing USD", -parts.lvr_usd),
            ("swaps USD", -parts.swap_usd),
            ("gas USD", -parts.gas_usd),
            ("bridges USD", -parts.bridge_usd),
            ("effect of prices USD", parts.price_usd),
            ("deposits less withdrawals USD", parts.flow_usd),
            ("change of NAV with native coin USD", parts.change_usd),
            ("had nothing been done, NAV USD", report.do_nothing_usd),
        ]
    return [
        *rows,
        ("NAV with native coin USD", accounts.nav_usd),
        (f"HODL since {accounts.began_at:%Y-%m-%d %H:%M} USD", report.hodl_usd),
        ("time-weighted return", _percent(report.twr_frac)),
        ("money-weighted return", _percent(report.mwr_frac)),
        ("deepest fall", _percent(report.drawdown_frac)),
    ]


def _percent(frac: float | None) -> str | None:
    return None if frac is None else f"{frac:.4%}"
