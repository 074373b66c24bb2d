"""Headline figures of a report: what a person asks first."""

from alm_assets.reports.cells import UNKNOWN, Html, count, joined, moment, percent, usd
from alm_assets.reports.epochs import Report, share_in_range
from alm_core.model.pnl import PnlParts
from alm_core.model.reports import EpochReport

LEAST_UNSPLIT_USD = 0.005
"""What the parts leave of the change of the NAV, where it is rounding, is not told."""

Rows = list[tuple[str, Html]]


def value_rows(report: Report) -> Rows:
    """Value at both ends, against HODL, return and drawdown."""
    start, end, hodl = report.nav_start_usd, report.nav_end_usd, report.hodl_end_usd
    ahead = None if end is None or hodl is None else end - hodl
    gain = None if end is None or start is None else end - start
    grown, fallen = returns_of(report)
    return [
        ("NAV at the start", usd(start)),
        ("NAV at the end", usd(end)),
        ("change", _with_share(gain, start)),
        ("HODL at the end", usd(hodl)),
        ("against HODL", _with_share(ahead, hodl)),
        ("time-weighted return", percent(grown, signed=True)),
        ("deepest fall from a peak", percent(fallen)),
    ]


def parts_rows(report: Report) -> Rows:
    """Parts of profit and loss as they add up to the change of the NAV, and what they leave of it."""
    parts = report.totals
    if report.unsplit_epochs and parts == PnlParts():
        rows = [(name, UNKNOWN) for name, _ in signed_parts(parts)]
    else:
        rows = [(name, usd(value, signed=True)) for name, value in signed_parts(parts)]
    left = report.unsplit_usd
    if report.unsplit_epochs or (left is not None and abs(left) >= LEAST_UNSPLIT_USD):
        rows.append(("not split into parts", usd(left, signed=True)))
    if report.unsplit_epochs:
        rows.append(("epochs whose parts are unknown", count(report.unsplit_epochs)))
    return rows


def signed_parts(parts: PnlParts) -> tuple[tuple[str, float], ...]:
    """Return the parts with their names and the sign with which they change the NAV."""
    return (
        ("fees", parts.fees_usd),
        ("rewards", parts.rewards_usd),
        ("price effect", parts.price_usd),
        ("LVR", -parts.lvr_usd),
        ("swaps", -parts.swap_usd),
        ("gas", -parts.gas_usd),
        ("bridges", -parts.bridge_usd),
        ("deposits less withdrawals", parts.flow_usd),
    )


def activity_rows(report: Report) -> Rows:
    """What was done, and how much of the time is known."""
    unknown = sum(one.nav_usd is None for one in report.epochs)
    return [
        *((name, count(number)) for name, number in report.counts),
        ("epochs", count(len(report.epochs))),
        ("epochs whose value is unknown", count(unknown)),
        ("time with the price in a range held", percent(share_in_range(report.epochs))),
    ]


def books_rows(books: EpochReport) -> Rows:
    """What runs since the accounts of a live pair began."""
    accounts = books.accounts
    if accounts is None:
        return [("accounts", UNKNOWN)]
    ahead = None if books.hodl_usd is None else accounts.nav_usd - books.hodl_usd
    return [
        ("began (UTC)", moment(accounts.began_at)),
        ("NAV then", usd(accounts.nav_start_usd)),
        ("NAV now", usd(accounts.nav_usd)),
        ("HODL now", usd(books.hodl_usd)),
        ("ahead of HODL", _with_share(ahead, books.hodl_usd)),
        ("fees and rewards so far", usd(accounts.totals.fees_usd + accounts.totals.rewards_usd, signed=True)),
        ("time-weighted return so far", percent(books.twr_frac, signed=True)),
        ("money-weighted return so far", percent(books.mwr_frac, signed=True)),
        ("deepest fall so far", percent(books.drawdown_frac)),
    ]


def returns_of(report: Report) -> tuple[float | None, float | None]:
    """Return the time-weighted return and the deepest fall from a peak, as fractions, deposits aside."""
    # scipy comes with it: a code location that only lists its assets does without.
    from alm_core.accounting.returns import Valuation, drawdown_frac, growth_of, time_weighted_frac

    if report.nav_start_usd is None:
        return None, None
    seen = [Valuation(at=report.epochs[0].at, nav_usd=report.nav_start_usd)]
    levels = [1.0]
    for one in report.epochs:
        if one.nav_usd is None:
            continue
        flow_usd = one.parts.flow_usd if one.parts is not None else 0.0
        grown = growth_of(seen[-1].nav_usd, one.nav_usd, flow_usd)
        levels.append(levels[-1] * (1.0 if grown is None else grown))
        seen.append(Valuation(at=one.at, nav_usd=one.nav_usd, flow_usd=flow_usd))
    return time_weighted_frac(seen), drawdown_frac(levels)


def _with_share(value_usd: float | None, of_usd: float | None) -> Html:
    if value_usd is None or not of_usd:
        return usd(value_usd, signed=True)
    return joined((usd(value_usd, signed=True), Html(f"({percent(value_usd / of_usd, signed=True)})")))
