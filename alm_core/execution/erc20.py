"""ERC-20 calldata and transfer logs, encoded by hand: four static words need no ABI library."""

from dataclasses import dataclass

from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Log

APPROVE_SELECTOR = "0x095ea7b3"
TRANSFER_SELECTOR = "0xa9059cbb"
BALANCE_OF_SELECTOR = "0x70a08231"
ALLOWANCE_SELECTOR = "0xdd62ed3e"
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

_UINT256_LIMIT = 1 << 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One ERC-20 transfer of a receipt. Addresses are lower case, as logs carry them."""

    token: str
    sender: str
    recipient: str
    amount: int
    log_index: int


def approve_data(spender: str, amount: int) -> str:
    """Return calldata of ``approve(spender, amount)`` as 0x-hex.

    Examples
    --------
    >>> approve_data("0x" + "11" * 20, 1)[:34]
    '0x095ea7b3000000000000000000000000'
    """
    return APPROVE_SELECTOR + address_word(spender) + uint_word(amount)


def transfer_data(recipient: str, amount: int) -> str:
    """Return calldata of ``transfer(recipient, amount)`` as 0x-hex."""
    return TRANSFER_SELECTOR + address_word(recipient) + uint_word(amount)


def balance_of_data(owner: str) -> str:
    """Return calldata of ``balanceOf(owner)`` as 0x-hex."""
    return BALANCE_OF_SELECTOR + address_word(owner)


def allowance_data(owner: str, spender: str) -> str:
    """Return calldata of ``allowance(owner, spender)`` as 0x-hex."""
    return ALLOWANCE_SELECTOR + address_word(owner) + address_word(spender)


def uint_from_result(data: bytes) -> int:
    """Decode the single word that ``balanceOf`` and ``allowance`` return.

    Raises
    ------
    InvalidInput
        If there are fewer than 32 bytes: no such contract, or not a token.
    """
    if len(data) < 32:
        raise InvalidInput(f"expected one 32-byte word, got {len(data)} bytes")
    return int.from_bytes(data[:32], "big")


def transfer_from_log(log: Log) -> Transfer | None:
    """Decode an ERC-20 ``Transfer``; ``None`` for every other event, ERC-721's ``Transfer`` (indexed id) included."""
    if len(log.topics) != 3 or log.topics[0].lower() != TRANSFER_TOPIC:
        return None
    payload = bytes.fromhex(log.data.removeprefix("0x"))
    if len(payload) != 32:
        return None
    return Transfer(
        token=log.address.lower(),
        sender=_address_of_topic(log.topics[1]),
        recipient=_address_of_topic(log.topics[2]),
        amount=int.from_bytes(payload, "big"),
        log_index=log.log_index,
    )


def balance_changes(logs: tuple[Log, ...], wallet: str) -> dict[str, int]:
    """Return the net signed change of a wallet per token (lower-case address) over the transfers of a receipt."""
    owner = wallet.lower()
    changes: dict[str, int] = {}
    for log in logs:
        transfer = transfer_from_log(log)
        if transfer is None or owner not in (transfer.sender, transfer.recipient):
            continue
        delta = (transfer.recipient == owner) * transfer.amount - (transfer.sender == owner) * transfer.amount
        changes[transfer.token] = changes.get(transfer.token, 0) + delta
    return changes


def address_word(address: str) -> str:
    """Return an address as the 64 hex digits of an ABI word.

    Raises
    ------
    InvalidInput
        If it is not 20 bytes of hex.
    """
    digits = address.removeprefix("0x").lower()
    if len(digits) != 40 or set(digits) - set("0123456789abcdef"):
        raise InvalidInput(f"{address!r} is not an address")
    return digits.rjust(64, "0")


def uint_word(value: int) -> str:
    """Return an unsigned integer as the 64 hex digits of an ABI word."""
    if not 0 <= value < _UINT256_LIMIT:
        raise InvalidInput(f"{value} does not fit an unsigned 256-bit word")
    return f"{value:064x}"


def _address_of_topic(topic: str) -> str:
    return "0x" + topic.removeprefix("0x")[-40:].lower()
