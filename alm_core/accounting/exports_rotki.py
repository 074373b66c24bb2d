"""CSV files for rotki: its generic imports of history events and of trades.

Columns and types are those of ``rotki_events.py`` and ``rotki_trades.py`` in ``rotkehlchen/data_import/importers``,
locations and assets those of ``rotkehlchen/types.py``. On a chain ``Deposit`` is what goes into a protocol and
``Withdrawal`` what comes back (``EventCategory`` in ``rotkehlchen/history/events/structures/types.py``); what comes
from outside is ``Income``, for the generic import has no other word for it. Trades have a file of their own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from alm_core.accounting.exports_rows import (
    TRADES,
    Exported,
    csv_text,
    decimal_text,
    description,
    moments,
    told,
    window,
)
from alm_core.model.lots import BookEvent, EventKind, Leg

ROTKI_EVENT_COLUMNS = (
    "Type",
    "Location",
    "Currency",
    "Amount",
    "Fee",
    "Fee Currency",
    "Description",
    "Timestamp",
)
ROTKI_TRADE_COLUMNS = (
    "Location",
    "Spend Currency",
    "Receive Currency",
    "Receive Amount",
    "Spend Amount",
    "Fee",
    "Fee Currency",
    "Description",
    "Timestamp",
)
ROTKI_LOCATIONS = {
    1: "ethereum",
    10: "optimism",
    56: "binance sc",
    137: "polygon pos",
    8453: "base",
    42161: "arbitrum one",
}
"""``Location`` of ``rotkehlchen/types.py`` by chain id. rotki takes a location it does not know for ``external``."""
ROTKI_ELSEWHERE = "external"
_COINS = {
    "ETH": "ETH",
    "BNB": "BNB",
    "AVAX": "AVAX",
    "POL": "eip155:137/erc20:0x0000000000000000000000000000000000001010",
}
_TYPES: Mapping[EventKind, tuple[str, str]] = {
    EventKind.OPENING: ("Income", "Spend"),
    EventKind.DEPOSIT: ("Income", "Spend"),
    EventKind.WITHDRAWAL: ("Income", "Spend"),
    EventKind.ADJUSTMENT: ("Income", "Spend"),
    EventKind.FEES: ("Income", "Spend"),
    EventKind.REWARDS: ("Staking", "Spend"),
    EventKind.POOL_GAIN: ("Income", "Spend"),
    EventKind.POOL_LOSS: ("Income", "Loss"),
    EventKind.BRIDGE_LOSS: ("Income", "Loss"),
    EventKind.GAS: ("Income", "Spend"),
    EventKind.POOL_IN: ("Withdrawal", "Deposit"),
    EventKind.POOL_OUT: ("Withdrawal", "Deposit"),
    EventKind.BRIDGE_OUT: ("Withdrawal", "Deposit"),
    EventKind.BRIDGE_IN: ("Withdrawal", "Deposit"),
}
"""Type of what is received and of what is sent."""
_SOLD_LIQUIDITY: Mapping[EventKind, tuple[str, str]] = {
    EventKind.POOL_IN: ("Income", "Spend"),
    EventKind.POOL_OUT: ("Income", "Spend"),
}


def rotki_events_csv(
    events: Iterable[BookEvent],
    since_at: datetime,
    until_at: datetime,
    *,
    chain_id: int | None = None,
    lp_as_disposal: bool = False,
) -> Exported:
    """Return the file of rotki's generic events in a window: everything but trades (:func:`rotki_trades_csv`)."""
    rows, problems = told(window(events, since_at, until_at, chain_id), lp_as_disposal=lp_as_disposal)
    types = {**_TYPES, **(_SOLD_LIQUIDITY if lp_as_disposal else {})}
    lines: list[tuple[str, ...]] = []
    for event, at in zip(rows, moments(rows), strict=True):
        if event.kind in TRADES:
            continue
        took, gave = types[event.kind]
        if event.kind is EventKind.BRIDGE_LOSS and event.sent is not None:
            # What the bridge kept came out of it, too, before it was lost.
            lines.append(_event_row("Withdrawal", event, event.sent, at))
        for leg, word in ((event.received, took), (event.sent, gave)):
            if leg is not None:
                lines.append(_event_row(word, event, leg, at))
    return Exported(text=csv_text(ROTKI_EVENT_COLUMNS, lines), rows=len(lines), problems=problems)


def rotki_trades_csv(
    events: Iterable[BookEvent],
    since_at: datetime,
    until_at: datetime,
    *,
    chain_id: int | None = None,
    lp_as_disposal: bool = False,
) -> Exported:
    """Return the file of rotki's generic trades in a window; its fees are rows of the events' file."""
    rows, _ = told(window(events, since_at, until_at, chain_id), lp_as_disposal=lp_as_disposal)
    lines = [
        (
            _location(event),
            rotki_asset(event.sent),
            rotki_asset(event.received),
            decimal_text(event.received),
            decimal_text(event.sent),
            "",
            "",
            description(event),
            str(round(at.timestamp() * 1000)),
        )
        for event, at in zip(rows, moments(rows), strict=True)
        if event.kind in TRADES and event.sent is not None and event.received is not None
    ]
    return Exported(text=csv_text(ROTKI_TRADE_COLUMNS, lines), rows=len(lines))


def rotki_asset(leg: Leg) -> str:
    """Return rotki's identifier of a token: CAIP-19 with the checksummed address, or the coin's own.

    Examples
    --------
    >>> from alm_core.model.lots import Named
    >>> rotki_asset(
    ...     Leg(token=Named(chain_id=56, asset="BNB", symbol="BNB", address=None, decimals=18), amount=1, usd=None)
    ... )
    'BNB'
    """
    token = leg.token
    if token.address is not None:
        return f"eip155:{token.chain_id}/erc20:{token.address}"
    return _COINS.get(token.symbol, token.symbol)


def _event_row(word: str, event: BookEvent, leg: Leg, at: datetime) -> tuple[str, ...]:
    stamp = str(round(at.timestamp() * 1000))
    return word, _location(event), rotki_asset(leg), decimal_text(leg), "", "", description(event), stamp


def _location(event: BookEvent) -> str:
    return ROTKI_LOCATIONS.get(event.chain_id, ROTKI_ELSEWHERE)
