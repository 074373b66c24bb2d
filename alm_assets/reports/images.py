"""What the live ``epoch_report`` shows of its day in the UI, and the page it leaves on disk."""

import base64
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import dagster as dg

from alm_assets.ports import History
from alm_assets.reports.days import page_of_day
from alm_assets.reports.drawing import half_size
from alm_assets.reports.figures import CAPTIONS, figures_of
from alm_assets.reports.lived import report_of_day
from alm_assets.tables import Metadata
from alm_core.model.reports import EpochReport

FOLDER = "reports"
WARNING, MOST_WARNING = "report_warning", 500
"""Metadata entry that is there only where something could not be drawn or written."""
SHOWN = ("price", "nav", "pnl")
"""Figures in the event log of every epoch; all five are on the page."""


def report_images(pair: str, day: date, history: History, home: Path, latest: EpochReport | None = None) -> Metadata:
    """Draw the day so far, write its page to ``<home>/reports/<pair>/<day>.html``, and return both as metadata.

    Never raises: what cannot be drawn or written is a warning in the metadata, and the epoch goes on.

    Parameters
    ----------
    pair, day, history
        Whose day, and where it is recorded.
    home
        ``ALM_HOME``.
    latest
        The report of the epoch itself, which is stored only after this.
    """
    try:
        # Polars comes with the history's package: a code location that only lists its assets does without.
        from alm_resources.history.files import folder_of

        path = folder_of(home, FOLDER, pair) / f"{day.isoformat()}.html"
        report = report_of_day(pair, day, history, latest)
        figures = figures_of(report)
        write_page(path, page_of_day(report, figures))
    except Exception as error:
        return {WARNING: f"the report could not be made: {type(error).__name__}: {error}"[:MOST_WARNING]}
    page: dg.MetadataValue = dg.MetadataValue.path(str(path))  # pyright: ignore[reportUnknownMemberType] - PathLike
    return {**image_metadata(figures), "page": page}


def image_metadata(figures: Mapping[str, bytes], names: tuple[str, ...] = SHOWN) -> Metadata:
    """Return figures at half their size as metadata, by the name of each with ``figure_`` before it."""
    return {
        f"figure_{name}": dg.MetadataValue.md(image_markdown(half_size(figures[name]), CAPTIONS[name].title))
        for name in names
    }


def image_markdown(png: bytes, title: str) -> str:
    """Return a PNG as a Markdown image that carries its own bytes."""
    return f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"


def write_page(path: Path, page: str) -> None:
    """Write a page, so that a reader sees the one before or the new one and never a part.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from alm_resources.history.files import replace_file, writer_lock

    with writer_lock(path.parent):
        replace_file(path, page.encode())
