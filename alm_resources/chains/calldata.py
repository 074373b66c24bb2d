"""Contract functions as values: their selector, their calldata, their answers. Revert reasons in words."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from alm_core.model.chain_ports import Call
from alm_core.model.errors import BadAnswer
from alm_resources.http.fields import printable

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "array index out of bounds",
}


@dataclass(frozen=True, slots=True)
class ContractFunction:
    """A function of a contract, by its ABI types.

    Parameters
    ----------
    name
        As in the ABI.
    inputs, outputs
        ABI types; a tuple is written ``(address,uint256)``.

    Examples
    --------
    >>> ContractFunction("transfer", ("address", "uint256"), ("bool",)).selector.hex()
    'a9059cbb'
    """

    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    selector: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        signature = f"{self.name}({','.join(self.inputs)})"
        object.__setattr__(self, "selector", bytes(keccak(text=signature)[:4]))

    def data(self, *arguments: object) -> bytes:
        """Return calldata."""
        try:
            return self.selector + _encoded(self.inputs, *arguments)
        except TypeError:  # a list among them has no hash
            return self.selector + encode(self.inputs, arguments)

    def call(self, target: str, *arguments: object, may_fail: bool = False) -> Call:
        """Return a read of this function for a batch."""
        return Call(target=target, data=self.data(*arguments), may_fail=may_fail)

    def answer(self, data: bytes, source: str) -> tuple[Any, ...]:
        """Decode what the function returned.

        Raises
        ------
        BadAnswer
            If the bytes are not such an answer, for example because no contract lives at the address.
        """
        try:
            return tuple(decode(self.outputs, data))
        except (DecodingError, OverflowError, ValueError) as error:
            raise BadAnswer(source, f"{self.name}() answered {len(data)} bytes that do not decode: {error}") from error


@lru_cache(maxsize=8192, typed=True)
def _encoded(inputs: tuple[str, ...], *arguments: object) -> bytes:
    """An epoch asks a few hundred questions thousands of times, and encoding takes 60 us."""
    return encode(inputs, arguments)


def revert_reason(data: bytes) -> str:
    """Return the reason of a revert in words; a custom error is given by its selector.

    Examples
    --------
    >>> revert_reason(b"")
    'reverted without a reason'
    """
    if data[:4] == _ERROR_STRING:
        try:
            return printable(str(decode(("string",), data[4:])[0]), 200)
        except (DecodingError, OverflowError, ValueError):
            return "reverted with an unreadable reason"
    if data[:4] == _PANIC and len(data) == 36:
        code = int.from_bytes(data[4:], "big")
        return f"panic {code:#04x}: {_PANICS.get(code, 'compiler check failed')}"
    return f"custom error 0x{data[:4].hex()}" if data else "reverted without a reason"
