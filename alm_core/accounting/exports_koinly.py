"""CSV file for Koinly: the universal format of its help page "How to create a custom CSV file with your data".

Columns, dates in UTC, decimal point and tags are those that the page names. Its tags for liquidity cannot be set by a
file; liquidity goes by ``stake``, which sets tokens aside and takes them back without a sale. A fee may stand only
beside a trade, so gas of anything else is a row of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from alm_core.accounting.exports_rows import (
    LIQUIDITY,
    Exported,
    csv_text,
    decimal_text,
    description,
    moments,
    told,
    window,
)
from alm_core.model.lots import BookEvent, EventKind, Leg

KOINLY_COLUMNS = (
    "Date",
    "Sent Amount",
    "Sent Currency",
    "Received Amount",
    "Received Currency",
    "Fee Amount",
    "Fee Currency",
    "Net Worth Amount",
    "Net Worth Currency",
    "Label",
    "Description",
    "TxHash",
)
_LABELS: Mapping[EventKind, str] = {
    EventKind.FEES: "reward",
    EventKind.REWARDS: "reward",
    EventKind.POOL_GAIN: "reward",
    EventKind.GAS: "cost",
    EventKind.BRIDGE_LOSS: "cost",
    EventKind.POOL_LOSS: "lost",
    EventKind.POOL_IN: "stake",
    EventKind.POOL_OUT: "stake",
}


def koinly_csv(
    events: Iterable[BookEvent],
    since_at: datetime,
    until_at: datetime,
    *,
    chain_id: int | None = None,
    lp_as_disposal: bool = False,
) -> Exported:
    """Return the universal file of what happened in ``[since_at, until_at)``.

    Parameters
    ----------
    events
        In order.
    since_at, until_at
        The window.
    chain_id
        Only this chain, as a wallet of its own: tokens are ``SYMBOL:ADDRESS``, and transfers to other chains are rows
        that Koinly matches with those of the other chain's wallet. By default all chains are one wallet: tokens are the
        assets, and of a transfer only what the bridge kept is told.
    lp_as_disposal
        Liquidity put in is sold, and taken out bought: those rows carry no tag.

    Notes
    -----
    ``Net Worth`` is empty where no price is known. Rows of one quarter hour are a second apart, in their order.
    """
    rows, problems = told(window(events, since_at, until_at, chain_id), lp_as_disposal=lp_as_disposal)
    bridges = {EventKind.BRIDGE_LOSS} if chain_id is not None else {EventKind.BRIDGE_OUT, EventKind.BRIDGE_IN}
    kept = _with_fees([event for event in rows if event.kind not in bridges])
    dates = moments([event for event, _ in kept])
    lines = [
        _row(event, fee, at, by_address=chain_id is not None, lp_as_disposal=lp_as_disposal)
        for (event, fee), at in zip(kept, dates, strict=True)
    ]
    return Exported(text=csv_text(KOINLY_COLUMNS, lines), rows=len(lines), problems=problems)


def _with_fees(events: Sequence[BookEvent]) -> list[tuple[BookEvent, Leg | None]]:
    """Put the gas of a swap beside it; all other gas stays a row of its own."""
    swaps = {(event.chain_id, event.tx_hash) for event in events if event.kind is EventKind.TRADE}
    gas = {
        (event.chain_id, event.tx_hash): event.sent
        for event in events
        if event.kind is EventKind.GAS and event.sent is not None and (event.chain_id, event.tx_hash) in swaps
    }
    return [
        (event, gas.get((event.chain_id, event.tx_hash)) if event.kind is EventKind.TRADE else None)
        for event in events
        if not (event.kind is EventKind.GAS and gas.get((event.chain_id, event.tx_hash)) is event.sent)
    ]


def _row(event: BookEvent, fee: Leg | None, at: datetime, *, by_address: bool, lp_as_disposal: bool) -> tuple[str, ...]:
    sent, received = event.sent, event.received
    worth = next((leg.usd for leg in (received, sent) if leg is not None and leg.usd is not None), None)
    sold = lp_as_disposal and event.kind in LIQUIDITY
    return (
        at.strftime("%Y-%m-%d %H:%M:%S"),
        *_amount(sent, by_address=by_address),
        *_amount(received, by_address=by_address),
        *_amount(fee, by_address=by_address),
        "" if worth is None else f"{worth:.8f}",
        "" if worth is None else "USD",
        "" if sold else _LABELS.get(event.kind, ""),
        description(event),
        event.tx_hash if event.tx_hash.startswith("0x") else "",
    )


def _amount(leg: Leg | None, *, by_address: bool) -> tuple[str, str]:
    if leg is None:
        return "", ""
    token = leg.token
    return decimal_text(leg), f"{token.symbol}:{token.address}" if by_address and token.address else (
        token.symbol if by_address else token.asset
    )
