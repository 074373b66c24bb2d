"""Income per year, realised and expected, over trailing windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from alm_assets.reports.drawing import Line, line_of
from alm_assets.reports.epochs import Report, ReportEpoch
from alm_core.model.candles import FloatArray, IntArray
from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.pnl import PnlParts

LONG_WINDOW, SHORT_WINDOW = timedelta(days=1), timedelta(hours=2)
LEAST_PASSED = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Income:
    """Income per year as a fraction of the capital, over the ``window`` before each quarter hour; NaN where unknown.

    Parameters
    ----------
    fees, net
        Fees and rewards as earned, and less LVR.
    expected
        Mean of what the decisions in the window expected.
    """

    window: timedelta
    fees: Line
    net: Line
    expected: Line


def income_of(report: Report) -> Income:
    """Return income over trailing windows of a day; of two hours where the report is not longer than two days.

    A window reaches back to the last known epoch at or before its beginning. Income is unknown where the parts of an
    epoch in it are, and before a quarter of the window has passed.
    """
    length = report.epochs[-1].at - report.epochs[0].at
    window = LONG_WINDOW if length > 2 * LONG_WINDOW else SHORT_WINDOW
    known = [one for one in report.epochs if one.nav_usd is not None and one.capital_usd]
    starts, elapsed_s = _windows(known, window)
    return Income(
        window=window,
        fees=_told(report, known, _realised(known, starts, elapsed_s, lambda p: p.fees_usd + p.rewards_usd)),
        net=_told(report, known, _realised(known, starts, elapsed_s, lambda p: p.fees_usd + p.rewards_usd - p.lvr_usd)),
        expected=_told(report, known, _expected(known, starts, elapsed_s)),
    )


def _windows(known: Sequence[ReportEpoch], window: timedelta) -> tuple[IntArray, FloatArray]:
    """First row of every window, and its length; NaN where too little has passed."""
    at_s = np.array([one.at.timestamp() for one in known])
    starts = np.maximum(np.searchsorted(at_s, at_s - window.total_seconds(), side="right") - 1, 0)
    elapsed_s = at_s - at_s[starts]
    return starts, np.where(elapsed_s >= LEAST_PASSED * window.total_seconds(), elapsed_s, np.nan)


def _realised(
    known: Sequence[ReportEpoch], starts: IntArray, elapsed_s: FloatArray, income: Callable[[PnlParts], float]
) -> FloatArray:
    earned = _sums(known, starts + 1, lambda one: 0.0 if one.parts is None else income(one.parts))
    unknown = _sums(known, starts + 1, lambda one: float(one.parts is None))
    mean_usd = _sums(known, starts, lambda one: one.capital_usd or 0.0) / (np.arange(len(known)) - starts + 1)
    return np.where(unknown == 0.0, earned / mean_usd * SECONDS_PER_YEAR / elapsed_s, np.nan)


def _expected(known: Sequence[ReportEpoch], starts: IntArray, elapsed_s: FloatArray) -> FloatArray:
    told = _sums(known, starts, lambda one: one.expected_apr or 0.0)
    count = _sums(known, starts, lambda one: float(one.expected_apr is not None))
    return np.where(np.isnan(elapsed_s) | (count == 0.0), np.nan, told / np.maximum(count, 1.0))


def _sums(known: Sequence[ReportEpoch], firsts: IntArray, quantity: Callable[[ReportEpoch], float]) -> FloatArray:
    """Sum of a quantity from the first row of each window to its last."""
    total = np.concatenate([[0.0], np.cumsum([quantity(one) for one in known])])
    return total[1:] - total[firsts]


def _told(report: Report, known: Sequence[ReportEpoch], values: FloatArray) -> Line:
    by_at: dict[datetime, float] = {one.at: float(value) for one, value in zip(known, values, strict=True)}
    return line_of(report, lambda one: by_at.get(one.at))
