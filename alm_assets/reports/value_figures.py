"""Figures of what came of it: value against HODL, profit and loss in parts, income expected and realised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alm_assets.reports.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    Line,
    date_axis,
    lay_out,
    line_of,
    new_figure,
    note,
    png_of,
    thinned,
)
from alm_assets.reports.epochs import Report
from alm_assets.reports.headlines import LEAST_UNSPLIT_USD, signed_parts
from alm_assets.reports.income import income_of
from alm_core.model.pnl import PnlParts

EDGE = "#ffffff99"
"""Of bars and their hatching: a loss is told also without colour."""
LEAST_BARS = 6
SHORT = {"price effect": "price\neffect", "deposits less withdrawals": "de-\nposits"}


def nav_figure(report: Report) -> bytes:
    """Value and HODL, and below what lies between them."""
    figure, (above, below) = new_figure("Value (NAV) against holding the tokens (HODL)", panels=(2.2, 1.0))
    nav, hodl = line_of(report, lambda one: one.nav_usd), line_of(report, lambda one: one.hodl_usd)
    for line, colour, style, name in ((hodl, ORANGE, (0, (5, 2)), "HODL"), (nav, BLUE, "-", "NAV")):
        shown = thinned(line)
        label = f"{name} (unknown)" if np.isnan(line.value).all() else name
        above.plot(shown.at, shown.value, color=colour, linewidth=1.6, linestyle=style, label=label)
    ahead = thinned(Line(at=nav.at, value=nav.value - hodl.value))
    area = {"alpha": 0.45, "linewidth": 0, "interpolate": True}
    over, under = ahead.value >= 0.0, ahead.value <= 0.0
    below.fill_between(ahead.at, ahead.value, 0.0, where=over, color=BLUE, label="NAV above HODL", **area)
    below.fill_between(ahead.at, ahead.value, 0.0, where=under, color=VERMILION, label="NAV below HODL", **area)
    below.plot(ahead.at, ahead.value, color=BLACK, linewidth=0.9)
    for axes, label in ((above, "USD"), (below, "NAV − HODL\n(USD)")):
        axes.set_ylabel(label, fontsize=10)
        _thousands(axes)
    if np.isnan(nav.value).all():
        note(above, "the value is not known")
    if np.isnan(ahead.value).all():
        note(below, "HODL is not known")
    else:
        below.axhline(0.0, color=BLACK, linewidth=0.8)
    date_axis(below, report)
    lay_out(figure, [above, below])
    return png_of(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A step of the waterfall in USD; ``total`` stands on zero."""

    name: str
    usd: float
    total: bool = False


def bars_of(report: Report) -> tuple[Bar, ...]:
    """Return the parts in the order they are read, what they leave unexplained, and the change they come to."""
    nothing = bool(report.unsplit_epochs) and report.totals == PnlParts()
    found = [] if nothing else [Bar(name=SHORT.get(name, name), usd=usd) for name, usd in signed_parts(report.totals)]
    left = report.unsplit_usd
    if left is not None and abs(left) >= LEAST_UNSPLIT_USD:
        found.append(Bar(name="not split", usd=left))
    return (*found, Bar(name="change\nof NAV", usd=sum(bar.usd for bar in found), total=True))


def waterfall_figure(report: Report) -> bytes:
    """Profit and loss by parts, each standing on the sum of those before it."""
    figure, (axes,) = new_figure("Profit and loss: what the change of the NAV is made of")
    bars = bars_of(report)
    level = 0.0
    tops: list[float] = []
    for number, bar in enumerate(bars):
        start = 0.0 if bar.total else level
        colour = GREY if bar.total else (BLUE if bar.usd >= 0.0 else VERMILION)
        hatch = "" if bar.usd >= 0.0 else "//"
        axes.bar(number, bar.usd, bottom=start, width=0.68, color=colour, edgecolor=EDGE, hatch=hatch, zorder=2)
        if number:
            axes.plot([number - 1.34, number + 0.34], [level, level], color=GREY, linewidth=0.7, zorder=1)
        level = start + bar.usd
        tops.append(max(start, level))
    _label_bars(axes, bars, tops)
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    axes.set_xticks(range(len(bars)), [bar.name for bar in bars], fontsize=9)
    axes.set_ylabel("USD since the beginning", fontsize=10)
    axes.set_xlim(-0.6, max(len(bars), LEAST_BARS) - 0.4)
    axes.grid(visible=False, axis="x")
    _thousands(axes)
    _told(axes, report)
    lay_out(figure, [axes])
    return png_of(figure)


def _label_bars(axes: Any, bars: Sequence[Bar], tops: Sequence[float]) -> None:
    for number, (bar, top) in enumerate(zip(bars, tops, strict=True)):
        weight = "bold" if bar.total else "normal"
        where = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        axes.annotate(_signed(bar.usd), (number, top), fontsize=8.5, fontweight=weight, **where)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.08 * (high - low))


def _told(axes: Any, report: Report) -> None:
    if report.unsplit_epochs:
        text = f"parts unknown for {report.unsplit_epochs} of {len(report.epochs)} epochs"
        axes.set_title(text, loc="right", fontsize=9, color=VERMILION, pad=2)


def apr_figure(report: Report) -> bytes:
    """Income per year: what decisions expected, and what positions then earned, before and after LVR."""
    from matplotlib.ticker import PercentFormatter

    income = income_of(report)
    hours = int(income.window.total_seconds()) // 3600
    figure, (axes,) = new_figure(f"Fee APR, expected and realised (means of the last {hours} hours)")
    drawn = (
        (income.fees, BLUE, "-", "realised: fees and rewards"),
        (income.net, GREEN, (0, (1, 1)), "realised: fees and rewards − LVR"),
        (income.expected, ORANGE, (0, (5, 2)), "expected by the decisions"),
    )
    for line, colour, style, label in drawn:
        shown = thinned(line)
        if np.isnan(line.value).all():
            label = f"{label} (unknown)"
        axes.plot(shown.at, shown.value, color=colour, linestyle=style, linewidth=1.7, label=label)
    if all(np.isnan(line.value).all() for line, *_ in drawn):
        note(axes, "neither what was expected nor what was earned is known")
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1.0))
    axes.set_ylabel("per year, % of capital", fontsize=10)
    date_axis(axes, report)
    lay_out(figure, [axes])
    return png_of(figure)


def _signed(usd: float) -> str:
    digits = 2 if abs(usd) < 10 else (1 if abs(usd) < 1_000 else 0)
    shown = f"{usd:+,.{digits}f}"
    return "0" if usd == 0.0 else shown.replace("-", "−")


def _thousands(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    def told(value: float, _position: int) -> str:
        return f"{value:,.2f}".rstrip("0").rstrip(".").replace("-", "−")

    axes.yaxis.set_major_formatter(FuncFormatter(told))
