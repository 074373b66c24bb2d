"""Rows that importers of tax programs understand, from what happened to assets; every balance to the last digit."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from alm_core.accounting.lots_events import lot_units
from alm_core.model.errors import InvalidInput
from alm_core.model.lots import BookEvent, EventKind, Leg

_DIGITS = 100
_SETTLED = frozenset({EventKind.POOL_TRADE, EventKind.POOL_GAIN, EventKind.POOL_LOSS})
TRADES = frozenset({EventKind.TRADE, EventKind.POOL_TRADE})
LIQUIDITY = frozenset({EventKind.POOL_IN, EventKind.POOL_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The text of a file, and what could not be written into it."""

    text: str
    rows: int
    problems: tuple[str, ...] = ()


def decimal_text(leg: Leg) -> str:
    """Return a leg's amount as plain decimals, all digits, at least two behind the point.

    Examples
    --------
    >>> from alm_core.model.lots import Named
    >>> weth = Named(chain_id=1, asset="WETH", symbol="WETH", address="0xa", decimals=18)
    >>> decimal_text(Leg(token=weth, amount=1, usd=None))
    '0.000000000000000001'
    >>> decimal_text(Leg(token=weth, amount=15 * 10**17, usd=None))
    '1.50'
    """
    with localcontext() as context:
        context.prec = _DIGITS
        text = f"{Decimal(leg.amount).scaleb(-(leg.token.decimals or 0)):f}"
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


def told(events: Iterable[BookEvent], *, lp_as_disposal: bool) -> tuple[tuple[BookEvent, ...], tuple[str, ...]]:
    """Return the events that a file can tell, and problems: without a moment or decimals nothing can be told.

    What a pool traded is told as a trade of its own. So that balances stay, its row takes back from what the position
    paid what the trade pays, and adds what the trade takes.
    """
    kept: list[BookEvent] = []
    problems: list[str] = []
    for event in events:
        legs = [leg for leg in (event.sent, event.received) if leg is not None]
        doubt = "no moment is known" if event.at is None else ""
        doubt = doubt or next((f"decimals of {leg.token.symbol} unknown" for leg in legs if _untold(leg)), "")
        if doubt:
            problems.append(f"{event.kind.value} in {event.tx_hash} on chain {event.chain_id}: {doubt}")
        elif not (lp_as_disposal and event.kind in _SETTLED):
            kept.append(event)
    return (tuple(kept) if lp_as_disposal else _settled(kept)), tuple(problems)


def _untold(leg: Leg) -> bool:
    return lot_units(leg) is None


def _settled(events: Sequence[BookEvent]) -> tuple[BookEvent, ...]:
    """Move what a settlement takes and pays out of, or into, the rows of the transaction that closed the position."""
    change: defaultdict[tuple[int, str, str], int] = defaultdict(int)
    names: dict[tuple[int, str, str], tuple[BookEvent, Leg]] = {}
    for event in events:
        if event.kind not in _SETTLED:
            continue
        for leg, sign in ((event.sent, 1), (event.received, -1)):
            if leg is not None:
                key = _key(event, leg)
                change[key] += sign * leg.amount
                names[key] = event, leg
    found: list[BookEvent] = []
    for event in events:
        leg = event.received
        if event.kind is EventKind.POOL_OUT and leg is not None and (by := change.pop(_key(event, leg), 0)):
            found += _pool_row(event, leg, leg.amount + by)
        elif event.kind in _SETTLED:
            # Of a token that the closing paid nothing of, all that was put in comes back here and is traded.
            for side in (event.sent, event.received):
                if side is not None and (by := change.pop(_key(event, side), 0)):
                    found += _pool_row(replace(event, kind=EventKind.POOL_OUT), side, by)
            found.append(event)
        else:
            found.append(event)
    return tuple(found)


def _key(event: BookEvent, leg: Leg) -> tuple[int, str, str]:
    return event.chain_id, event.tx_hash, leg.token.address or ""


def _pool_row(event: BookEvent, leg: Leg, amount: int) -> list[BookEvent]:
    usd = None if leg.usd is None or not leg.amount else leg.usd * abs(amount) / leg.amount
    part = replace(leg, amount=abs(amount), usd=usd)
    if amount > 0:
        return [replace(event, kind=EventKind.POOL_OUT, sent=None, received=part)]
    if amount < 0:
        return [replace(event, kind=EventKind.POOL_IN, sent=part, received=None)]
    return []


def window(
    events: Iterable[BookEvent], since_at: datetime, until_at: datetime, chain_id: int | None
) -> list[BookEvent]:
    """Return the events in ``[since_at, until_at)``, of one chain if one is named; those without a moment stay in.

    Raises
    ------
    InvalidInput
        If the window is empty.
    """
    if since_at >= until_at:
        raise InvalidInput(f"the window from {since_at.isoformat()} to {until_at.isoformat()} is empty")
    return [
        event
        for event in events
        if (event.at is None or since_at <= event.at < until_at) and chain_id in (None, event.chain_id)
    ]


def moments(events: Sequence[BookEvent]) -> list[datetime]:
    """Return moments of events, a second apart within a quarter hour: importers sort by them."""
    found: list[datetime] = []
    for event in events:
        at = event.at or datetime.min.replace(tzinfo=UTC)
        again = found and found[-1] >= at
        found.append(found[-1] + timedelta(seconds=1) if again else at)
    return found


def description(event: BookEvent) -> str:
    """Return what happened where, in words."""
    parts = (event.kind.value.replace("_", " "), event.place, f"chain {event.chain_id}", event.tx_hash)
    return ", ".join(part for part in parts if part)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the text of a file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
