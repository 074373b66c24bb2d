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
        report = report_of_day(pair, day, history, latest)
        figures = figures_of(report)
        path = write_page(home, pair, day, page_of_day(report, figures))
    except Exception as error:
        return {"report_warning": f"no report of {day.isoformat()} was made: {type(error).__name__}: {error}"[:500]}
    return {**image_metadata(figures), "page": dg.MetadataValue.path(str(path))}  # pyright: ignore[reportUnknownMemberType] - its PathLike


def image_metadata(figures: Mapping[str, bytes], names: tuple[str, ...] = SHOWN) -> Metadata:
    """Return figures at half their size as metadata, by the name of each with ``figure_`` before it."""
    return {
        f"figure_{name}": dg.MetadataValue.md(image_markdown(half_size(figures[name]), CAPTIONS[name].title))
        for name in names
    }


def image_markdown(png: bytes, title: str) -> str:
    """Return a PNG as a Markdown image that carries its own bytes."""
    return f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"


def write_page(home: Path, pair: str, day: date, page: str) -> Path:
    """Write the page of a day, so that a reader sees the old one or the new one, and return its path.

    Raises
    ------
    InvalidInput
        If the pair cannot name a folder.
    OSError
        If it cannot be written.
    """
    # Polars comes with the history's package: a code location that only lists its assets does without.
    from alm_resources.history.files import folder_of, replace_file, writer_lock

    folder = folder_of(home, FOLDER, pair)
    with writer_lock(folder):
        path = folder / f"{day.isoformat()}.html"
        replace_file(path, page.encode())
    return path
