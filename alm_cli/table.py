"""The epoch table of the terminal."""

from rich.table import Table

from alm_core.model.decisions import DecisionKind
from alm_core.model.reports import EpochReport

_STYLE = {
    DecisionKind.HOLD: "dim",
    DecisionKind.RS: "yellow",
    DecisionKind.WIDEN: "yellow",
    DecisionKind.COMPOUND: "green",
    DecisionKind.PRA: "red",
    DecisionKind.EXIT: "bold red",
}
COLUMNS = ("epoch (UTC)", "pair", "price", "V / M / T", "range", "decision", "tx", "NAV USD", "fees USD", "gas USD")


def epoch_table() -> Table:
    """Return an empty table with the columns of an epoch."""
    table = Table(pad_edge=False, box=None)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right", no_wrap=True)
    return table


def add_epoch(table: Table, report: EpochReport) -> None:
    """Add the line of an epoch; a dash is a figure that is not known."""
    forces, placed = report.forces, report.price_range
    table.add_row(
        report.epoch_at.strftime("%m-%d %H:%M"),
        report.pair,
        figure(report.price, ".6g"),
        f"{forces.volatility:.0f} / {forces.momentum:.0f} / {forces.trend:.0f}" if forces else "-",
        f"{placed.lower:.6g} .. {placed.upper:.6g}" if placed else "-",
        f"[{_STYLE[report.decision]}]{report.decision}[/]",
        _transactions(report),
        figure(report.nav_usd, ",.2f"),
        figure(report.fees_usd, ".2f"),
        figure(report.gas_usd, ".2f"),
    )


def _transactions(report: EpochReport) -> str:
    parts = [str(report.transactions_ok)]
    if report.transactions_failed:
        parts.append(f"[red]{report.transactions_failed} failed[/]")
    if report.transactions_open:
        parts.append(f"{report.transactions_open} open")
    return ", ".join(parts)


def figure(value: float | None, spec: str) -> str:
    """Format a figure; a dash if it is not known."""
    return "-" if value is None else format(value, spec)
