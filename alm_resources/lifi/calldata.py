"""Calldata of Li.Fi's GenericSwapFacetV3, decoded and held against the request.

References
----------
lifinance/contracts, ``src/Facets/GenericSwapFacetV3.sol``.
"""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from alm_core.model.errors import BadAnswer

SOURCE = "lifi"

_SWAP = "(address,address,address,address,uint256,bytes,bool)"
_HEAD = ("bytes32", "string", "string", "address", "uint256")
_SINGLE = (*_HEAD, _SWAP)
_MULTIPLE = (*_HEAD, f"{_SWAP}[]")

ERC20_TO_ERC20 = {
    "4666fc80": ("swapTokensSingleV3ERC20ToERC20", _SINGLE),
    "5fd9ae2e": ("swapTokensMultipleV3ERC20ToERC20", _MULTIPLE),
}
# They ignore the asset id on their native side: the ids in the calldata would look right and ether would move.
NATIVE = {
    "733214a3": "swapTokensSingleV3ERC20ToNative",
    "af7060fd": "swapTokensSingleV3NativeToERC20",
    "2c57e884": "swapTokensMultipleV3ERC20ToNative",
    "736eac0b": "swapTokensMultipleV3NativeToERC20",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapStep:
    """One ``LibSwap.SwapData``."""

    sending_asset: str
    receiving_asset: str
    from_amount: int
    requires_deposit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericSwap:
    """What a swap's calldata makes the diamond do."""

    function: str
    receiver: str
    min_amount_out: int
    steps: tuple[SwapStep, ...]


def decode_generic_swap(data: str) -> GenericSwap:
    """Decode an ERC-20 to ERC-20 swap.

    Raises
    ------
    BadAnswer
        If the selector is another one, the arguments do not decode, or there is no step.
    """
    try:
        raw = bytes.fromhex(data.removeprefix("0x"))
    except ValueError as error:
        raise BadAnswer(SOURCE, f"transactionRequest.data is not hex: {data!r:.40}") from error
    selector = raw[:4].hex()
    if selector not in ERC20_TO_ERC20:
        known = f" ({NATIVE[selector]})" if selector in NATIVE else ""
        expected = " or ".join(f"0x{found} ({name})" for found, (name, _) in ERC20_TO_ERC20.items())
        raise BadAnswer(SOURCE, f"transactionRequest.data has selector 0x{selector}{known}, must be {expected}")
    function, types = ERC20_TO_ERC20[selector]
    try:
        values = decode(types, raw[4:])
    except (DecodingError, OverflowError, ValueError) as error:
        raise BadAnswer(SOURCE, f"transactionRequest.data: arguments of {function} do not decode: {error}") from error
    steps = values[5] if types is _MULTIPLE else (values[5],)
    if not steps:
        raise BadAnswer(SOURCE, f"transactionRequest.data: {function} has no swap step")
    return GenericSwap(
        function=function,
        receiver=values[3],
        min_amount_out=values[4],
        steps=tuple(_step(step) for step in steps),
    )


def _step(values: Any) -> SwapStep:
    _, _, sending, receiving, amount, _, requires_deposit = values
    return SwapStep(
        sending_asset=sending, receiving_asset=receiving, from_amount=amount, requires_deposit=requires_deposit
    )
