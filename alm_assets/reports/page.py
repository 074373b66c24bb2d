"""A report as one HTML file that needs nothing else: no script, and styles and pictures within."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence

from alm_assets.reports.cells import (
    UNKNOWN,
    Html,
    count,
    joined,
    moment,
    records_table,
    rows_table,
    text,
    usd,
)
from alm_assets.reports.epochs import ActedEpoch, Report
from alm_assets.reports.figures import CAPTIONS
from alm_assets.reports.stylesheet import STYLESHEET

MOST_ACTED = 500
MOST_PROBLEMS = 100
ACTED_HEADER = (
    "time (UTC)",
    "decision",
    "reason",
    "expected gain",
    "expected cost",
    "what came of it",
    "paid",
    "earned less LVR",
    "until (UTC)",
)

Table = tuple[str, Sequence[tuple[str, Html]]]
"""Caption, and names with figures."""


def page_of(report: Report, figures: Mapping[str, bytes], tables: Sequence[Table]) -> str:
    """Return the page.

    Parameters
    ----------
    report
        What is told.
    figures
        PNGs by the names of :data:`~alm_assets.reports.figures.CAPTIONS`.
    tables
        The headline figures.
    """
    heads = "".join(rows_table(caption, rows) for caption, rows in tables)
    body = (
        f"<header><h1>{text(report.title)}</h1><p>{_span(report)}</p></header>"
        f'<section aria-label="headline figures" class="heads">{heads}</section>'
        f'<section aria-label="figures" class="drawn">{_figures(figures)}</section>'
        f"<section><h2>Decisions that acted</h2>{_acted(report.acted)}</section>"
        f"<section><h2>All decisions</h2>{_decisions(report)}</section>"
        f"{_assumptions(report.assumptions)}"
        f"<section><h2>Problems</h2>{_problems(report.problems)}</section>"
        "<footer><p>All times are UTC. Costs are positive where they cost. LVR (loss versus rebalancing) is what "
        "positions lost against holding the amounts they had an epoch earlier. What is not known is called unknown, "
        "and is never counted as zero.</p></footer>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{text(report.title)}</title><style>{STYLESHEET}</style></head><body>{body}</body></html>\n"
    )


def _span(report: Report) -> Html:
    first, last = report.epochs[0].at, report.epochs[-1].at
    return Html(f"{moment(first)} to {moment(last)} UTC, {count(len(report.epochs))} epochs of 15 minutes")


def _figures(figures: Mapping[str, bytes]) -> Html:
    return joined(
        Html(
            f'<figure id="{text(name)}"><img alt="{text(caption.title)}: {text(caption.text)}" '
            f'src="data:image/png;base64,{base64.b64encode(figures[name]).decode()}">'
            f"<figcaption><strong>{text(caption.title)}.</strong> {text(caption.text)}</figcaption></figure>"
        )
        for name, caption in CAPTIONS.items()
    )


def _acted(acted: Sequence[ActedEpoch]) -> Html:
    if not acted:
        return Html("<p>None.</p>")
    shown = acted[-MOST_ACTED:]
    left = len(acted) - len(shown)
    told = f"<p>The last {len(shown)}; {left:,} before them are not listed.</p>" if left else ""
    return Html(told + records_table(ACTED_HEADER, [_record(one) for one in shown]))


def _record(one: ActedEpoch) -> tuple[Html, ...]:
    nothing = Html("–")
    carried_out = one.until_at is not None
    return (
        moment(one.at),
        Html(f"<strong>{text(one.kind.value)}</strong>"),
        text(one.reason),
        usd(one.expected_gain_usd) if one.expected_gain_usd is not None else Html("not told"),
        usd(one.expected_cost_usd) if one.expected_cost_usd is not None else Html("not told"),
        text(one.outcome),
        usd(one.paid_usd),
        usd(one.earned_usd, signed=True) if carried_out else nothing,
        moment(one.until_at) if one.until_at is not None else nothing,
    )


def _decisions(report: Report) -> Html:
    """How often each decision was taken, and what decided most often."""
    found = Counter((one.kind, one.binding) for one in report.epochs)
    records = [
        (text(kind.value), text(binding), count(number))
        for (kind, binding), number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    return records_table(("decision", "decided by", "epochs"), records)


def _assumptions(assumptions: Sequence[tuple[str, int]]) -> Html:
    """What the figures rest on that nobody recorded; nothing is said where nothing was assumed."""
    if not assumptions:
        return Html("")
    return Html(f"<section><h2>Assumed, not recorded</h2>{_problems(assumptions)}</section>")


def _problems(problems: Sequence[tuple[str, int]]) -> Html:
    if not problems:
        return Html("<p>None.</p>")
    items = "".join(f"<li>{text(words)} ({number:,}×)</li>" for words, number in problems[:MOST_PROBLEMS])
    left = len(problems) - MOST_PROBLEMS
    return Html(f"<ul>{items}</ul>" + (f"<p>{left:,} more are not listed.</p>" if left > 0 else ""))


__all__ = ["UNKNOWN", "Table", "page_of"]
