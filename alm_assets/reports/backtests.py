"""The report of a backtest."""

from collections.abc import Iterable, Mapping

from alm_assets.reports.cells import seconds
from alm_assets.reports.figures import figures_of
from alm_assets.reports.headlines import activity_rows, parts_rows, value_rows
from alm_assets.reports.page import page_of
from alm_assets.reports.simulated import report_of_backtest
from alm_core.model.backtest import BacktestEpoch, BacktestSummary
from alm_core.model.errors import InvalidInput


def backtest_page(
    epochs: Iterable[BacktestEpoch],
    summary: BacktestSummary,
    *,
    names: Mapping[str, str] | None = None,
    figures: Mapping[str, bytes] | None = None,
) -> str:
    """Return the report of a backtest as one HTML file.

    Parameters
    ----------
    epochs, summary
        The backtest, oldest epoch first; epochs are looked at once and not kept.
    names
        Words for pools, by id; others are told by chain and address.
    figures
        What :func:`backtest_figures` gave, where it was drawn already.

    Raises
    ------
    InvalidInput
        If there is no epoch, or the summary is not theirs.
    """
    report = report_of_backtest(epochs, names)
    if (report.nav_start_usd, report.nav_end_usd) != (summary.nav_start, summary.nav_end):
        raise InvalidInput(
            f"the summary of {summary.pair} ends with {summary.nav_end} USD, its epochs with {report.nav_end_usd} USD"
        )
    drawn = figures_of(report) if figures is None else figures
    tables = (
        ("Value", value_rows(report)),
        ("Profit and loss", parts_rows(report)),
        ("Activity", [*activity_rows(report), ("computing time", seconds(summary.seconds))]),
    )
    return page_of(report, drawn, tables)


def backtest_figures(epochs: Iterable[BacktestEpoch], *, names: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Return the figures of a backtest as PNGs, by name: ``price``, ``nav``, ``pnl``, ``allocation``, ``apr``.

    Raises
    ------
    InvalidInput
        If there is no epoch.
    """
    return figures_of(report_of_backtest(epochs, names))
