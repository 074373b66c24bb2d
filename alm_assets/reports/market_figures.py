"""Figures of the market and of where capital was: price with ranges and rebalances, allocation over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from alm_assets.reports.drawing import (
    BLACK,
    BLUE,
    GREY,
    IDLE,
    POOL_COLOURS,
    PURPLE,
    VERMILION,
    Line,
    coarse,
    date_axis,
    day_number,
    lay_out,
    line_of,
    new_figure,
    note,
    plain,
    png_of,
    thinned,
)
from alm_assets.reports.epochs import Report, ReportEpoch
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH

MARKS: dict[DecisionKind, tuple[str, str, float]] = {
    DecisionKind.COMPOUND: ("+", GREY, 6.0),
    DecisionKind.PRA: ("o", BLUE, 6.0),
    DecisionKind.RS: ("^", VERMILION, 7.0),
    DecisionKind.WIDEN: ("D", PURPLE, 6.0),
    DecisionKind.EXIT: ("X", BLACK, 8.0),
}
"""Shape, colour and size by decision: told apart also without colour."""
MARKS_AT_FULL_SIZE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A range that was held without a break."""

    pool_id: str
    lower: float
    upper: float
    from_at: datetime
    to_at: datetime


def bands_of(report: Report) -> tuple[Band, ...]:
    """Return the ranges held, each from when it was placed or found until it went; nothing across a gap."""
    found: list[Band] = []
    open_: dict[tuple[str, float, float], tuple[datetime, datetime]] = {}
    for one in report.epochs:
        start = one.at - EPOCH_LENGTH if report.placed_before else one.at
        held = {(place.pool_id, place.lower, place.upper) for place in one.placed or ()}
        gone = [key for key, (_, until) in open_.items() if key not in held or until < start]
        found.extend(_band(key, *open_.pop(key)) for key in gone)
        for key in sorted(held):
            open_[key] = (open_.get(key, (start, start))[0], start + EPOCH_LENGTH)
    found.extend(_band(key, *times) for key, times in sorted(open_.items()))
    return tuple(found)


def _band(key: tuple[str, float, float], from_at: datetime, to_at: datetime) -> Band:
    return Band(pool_id=key[0], lower=key[1], upper=key[2], from_at=from_at, to_at=to_at)


def price_figure(report: Report) -> bytes:
    """Price with the ranges held and the decisions that acted."""
    base, _, quote = report.pair.partition("-")
    figure, (axes,) = new_figure(f"Price of {report.pair}, ranges held and rebalances")
    price = line_of(report, lambda one: one.price)
    bands = bands_of(report)
    shown = thinned(price)
    axes.plot(shown.at, shown.value, color=BLACK, linewidth=1.3, label="price", zorder=3)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    if np.isnan(price.value).all():
        note(axes, "no price of this time is known")
    else:
        axes.set_ylim(*_view(price, bands))
    _draw_bands(axes, report, bands)
    _draw_marks(axes, report, price)
    axes.set_ylabel(plain(f"{quote} per {base}"), fontsize=10)
    date_axis(axes, report)
    lay_out(figure, [axes])
    return png_of(figure)


def _draw_bands(axes: Any, report: Report, bands: Sequence[Band]) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    colours, (low, high), wider = pool_colours(report), axes.get_ylim(), 0
    # Many areas on one another are mud: then their bounds tell them apart.
    alpha, width = (0.16, 1.0) if len(colours) < 3 else (0.03, 1.6)
    for number, (pool_id, colour) in enumerate(colours.items()):
        own = [(day_number(one.from_at), day_number(one.to_at), one) for one in bands if one.pool_id == pool_id]
        areas = [((x0, b.lower), (x1, b.lower), (x1, b.upper), (x0, b.upper)) for x0, x1, b in own]
        axes.add_collection(PolyCollection(areas, facecolors=colour, edgecolors="none", alpha=alpha, zorder=1))
        bounds = [((x0, y), (x1, y)) for x0, x1, b in own for y in (b.lower, b.upper) if low <= y <= high]
        if not bounds:
            wider += 1
            continue
        # Colours come back after the seventh pool: dashes tell those apart.
        style = {"linestyles": "-" if number < len(POOL_COLOURS) else "--", "linewidths": width}
        label = plain(f"range {report.name(pool_id)}")
        axes.add_collection(LineCollection(bounds, colors=colour, label=label, zorder=2, **style))
    if wider:
        label = f"ranges wider than shown, in {wider} pool{'s' if wider > 1 else ''}"
        axes.add_collection(PolyCollection([], facecolors=IDLE, edgecolors="none", label=label))


def _draw_marks(axes: Any, report: Report, price: Line) -> None:
    done = [one for one in report.acted if one.moved]
    # Hundreds of marks get smaller, so that the price stays in sight.
    scale = min(1.0, (MARKS_AT_FULL_SIZE / max(1, len(done))) ** 0.5)
    for kind, (marker, colour, size) in MARKS.items():
        rows = [(one.at - report.epochs[0].at) // EPOCH_LENGTH for one in done if one.kind is kind]
        if not rows:
            continue
        edge = {} if marker == "+" else {"markeredgecolor": "white", "markeredgewidth": 0.8 * scale}
        style = {"linestyle": "none", "marker": marker, "color": colour, "markersize": size * scale, **edge}
        axes.plot(price.at[rows], price.value[rows], label=f"{kind.value} ({len(rows)})", zorder=4, **style)


def _view(price: Line, bands: Sequence[Band]) -> tuple[float, float]:
    """What the price axis shows: the price and what lies near it. A range of half the price would press it flat."""
    low, high = float(np.nanmin(price.value)), float(np.nanmax(price.value))
    room = max(high - low, high * 1e-4)
    bounds = [bound for band in bands for bound in (band.lower, band.upper)]
    seen = [bound for bound in bounds if low - 0.75 * room <= bound <= high + 0.75 * room]
    return min([low, *seen]) - 0.1 * room, max([high, *seen]) + 0.1 * room


def pool_colours(report: Report) -> dict[str, str]:
    """Return a colour per pool, the same in every figure of a report."""
    known = sorted({place.pool_id for one in report.epochs for place in one.placed or ()})
    return {pool_id: POOL_COLOURS[number % len(POOL_COLOURS)] for number, pool_id in enumerate(known)}


def allocation_figure(report: Report) -> bytes:
    """Shares of the value in every pool, and what is in none."""
    from matplotlib.ticker import PercentFormatter

    figure, (axes,) = new_figure("Allocation: share of the capital by pool")
    known = line_of(report, lambda one: 0.0 if one.placed is not None and one.capital_usd else None)
    step = "pre" if report.placed_before else "post"
    bottom = coarse(known)
    for number, (pool_id, colour) in enumerate(pool_colours(report).items()):
        share = coarse(line_of(report, partial(_share_frac, pool_id=pool_id)))
        top = bottom.value + share.value
        # Colours come back after the seventh pool; hatching tells those apart.
        hatch = "" if number < len(POOL_COLOURS) else "///"
        style = {"step": step, "color": colour, "linewidth": 0, "hatch": hatch, "alpha": 0.85}
        axes.fill_between(bottom.at, bottom.value, top, label=plain(report.name(pool_id)), **style)
        bottom = Line(at=bottom.at, value=top)
    rest = np.where(np.isnan(bottom.value), np.nan, np.maximum(bottom.value, 1.0))
    axes.fill_between(bottom.at, bottom.value, rest, step=step, color=IDLE, linewidth=0, label="in no pool")
    if np.isnan(known.value).all():
        note(axes, "where the capital was is not known")
    axes.set_ylim(0.0, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=0))
    axes.set_ylabel("share of capital (%)", fontsize=10)
    date_axis(axes, report)
    lay_out(figure, [axes])
    return png_of(figure)


def _share_frac(one: ReportEpoch, pool_id: str) -> float | None:
    if one.placed is None or not one.capital_usd:
        return None
    return sum(place.value_usd for place in one.placed if place.pool_id == pool_id) / one.capital_usd
