"""Capital on its way from one chain to another: what was sent, what is to arrive, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TransferState(StrEnum):
    """States of a transfer. Truth is balances on both chains; a bridge's own status only guides waiting."""

    PLANNED = "PLANNED"
    """Its sending transaction is journalled and not known to be mined."""
    IN_TRANSIT = "IN_TRANSIT"
    """Mined on the source chain; nothing has arrived."""
    ARRIVED = "ARRIVED"
    """What was asked for is on the destination chain, and booked."""
    PARTIAL = "PARTIAL"
    """Another token, or less than the minimum, has arrived and is booked; nothing is tried again by itself."""
    REFUNDED = "REFUNDED"
    """The money is back on the source chain, and booked."""
    NOT_SENT = "NOT_SENT"
    """The sending transaction reverted, was cancelled or never left."""
    MANUAL = "MANUAL"
    """The bridge says it failed, or nothing is known for too long: a person has to look."""

    @property
    def terminal(self) -> bool:
        """True where nothing more will happen by itself."""
        return self not in (TransferState.PLANNED, TransferState.IN_TRANSIT, TransferState.MANUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeTransfer:
    """One transfer. ``intent_key`` is that of the sending transaction; addresses are lower case, amounts raw.

    Parameters
    ----------
    asset
        ``base`` or ``quote`` of the pair: the same asset is sent and received.
    expected_amount, min_amount
        What the quote promised, and its minimum, in raw units of ``buy_token``.
    started_at
        Epoch of the plan that sent it.
    tx_hash
        Of the sending transaction, once it is signed.
    received_token, received_amount, arrival_tx
        What arrived where; ``None`` while nothing has.
    """

    intent_key: str
    pair: str
    wallet: str
    from_chain: int
    to_chain: int
    asset: str
    sell_token: str
    buy_token: str
    sent_amount: int
    expected_amount: int
    min_amount: int
    tool: str
    started_at: datetime
    state: TransferState = TransferState.PLANNED
    tx_hash: str | None = None
    received_token: str | None = None
    received_amount: int | None = None
    arrival_tx: str | None = None
    detail: str = ""


class BridgeVerdict(StrEnum):
    """What a bridge says of a transfer; every value but ``DONE`` and ``FAILED`` means waiting."""

    NOT_FOUND = "not_found"
    """Not indexed yet. It is no failure."""
    PENDING = "pending"
    DONE = "done"
    PARTIAL = "partial"
    """Something else arrived than was asked for."""
    REFUNDED = "refunded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStatus:
    """Answer to a question about a transfer, as far as it goes.

    ``chain_id``, ``token``, ``amount`` and ``tx_hash`` are of the receiving side; ``None`` while unknown.
    """

    verdict: BridgeVerdict
    detail: str
    chain_id: int | None = None
    token: str | None = None
    amount: int | None = None
    tx_hash: str | None = None
