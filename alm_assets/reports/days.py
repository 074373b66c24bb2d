"""The daily report of a live pair."""

from datetime import date

from alm_assets.ports import History
from alm_assets.reports.epochs import Report
from alm_assets.reports.figures import figures_of
from alm_assets.reports.headlines import activity_rows, books_rows, parts_rows, value_rows
from alm_assets.reports.lived import report_of_day
from alm_assets.reports.page import page_of


def day_page(pair: str, day: date, history: History) -> str:
    """Return the report of a UTC day of a pair as one HTML file.

    Raises
    ------
    InvalidInput
        If no epoch of the day has a report.
    """
    report = report_of_day(pair, day, history)
    return page_of_day(report, figures_of(report))


def day_figures(pair: str, day: date, history: History) -> dict[str, bytes]:
    """Return the figures of a UTC day as PNGs, by name: ``price``, ``nav``, ``pnl``, ``allocation``, ``apr``.

    Raises
    ------
    InvalidInput
        If no epoch of the day has a report.
    """
    return figures_of(report_of_day(pair, day, history))


def page_of_day(report: Report, figures: dict[str, bytes]) -> str:
    """Return the page of a day whose figures are drawn."""
    tables = [
        ("Value", value_rows(report)),
        ("Profit and loss of the day", parts_rows(report)),
        ("Activity", activity_rows(report)),
    ]
    if report.books is not None:
        tables.append(("Since the books began", books_rows(report.books)))
    return page_of(report, figures, tables)
