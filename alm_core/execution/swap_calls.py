"""Calldata of swaps through a DEX's own router, by hand: one static struct each, so every field is a word.

References
----------
``SwapRouter.exactInputSingle`` of Uniswap v3-periphery, and of Algebra's periphery (V1 and Integral).
"""

from dataclasses import dataclass

from alm_core.execution.erc20 import address_word, uint_word
from alm_core.execution.words import address_at, bytes_of, uint_at
from alm_core.model.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class _Layout:
    """Selector, what stands between the two tokens and the recipient, and how many words that is."""

    selector: str
    key: str
    key_words: int


_LAYOUTS = {
    "uniswap_v3": _Layout("0x414bf389", "fee", 1),
    "algebra_v1": _Layout("0xbc651188", "", 0),
    "algebra_integral": _Layout("0x1679c792", "deployer", 1),
}
ROUTER_SELECTORS = {family: layout.selector for family, layout in _LAYOUTS.items()}
"""Selector of a swap by pool family; families without one are not swapped in directly."""
_KEY_WORDS = {layout.selector: layout.key_words for layout in _LAYOUTS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSwap:
    """What a router is told to do. Addresses are lower case, amounts raw; the whole amount is swapped or nothing."""

    sold: str
    bought: str
    recipient: str
    deadline_s: int
    sell_amount: int
    min_buy_amount: int


def router_swap_data(family: str, swap: RouterSwap, key: int) -> str:
    """Return calldata of a swap as 0x-hex.

    Parameters
    ----------
    family
        Pool family, a key of :data:`ROUTER_SELECTORS`.
    swap
        What is to be done.
    key
        What else names the pool: its fee in pips, or its deployer as a number; of no use to ``algebra_v1``.

    Examples
    --------
    >>> swap = RouterSwap(
    ...     sold="0x" + "11" * 20,
    ...     bought="0x" + "22" * 20,
    ...     recipient="0x" + "33" * 20,
    ...     deadline_s=1,
    ...     sell_amount=2,
    ...     min_buy_amount=3,
    ... )
    >>> router_swap_of(router_swap_data("uniswap_v3", swap, 500)) == swap
    True
    """
    layout = _LAYOUTS[family]
    tokens = address_word(swap.sold) + address_word(swap.bought) + uint_word(key) * layout.key_words
    amounts = uint_word(swap.deadline_s) + uint_word(swap.sell_amount) + uint_word(swap.min_buy_amount)
    return layout.selector + tokens + address_word(swap.recipient) + amounts + uint_word(0)


def router_swap_of(data: str) -> RouterSwap:
    """Decode a swap through a router.

    Raises
    ------
    InvalidInput
        If it is none that is known, is cut short, or may stop at a price with a part unsold.
    """
    raw = bytes_of(data)
    selector, body = "0x" + raw[:4].hex(), raw[4:]
    if selector not in _KEY_WORDS:
        raise InvalidInput(f"selector {selector} is not a known router's swap")
    return router_swap(selector, body)


def router_swap(selector: str, body: bytes) -> RouterSwap:
    """Decode the arguments of a swap through a router; raises as :func:`router_swap_of`."""
    at = 2 + _KEY_WORDS[selector]
    if uint_at(body, at + 4) != 0:
        raise InvalidInput("a swap that may stop at a price")
    return RouterSwap(
        sold=address_at(body, 0),
        bought=address_at(body, 1),
        recipient=address_at(body, at),
        deadline_s=uint_at(body, at + 1),
        sell_amount=uint_at(body, at + 2),
        min_buy_amount=uint_at(body, at + 3),
    )
