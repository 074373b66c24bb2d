"""Who gets paid by a payload: recipients and spenders decoded from calldata, for every call we ever make.

An unknown selector is an error, never "nobody": what cannot be decoded is not signed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from alm_core.execution.bridge_calls import BRIDGE_SELECTORS, bridge_call
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.liquidity_calls import (
    INCREASE_LIQUIDITY_SELECTOR,
    MODIFY_LIQUIDITIES_SELECTOR,
    MULTICALL_SELECTOR,
    PAYS_NOBODY,
    RECIPIENT_WORDS,
    SPENDER_WORDS,
    STRUCT_RECIPIENT_WORDS,
)
from alm_core.execution.reward_calls import (
    MERKL_CLAIM_SELECTOR,
    PAYS_THE_SENDER,
    REWARD_RECIPIENT_WORDS,
    SAFE_TRANSFER_FROM_SELECTOR,
    moved_position,
    users_of_claim,
)
from alm_core.execution.swap_calls import ROUTER_SELECTORS, router_swap, router_swap_of
from alm_core.execution.unlock_data import unlocked
from alm_core.execution.words import address_at, byte_strings_at, bytes_of, tail_at, uint_at
from alm_core.model.errors import InvalidInput

SWAP_SINGLE_SELECTOR = "0x4666fc80"
SWAP_MULTIPLE_SELECTOR = "0x5fd9ae2e"
SWAP_SELECTORS = frozenset({SWAP_SINGLE_SELECTOR, SWAP_MULTIPLE_SELECTOR})

# Words of the recipient: those of liquidity and reward calls, and Li.Fi GenericSwapFacetV3 _receiver.
_RECIPIENTS = {**RECIPIENT_WORDS, **REWARD_RECIPIENT_WORDS, SWAP_SINGLE_SELECTOR: (3,), SWAP_MULTIPLE_SELECTOR: (3,)}
_SPENDERS = {**SPENDER_WORDS, APPROVE_SELECTOR: (0,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payees:
    """Lower-case addresses a payload pays or lets spend, and the selectors inside its multicall.

    ``grown`` are ids of positions that liquidity is added to: the contract lets anybody add to anybody's position, so
    that whoever owns the id is paid. ``arrivals`` are tokens asked for on other chains, as ``(chain id, token)``.
    """

    recipients: tuple[str, ...] = ()
    spenders: tuple[str, ...] = ()
    grown: tuple[int, ...] = ()
    inner: frozenset[str] = frozenset()
    arrivals: tuple[tuple[int, str], ...] = ()


def selector_of(data: str) -> str:
    """Return the selector of calldata, 0x and eight lower-case hex digits."""
    return "0x" + bytes_of(data)[:4].hex()


def payees_of(data: str) -> Payees:
    """Return who gets paid or may spend.

    Raises
    ------
    InvalidInput
        If the selector is unknown, the calldata is cut short, or an address word has bits above 160.
    """
    raw = bytes_of(data)
    selector, body = "0x" + raw[:4].hex(), raw[4:]
    if selector in _SPENDERS:
        return Payees(spenders=tuple(address_at(body, word) for word in _SPENDERS[selector]))
    if selector in _RECIPIENTS:
        return Payees(recipients=tuple(address_at(body, word) for word in _RECIPIENTS[selector]))
    if selector in STRUCT_RECIPIENT_WORDS:
        struct = tail_at(body, 0)
        return Payees(recipients=tuple(address_at(struct, word) for word in STRUCT_RECIPIENT_WORDS[selector]))
    if selector in _DECODED:
        return _DECODED[selector](body)
    if selector in PAYS_NOBODY or selector in PAYS_THE_SENDER:
        uint_at(body, 0)
        return Payees()
    raise InvalidInput(f"unknown selector {selector}")


def swap_minimum(data: str) -> int:
    """Return the minimum a swap on one chain must pay, from its calldata.

    Raises
    ------
    InvalidInput
        If the calldata is not such a swap.
    """
    selector = selector_of(data)
    if selector in ROUTER_SELECTORS.values():
        return router_swap_of(data).min_buy_amount
    if selector not in SWAP_SELECTORS:
        raise InvalidInput(f"selector {selector} is not a known swap")
    return uint_at(bytes_of(data)[4:], 4)


def approved_amount(data: str) -> int:
    """Return the amount of ``approve`` calldata.

    Raises
    ------
    InvalidInput
        If it is not an approval.
    """
    if selector_of(data) != APPROVE_SELECTOR:
        raise InvalidInput(f"selector {selector_of(data)} is not an approval")
    return uint_at(bytes_of(data)[4:], 1)


def _payees_of_multicall(body: bytes) -> Payees:
    calls = byte_strings_at(body, 0)
    if any(len(call) < 4 for call in calls):
        raise InvalidInput("a call inside a multicall has no selector")
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


def _payees_of_increase(body: bytes) -> Payees:
    return Payees(grown=(uint_at(body, 0),))


def _payees_of_unlock(body: bytes) -> Payees:
    inside = unlocked(body)
    return Payees(recipients=inside.recipients, grown=inside.grown)


def _payees_of_moved_position(body: bytes) -> Payees:
    # Who gets a position can do with it what a spender could.
    holder, taker = moved_position(body)
    return Payees(recipients=(holder,), spenders=(taker,))


def _payees_of_claim(body: bytes) -> Payees:
    return Payees(recipients=users_of_claim(body))


def _payees_of_router_swap(selector: str, body: bytes) -> Payees:
    return Payees(recipients=(router_swap(selector, body).recipient,))


def _payees_of_bridge(selector: str, body: bytes) -> Payees:
    sent = bridge_call(selector, body)
    return Payees(recipients=(sent.receiver, sent.refund_to), arrivals=((sent.to_chain, sent.output_token),))


_DECODED: dict[str, Callable[[bytes], Payees]] = {
    INCREASE_LIQUIDITY_SELECTOR: _payees_of_increase,
    MODIFY_LIQUIDITIES_SELECTOR: _payees_of_unlock,
    SAFE_TRANSFER_FROM_SELECTOR: _payees_of_moved_position,
    MERKL_CLAIM_SELECTOR: _payees_of_claim,
    MULTICALL_SELECTOR: _payees_of_multicall,
    **{selector: partial(_payees_of_router_swap, selector) for selector in sorted(ROUTER_SELECTORS.values())},
    **{selector: partial(_payees_of_bridge, selector) for selector in sorted(BRIDGE_SELECTORS)},
}
