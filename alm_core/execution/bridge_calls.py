"""Calldata of Li.Fi's Across facet, read by hand: what is sent, to whom, where, and what must arrive.

A source swap is accepted in one form: the service's own fee is taken out of the token that is sent. Its callee does not
matter: the diamond has no right to more than the amount sent, and reverts where less than ``bridged_amount`` is left.

References
----------
lifinance/contracts: ``src/Facets/AcrossFacetV4.sol``, ``src/Interfaces/ILiFi.sol``, ``src/Libraries/LibSwap.sol``.
"""

from dataclasses import dataclass

from alm_core.execution.words import WORD, address_at, bytes_at, bytes_of, tail_at, uint_at
from alm_core.model.errors import InvalidInput

START_ACROSS_SELECTOR = "0xa1f1ce43"
SWAP_AND_START_ACROSS_SELECTOR = "0x1794958f"
BRIDGE_SELECTORS = frozenset({START_ACROSS_SELECTOR, SWAP_AND_START_ACROSS_SELECTOR})
FORWARD_FEES_SELECTOR = "0x332d746b"

MOST_EXCLUSIVE_S = 3600
"""A relayer that alone may deliver for longer than this is no offer."""
MOST_FILL_S = 6 * 3600
"""After its deadline a transfer that nobody delivered goes back; the spoke pools take no later one."""
_MULTIPLIER_ONE = 10**18
# The spoke pool reads a smaller number as seconds from now, a larger one as a moment.
_MOST_RELATIVE_S = 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeCall:
    """What a bridge payload makes the diamond do. Addresses are lower case, amounts raw.

    Parameters
    ----------
    bridge
        Name the payload gives the bridge.
    sent_token, sent_amount
        What is pulled from the wallet.
    bridged_amount
        What is left of it after the service's fee; the diamond reverts below.
    receiver
        Who is paid on the other chain; the two places that name it agree.
    refund_to
        Who is paid back on this chain if nobody delivers.
    to_chain, output_token, output_amount
        What arrives where, exactly: a relayer pays this or nothing.
    quote_s, fill_deadline_s, exclusive_s
        When it was quoted, until when it is delivered (both seconds since the Unix epoch), and for how long one relayer
        alone may.
    """

    bridge: str
    sent_token: str
    sent_amount: int
    bridged_amount: int
    receiver: str
    refund_to: str
    to_chain: int
    output_token: str
    output_amount: int
    quote_s: int
    fill_deadline_s: int
    exclusive_s: int


def bridge_call_of(data: str) -> BridgeCall:
    """Decode a bridge payload.

    Raises
    ------
    InvalidInput
        If it is none that is known, contradicts itself, makes a call on the other chain, or swaps on this one.
    """
    raw = bytes_of(data)
    selector, body = "0x" + raw[:4].hex(), raw[4:]
    if selector not in BRIDGE_SELECTORS:
        raise InvalidInput(f"selector {selector} is not a known bridge")
    return bridge_call(selector, body)


def bridge_call(selector: str, body: bytes) -> BridgeCall:
    """Decode the arguments of a bridge payload; raises as :func:`bridge_call_of`."""
    swaps = selector == SWAP_AND_START_ACROSS_SELECTOR
    sent, across = tail_at(body, 0), tail_at(body, 2 if swaps else 1)
    if _flag_at(sent, 8) != swaps:
        raise InvalidInput(f"hasSourceSwaps is {_flag_at(sent, 8)} in {selector}")
    if _flag_at(sent, 9) or bytes_at(across, 10):
        raise InvalidInput("a call on the other chain")
    token, bridged = address_at(sent, 4), uint_at(sent, 6)
    receiver, other = address_at(sent, 5), address_at(across, 0)
    if receiver != other:
        raise InvalidInput(f"receiver is {receiver} for Li.Fi and {other} for the bridge")
    if address_at(across, 2) != token:
        raise InvalidInput(f"sends {token}, deposits {address_at(across, 2)}")
    return BridgeCall(
        bridge=_text_at(sent, 1),
        sent_token=token,
        sent_amount=_before_fee(tail_at(body, 1), token, bridged) if swaps else bridged,
        bridged_amount=bridged,
        receiver=receiver,
        refund_to=address_at(across, 1),
        to_chain=uint_at(sent, 7),
        output_token=address_at(across, 3),
        output_amount=bridged * _uint_within(across, 5, 128) // _MULTIPLIER_ONE if swaps else uint_at(across, 4),
        quote_s=_uint_within(across, 7, 32),
        fill_deadline_s=_uint_within(across, 8, 32),
        exclusive_s=_exclusive_s(across),
    )


def _before_fee(swaps: bytes, token: str, bridged: int) -> int:
    """Amount that the only source swap, which must be a fee, pulls from the wallet."""
    if uint_at(swaps, 0) != 1:
        raise InvalidInput(f"{uint_at(swaps, 0)} source swaps")
    step = tail_at(swaps[WORD:], 0)
    amount = uint_at(step, 4)
    if (address_at(step, 2), address_at(step, 3)) != (token, token):
        raise InvalidInput(f"a source swap of {address_at(step, 2)} for {address_at(step, 3)}, sent is {token}")
    if address_at(step, 0) != address_at(step, 1):
        raise InvalidInput(f"a fee through {address_at(step, 0)} with rights for {address_at(step, 1)}")
    if not _flag_at(step, 6):
        raise InvalidInput("a source swap that takes nothing from the wallet")
    fee = _forwarded(bytes_at(step, 5), token)
    if fee != amount - bridged:
        raise InvalidInput(f"a fee of {fee} on {amount}, of which {bridged} are sent")
    return amount


def _forwarded(call: bytes, token: str) -> int:
    selector, body = "0x" + call[:4].hex(), call[4:]
    if selector != FORWARD_FEES_SELECTOR:
        raise InvalidInput(f"a source swap calls {selector}, which is no fee")
    if address_at(body, 0) != token:
        raise InvalidInput(f"a fee in {address_at(body, 0)}, sent is {token}")
    paid = tail_at(body, 1)
    count = uint_at(paid, 0)
    if count > len(paid) // WORD:
        raise InvalidInput(f"array of {count} entries is longer than its calldata")
    return sum(uint_at(paid, 2 + 2 * entry) for entry in range(count))


def _exclusive_s(across: bytes) -> int:
    word = _uint_within(across, 9, 32)
    return word if word <= _MOST_RELATIVE_S else max(word - _uint_within(across, 7, 32), 0)


def _uint_within(body: bytes, index: int, bits: int) -> int:
    value = uint_at(body, index)
    if value >> bits:
        raise InvalidInput(f"word {index} has more than {bits} bits: {value:#x}")
    return value


def _flag_at(body: bytes, index: int) -> bool:
    return bool(_uint_within(body, index, 1))


def _text_at(body: bytes, index: int) -> str:
    try:
        return bytes_at(body, index).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"text at word {index} is not UTF-8") from error
