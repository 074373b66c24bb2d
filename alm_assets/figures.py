"""The picture of price and ranges, as a Markdown image small enough for an event log."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np

from alm_core.model.candles import CandleSeries
from alm_core.model.signals import OptimizedRange

SHOWN = timedelta(hours=24)
POINTS = 288
PLACED = "#d9822b"
WANTED = "#2b7bba"
PRICE = "#1c2127"


def price_and_ranges(series: CandleSeries, optimized: OptimizedRange, placed: Sequence[tuple[float, float]]) -> str:
    """Return a Markdown image of the last 24 hours of price, the ranges placed and the range wanted.

    Parameters
    ----------
    series
        Minute candles up to the epoch.
    optimized
        The range that the parameters in force give.
    placed : quote per base
        Bounds of the positions held.
    """
    shown = series.between(optimized.epoch_at - SHOWN, optimized.epoch_at)
    png = base64.b64encode(_draw(shown, optimized, placed)).decode()
    return f"![{optimized.pair} price and ranges](data:image/png;base64,{png})"


def _draw(shown: CandleSeries, optimized: OptimizedRange, placed: Sequence[tuple[float, float]]) -> bytes:
    # Figure instead of pyplot: no global state, no window system, a third of the import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import DateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.2), dpi=100, layout=None)
    figure.subplots_adjust(left=0.11, right=0.98, top=0.89, bottom=0.15)
    axes: Any = figure.add_subplot()
    rows = np.unique(np.linspace(0, len(shown) - 1, min(POINTS, len(shown))).astype(np.int64))
    moments = [datetime.fromtimestamp(int(ts) / 1000, tz=UTC) for ts in shown.ts_ms[rows]]
    axes.plot(moments, shown.close[rows], color=PRICE, linewidth=1.1, label="price")
    for number, (lower, upper) in enumerate(placed):
        axes.axhspan(lower, upper, color=PLACED, alpha=0.16, label="placed" if number == 0 else None)
    wanted = optimized.price_range
    for number, bound in enumerate((wanted.lower, wanted.upper)):
        axes.axhline(bound, color=WANTED, linestyle="--", linewidth=1, label="range wanted" if number == 0 else None)
    axes.set_title(f"{optimized.pair} at {optimized.epoch_at:%Y-%m-%d %H:%M} UTC", fontsize=10)
    base, _, quote = optimized.pair.partition("-")
    axes.set_ylabel(f"{quote} per {base}", fontsize=9)
    axes.set_xlabel("time (UTC)", fontsize=9)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, linewidth=0.4, alpha=0.5)
    axes.legend(fontsize=8, loc="upper left", ncols=3, framealpha=0.8)
    buffer = BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(buffer)
    return buffer.getvalue()
