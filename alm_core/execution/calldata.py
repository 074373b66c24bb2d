"""Who gets paid by a payload: recipients and spenders decoded from calldata, for every call we ever make.

An unknown selector is an error, never "nobody": what cannot be decoded is not signed.
"""

from dataclasses import dataclass

from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.model.errors import InvalidInput

MINT_SELECTOR = "0x88316456"
INCREASE_LIQUIDITY_SELECTOR = "0x219f5d17"
COLLECT_SELECTOR = "0xfc6f7865"
DECREASE_LIQUIDITY_SELECTOR = "0x0c49ccbe"
BURN_SELECTOR = "0x42966c68"
MULTICALL_SELECTOR = "0xac9650d8"
SWAP_SINGLE_SELECTOR = "0x4666fc80"
SWAP_MULTIPLE_SELECTOR = "0x5fd9ae2e"

POSITION_MANAGER_SELECTORS = frozenset(
    {
        MINT_SELECTOR,
        INCREASE_LIQUIDITY_SELECTOR,
        COLLECT_SELECTOR,
        DECREASE_LIQUIDITY_SELECTOR,
        BURN_SELECTOR,
        MULTICALL_SELECTOR,
    }
)
SWAP_SELECTORS = frozenset({SWAP_SINGLE_SELECTOR, SWAP_MULTIPLE_SELECTOR})

# Word that holds the recipient: MintParams.recipient, CollectParams.recipient, Li.Fi GenericSwapFacetV3 _receiver.
_RECIPIENT_WORD = {MINT_SELECTOR: 9, COLLECT_SELECTOR: 1, SWAP_SINGLE_SELECTOR: 3, SWAP_MULTIPLE_SELECTOR: 3}
_WITHOUT_RECIPIENT = frozenset({DECREASE_LIQUIDITY_SELECTOR, BURN_SELECTOR})
_WORD = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Payees:
    """Lower-case addresses a payload pays or lets spend, and the selectors inside its multicall.

    ``grown`` are ids of positions that liquidity is added to: the contract lets anybody add to anybody's position, so
    that whoever owns the id is paid.
    """

    recipients: tuple[str, ...] = ()
    spenders: tuple[str, ...] = ()
    grown: tuple[int, ...] = ()
    inner: frozenset[str] = frozenset()


def selector_of(data: str) -> str:
    """Return the selector of calldata, 0x and eight lower-case hex digits."""
    return "0x" + _bytes_of(data)[:4].hex()


def payees_of(data: str) -> Payees:
    """Return who gets paid or may spend.

    Raises
    ------
    InvalidInput
        If the selector is unknown, the calldata is cut short, or an address word has bits above 160.
    """
    raw = _bytes_of(data)
    selector, body = "0x" + raw[:4].hex(), raw[4:]
    if selector == APPROVE_SELECTOR:
        return Payees(spenders=(_address_at(body, 0),))
    if selector in _RECIPIENT_WORD:
        return Payees(recipients=(_address_at(body, _RECIPIENT_WORD[selector]),))
    if selector == INCREASE_LIQUIDITY_SELECTOR:
        return Payees(grown=(_uint_at(body, 0),))
    if selector in _WITHOUT_RECIPIENT:
        return Payees()
    if selector == MULTICALL_SELECTOR:
        return _payees_of_multicall(body)
    raise InvalidInput(f"unknown selector {selector}")


def swap_minimum(data: str) -> int:
    """Return the minimum a Li.Fi same-chain swap must pay, from its calldata.

    Raises
    ------
    InvalidInput
        If the calldata is not such a swap.
    """
    if selector_of(data) not in SWAP_SELECTORS:
        raise InvalidInput(f"selector {selector_of(data)} is not a known swap")
    return _uint_at(_bytes_of(data)[4:], 4)


def approved_amount(data: str) -> int:
    """Return the amount of ``approve`` calldata.

    Raises
    ------
    InvalidInput
        If it is not an approval.
    """
    if selector_of(data) != APPROVE_SELECTOR:
        raise InvalidInput(f"selector {selector_of(data)} is not an approval")
    return _uint_at(_bytes_of(data)[4:], 1)


def _payees_of_multicall(body: bytes) -> Payees:
    calls = _inner_calls(body)
    inner = frozenset("0x" + call[:4].hex() for call in calls)
    if MULTICALL_SELECTOR in inner:
        raise InvalidInput("multicall inside a multicall")
    nested = [payees_of("0x" + call.hex()) for call in calls]
    return Payees(
        recipients=tuple(who for payees in nested for who in payees.recipients),
        spenders=tuple(who for payees in nested for who in payees.spenders),
        grown=tuple(token_id for payees in nested for token_id in payees.grown),
        inner=inner,
    )


def _inner_calls(body: bytes) -> list[bytes]:
    array = body[_uint_at(body, 0) :]
    count, items = _uint_at(array, 0), array[_WORD:]
    if count > len(items) // _WORD:
        raise InvalidInput(f"multicall of {count} calls is longer than its calldata")
    return [_bytes_at(items, _uint_at(items, index)) for index in range(count)]


def _bytes_at(data: bytes, offset: int) -> bytes:
    length = _uint_at(data[offset:], 0)
    inner = data[offset + _WORD : offset + _WORD + length]
    if len(inner) != length or length < 4:
        raise InvalidInput(f"call of {length} bytes at offset {offset} is cut short")
    return inner


def _address_at(body: bytes, index: int) -> str:
    value = _uint_at(body, index)
    if value >> 160:
        raise InvalidInput(f"word {index} is not an address: {value:#066x}")
    return f"0x{value:040x}"


def _uint_at(body: bytes, index: int) -> int:
    word = body[index * _WORD : (index + 1) * _WORD]
    if len(word) != _WORD:
        raise InvalidInput(f"calldata ends before word {index}")
    return int.from_bytes(word, "big")


def _bytes_of(data: str) -> bytes:
    try:
        raw = bytes.fromhex(data.removeprefix("0x"))
    except ValueError as error:
        raise InvalidInput(f"calldata is not hex: {data[:18]}...") from error
    if len(raw) < 4:
        raise InvalidInput(f"calldata of {len(raw)} bytes has no selector")
    return raw
