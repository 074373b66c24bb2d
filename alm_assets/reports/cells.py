"""Pieces of a page: numbers with their units and text that cannot break it. ``None`` is told as unknown.

A number is written for people, with its exact value in ``<data value>`` for programs.
"""

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NewType

Html = NewType("Html", str)
"""Markup whose text is escaped."""

UNKNOWN = Html('<span class="unknown">unknown</span>')
MOST_TEXT = 400


def text(value: str) -> Html:
    """Return text from outside, harmless and not endless."""
    return Html(html.escape(value if len(value) <= MOST_TEXT else f"{value[: MOST_TEXT - 1]}…"))


def usd(value: float | None, *, signed: bool = False) -> Html:
    """Return an amount in USD to the cent."""
    if value is None:
        return UNKNOWN
    cents = round(value, 2) + 0.0
    return _data(value, f"{cents:+,.2f} USD" if signed and cents else f"{cents:,.2f} USD")


def percent(frac: float | None, *, signed: bool = False) -> Html:
    """Return a fraction as percent."""
    if frac is None:
        return UNKNOWN
    shown = round(frac * 100.0, 2) + 0.0
    return _data(frac, f"{shown:+,.2f} %" if signed and shown else f"{shown:,.2f} %")


def count(value: int) -> Html:
    """Return a number of things."""
    return _data(value, f"{value:,}")


def seconds(value: float) -> Html:
    """Return a time in seconds."""
    return _data(value, f"{value:,.1f} s")


def moment(at: datetime) -> Html:
    """Return a moment in UTC; the column or line says so."""
    utc = at.astimezone(UTC)
    return Html(f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}">{utc:%Y-%m-%d %H:%M}</time>')


def joined(parts: Iterable[Html], between: str = " ") -> Html:
    """Return pieces in a row."""
    return Html(html.escape(between).join(parts))


def rows_table(caption: str, rows: Iterable[tuple[str, Html]]) -> Html:
    """Return a table of figures and their names."""
    lines = "".join(f'<tr><th scope="row">{text(name)}</th><td>{cell}</td></tr>' for name, cell in rows)
    return Html(f'<table class="figures"><caption>{text(caption)}</caption><tbody>{lines}</tbody></table>')


def records_table(header: Sequence[str], records: Iterable[Sequence[Html]]) -> Html:
    """Return a table of records, each of which becomes a card on a narrow screen."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in header)
    lines = "".join(
        "<tr>"
        + "".join(f'<td data-label="{text(name)}">{cell}</td>' for name, cell in zip(header, record, strict=True))
        + "</tr>"
        for record in records
    )
    return Html(f'<table class="records"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>')


def _data(value: float, shown: str) -> Html:
    exact = value if isinstance(value, int) else float(value)
    return Html(f'<data value="{exact!r}">{shown.replace("-", "−").replace(" ", "&nbsp;")}</data>')
