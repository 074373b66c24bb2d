"""Lists of actions for ``modifyLiquidities``, encoded as v4-periphery's ``CalldataDecoder`` reads them.

``unlockData = abi.encode(bytes actions, bytes[] params)``: a byte per action, its parameters at the same place. The ids
are those of ``Actions.sol``; infinity-periphery has the same ones under other names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from alm_resources.dex.uniswap_v4 import abi

INCREASE_LIQUIDITY = 0x00
DECREASE_LIQUIDITY = 0x01
MINT_POSITION = 0x02
BURN_POSITION = 0x03
INCREASE_LIQUIDITY_FROM_DELTAS = 0x04
MINT_POSITION_FROM_DELTAS = 0x05
SETTLE = 0x0B
SETTLE_PAIR = 0x0D
TAKE = 0x0E
TAKE_PAIR = 0x11
SWEEP = 0x14

ADDRESS_THIS = "0x" + "00" * 19 + "02"
"""Recipient that stands for the position manager itself (``ActionConstants.ADDRESS_THIS``)."""
OPEN_DELTA = 0
"""Amount that stands for all that is owed (``ActionConstants.OPEN_DELTA``)."""
_NO_HOOK_DATA = b""


@dataclass(frozen=True, slots=True)
class Step:
    """One action with its encoded parameters."""

    action: int
    params: bytes


def mint(
    key_types: Sequence[str],
    key: Sequence[object],
    ticks: tuple[int, int],
    liquidity: int,
    most: tuple[int, int],
    owner: str,
) -> Step:
    """Mint a position of a liquidity that takes at most two amounts."""
    types = (*key_types, "int24", "int24", "uint256", "uint128", "uint128", "address", "bytes")
    return Step(MINT_POSITION, encode(types, (*key, *ticks, liquidity, *most, owner, _NO_HOOK_DATA)))


def mint_from_deltas(
    key_types: Sequence[str], key: Sequence[object], ticks: tuple[int, int], most: tuple[int, int], owner: str
) -> Step:
    """Mint a position of all liquidity that what was paid in buys at the price of then."""
    types = (*key_types, "int24", "int24", "uint128", "uint128", "address", "bytes")
    return Step(MINT_POSITION_FROM_DELTAS, encode(types, (*key, *ticks, *most, owner, _NO_HOOK_DATA)))


def increase(token_id: int, liquidity: int, most: tuple[int, int]) -> Step:
    """Add a liquidity that takes at most two amounts."""
    return _change(INCREASE_LIQUIDITY, token_id, liquidity, most)


def increase_from_deltas(token_id: int, most: tuple[int, int]) -> Step:
    """Add all liquidity that what was paid in buys at the price of then."""
    types = ("uint256", "uint128", "uint128", "bytes")
    return Step(INCREASE_LIQUIDITY_FROM_DELTAS, encode(types, (token_id, *most, _NO_HOOK_DATA)))


def decrease(token_id: int, liquidity: int, least: tuple[int, int]) -> Step:
    """Take out a liquidity that pays at least two amounts; of none, only what the position has earned."""
    return _change(DECREASE_LIQUIDITY, token_id, liquidity, least)


def burn(token_id: int, least: tuple[int, int]) -> Step:
    """Take out all liquidity and burn the token."""
    types = ("uint256", "uint128", "uint128", "bytes")
    return Step(BURN_POSITION, encode(types, (token_id, *least, _NO_HOOK_DATA)))


def settle(token: str, amount: int, *, by_owner: bool) -> Step:
    """Pay an amount, by the caller through Permit2 or from what the manager holds; 0 pays what is owed.

    Reverts if there is a credit where the amount is 0 (``DeltaNotNegative``).
    """
    return Step(SETTLE, encode(("address", "uint256", "bool"), (token, amount, by_owner)))


def settle_pair(token0: str, token1: str) -> Step:
    """Let the caller pay all that is owed."""
    return Step(SETTLE_PAIR, encode(("address", "address"), (token0, token1)))


def take(token: str, recipient: str, amount: int) -> Step:
    """Take an amount out, whether or not there is a credit for it; 0 takes all of the credit."""
    return Step(TAKE, encode(("address", "address", "uint256"), (token, recipient, amount)))


def take_pair(token0: str, token1: str, recipient: str) -> Step:
    """Take out all credit."""
    return Step(TAKE_PAIR, encode(("address", "address", "address"), (token0, token1, recipient)))


def sweep(token: str, recipient: str) -> Step:
    """Send what the position manager holds."""
    return Step(SWEEP, encode(("address", "address"), (token, recipient)))


def calldata(steps: Sequence[Step], deadline_s: int) -> bytes:
    """Return calldata of ``modifyLiquidities``."""
    actions, params = bytes(step.action for step in steps), [step.params for step in steps]
    return abi.MODIFY_LIQUIDITIES.data(encode(("bytes", "bytes[]"), (actions, params)), deadline_s)


def _change(action: int, token_id: int, liquidity: int, amounts: tuple[int, int]) -> Step:
    types = ("uint256", "uint256", "uint128", "uint128", "bytes")
    return Step(action, encode(types, (token_id, liquidity, *amounts, _NO_HOOK_DATA)))
