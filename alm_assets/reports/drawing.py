"""What all figures share: canvas, colours, time axis, thinning of long lines. matplotlib only inside functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alm_assets.reports.epochs import Report, ReportEpoch
from alm_core.model.candles import FloatArray
from alm_core.model.epochs import EPOCH_LENGTH

# Okabe and Ito's colours, which people with any of the usual colour blindnesses tell apart.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#1a1a1a"
GREY, IDLE = "#6b7280", "#d5d8dc"
POOL_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)
WIDTH_IN, HEIGHT_IN, DPI = 6.4, 4.0, 200
"""A figure is 1,280 pixels wide and shown at half of it, so that it is sharp on a phone."""
LEFT_IN, RIGHT_IN, TOP_IN, BELOW_AXES_IN, LEGEND_ROW_IN = 1.0, 0.42, 0.45, 0.52, 0.19
LEGEND_SIGN_IN, LEGEND_LETTER_IN, LEAST_PANEL_IN = 0.5, 0.062, 2.7
MOST_POINTS = 1_000
_COLOURS = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A quantity over the quarter hours of a report; what is unknown is NaN, and a gap in the line."""

    at: NDArray[np.datetime64]
    value: FloatArray


def line_of(report: Report, quantity: Callable[[ReportEpoch], float | None]) -> Line:
    """Return a quantity at every quarter hour from the first epoch to the last, NaN also where there is no epoch."""
    first, last = report.epochs[0].at, report.epochs[-1].at
    count = (last - first) // EPOCH_LENGTH + 1
    value = np.full(count, np.nan)
    for one in report.epochs:
        found = quantity(one)
        if found is not None:
            value[(one.at - first) // EPOCH_LENGTH] = found
    start = np.datetime64(first.replace(tzinfo=None), "s")
    step = np.timedelta64(int(EPOCH_LENGTH.total_seconds()), "s")
    return Line(at=start + step * np.arange(count), value=value)


def thinned(line: Line, most: int = MOST_POINTS) -> Line:
    """Return first, lowest, highest and last point of every stretch of a long line: what the eye sees of it stays.

    A gap stays a gap.
    """
    count = line.value.size
    if count <= most:
        return line
    kept: list[int] = []
    for rows in np.array_split(np.arange(count), most // 4):
        values = line.value[rows]
        unknown = np.isnan(values)
        if unknown.all():
            kept.append(int(rows[0]))
            continue
        chosen = {0, len(rows) - 1, int(np.nanargmin(values)), int(np.nanargmax(values))}
        if unknown.any():
            chosen.add(int(np.flatnonzero(unknown)[0]))
        kept.extend(int(rows[number]) for number in sorted(chosen))
    return Line(at=line.at[kept], value=line.value[kept])


def coarse(line: Line, most: int = MOST_POINTS) -> Line:
    """Return the last point of every stretch of a long line, unknown where any of the stretch is: for areas."""
    count = line.value.size
    if count <= most:
        return line
    stretches = np.array_split(np.arange(count), most)
    ends = [int(rows[-1]) for rows in stretches]
    value = [np.nan if np.isnan(line.value[rows]).any() else line.value[rows[-1]] for rows in stretches]
    return Line(at=line.at[ends], value=np.array(value))


def new_figure(title: str, panels: Sequence[float] = (1.0,)) -> tuple[Any, list[Any]]:
    """Return a figure with a title and panels above one another, by their shares of the height."""
    # Figure instead of pyplot: no global state, no window system, a third of the import.
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout=None, facecolor="white")
    figure.suptitle(
        plain(title), fontsize=11.5, fontweight="bold", x=0.01, y=1.0 - 0.06 / HEIGHT_IN, ha="left", va="top"
    )
    grid = figure.add_gridspec(len(panels), 1, height_ratios=list(panels))
    first: Any = None
    found: list[Any] = []
    for number in range(len(panels)):
        axes: Any = figure.add_subplot(grid[number], sharex=first)
        first = first or axes
        axes.tick_params(labelsize=10, labelbottom=number == len(panels) - 1)
        axes.grid(visible=True, linewidth=0.5, alpha=0.4)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        found.append(axes)
    return figure, found


def date_axis(axes: Any, report: Report) -> None:
    """Label the time axis: clock times within a day, dates beyond it; always UTC."""
    from matplotlib.dates import AutoDateLocator, DateFormatter

    first, last = report.epochs[0].at, report.epochs[-1].at
    within = last - first <= timedelta(hours=30)
    axes.xaxis.set_major_locator(AutoDateLocator(tz=UTC, minticks=3, maxticks=8))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M" if within else "%Y-%m-%d", tz=UTC))
    if not within:
        axes.tick_params(axis="x", labelsize=9)
    axes.set_xlim(day_number(first - EPOCH_LENGTH), day_number(last + EPOCH_LENGTH))
    axes.set_xlabel(f"{first:%Y-%m-%d}, time in UTC" if within else "date (UTC)", fontsize=10)


def lay_out(figure: Any, axes: Sequence[Any]) -> None:
    """Leave fixed room around the panels, and put one legend for all of them below, where it hides nothing.

    Fixed, because measuring every label takes as long as drawing the figure. A long legend makes the figure higher.
    """
    found = [pair for one in axes for pair in zip(*one.get_legend_handles_labels(), strict=True)]
    # Lines and marks before areas: the sort is stable.
    found.sort(key=lambda pair: not hasattr(pair[0], "get_marker"))
    longest = max((len(label) for _, label in found), default=0)
    columns = max(1, int((WIDTH_IN - 0.1) / (LEGEND_SIGN_IN + longest * LEGEND_LETTER_IN)))
    rows = -(-len(found) // columns)
    bottom_in = BELOW_AXES_IN + rows * LEGEND_ROW_IN
    height_in = max(HEIGHT_IN, TOP_IN + LEAST_PANEL_IN + bottom_in)
    figure.set_figheight(height_in)
    figure.subplots_adjust(
        left=LEFT_IN / WIDTH_IN,
        right=1.0 - RIGHT_IN / WIDTH_IN,
        top=1.0 - TOP_IN / height_in,
        bottom=bottom_in / height_in,
        hspace=0.12,
    )
    if found:
        words = {"fontsize": 9, "frameon": False, "borderaxespad": 0.2}
        figure.legend(*zip(*found, strict=True), loc="lower left", ncols=columns, **words)


def png_of(figure: Any) -> bytes:
    """Return the figure as a PNG of few colours: a third of the size, and the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return _packed(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


def half_size(png: bytes) -> bytes:
    """Return a PNG at half its width and height, for places where bytes count."""
    from PIL import Image

    with Image.open(BytesIO(png)) as opened:
        return _packed(opened.convert("RGB").reduce(2))


def plain(text: str) -> str:
    """Return text from data as matplotlib may draw it: no formulas, no characters its font lacks, not too long."""
    kept = text.replace("…", "..").encode("latin-1", "replace").decode("latin-1")
    shown = "".join(letter if letter.isprintable() else " " for letter in kept).lstrip("_ ")
    return (shown if len(shown) <= 60 else f"{shown[:58]}..").replace("$", r"\$")


def note(axes: Any, text: str) -> None:
    """Write into the middle of an empty panel why nothing is drawn there."""
    axes.set_yticks([])
    place = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, plain(text), fontsize=11, color="#555555", backgroundcolor="white", **place)


def _packed(image: Any) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    image.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        buffer, "PNG", compress_level=7
    )
    return buffer.getvalue()


def day_number(at: datetime) -> float:
    """Return a moment as matplotlib counts it: days since 1970."""
    return at.timestamp() / 86_400.0
