"""Who is paid by ``modifyLiquidities``, the one call of the position managers of Uniswap V4 and PancakeSwap Infinity.

``modifyLiquidities(bytes unlockData, uint256 deadline)``, where ``unlockData`` is ``abi.encode(bytes actions, bytes[]
params)`` (v4-periphery ``Actions.sol``, ``CalldataDecoder.sol``; infinity-periphery has the same numbers). Only what a
plan needs is known here: any other action is an error, for it may pay anybody.
"""

from dataclasses import dataclass

from alm_core.execution.words import WORD, address_at, byte_strings_at, bytes_at, uint_at
from alm_core.model.errors import InvalidInput

INCREASE_LIQUIDITY = 0x00
DECREASE_LIQUIDITY = 0x01
MINT_POSITION = 0x02
BURN_POSITION = 0x03
SETTLE_PAIR = 0x0D
TAKE_PAIR = 0x11
CLOSE_CURRENCY = 0x12

# Settling and closing a currency pay from and to whoever calls; changing a position pays nobody by itself.
_PAYS_NOBODY_ELSE = frozenset({DECREASE_LIQUIDITY, BURN_POSITION, SETTLE_PAIR, CLOSE_CURRENCY})
_TAKE_RECIPIENT = 2
# MINT_POSITION: pool key, ticks, liquidity, two maxima, owner, hook data (empty). Keys have five words in V4, six in
# Infinity, so that the owner's place follows from the length.
_MINT_OWNER = {13: 10, 14: 11}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """Recipients, and ids of positions that grow."""

    recipients: tuple[str, ...]
    grown: tuple[int, ...]


def unlocked(body: bytes) -> Unlocked:
    """Decode the arguments of ``modifyLiquidities``, without its selector.

    Raises
    ------
    InvalidInput
        If an action is not one that plans use, or anything is not laid out as the contracts read it.
    """
    data = bytes_at(body, 0)
    actions, params = bytes_at(data, 0), byte_strings_at(data, 1)
    if len(actions) != len(params):
        raise InvalidInput(f"{len(actions)} actions with {len(params)} parameters")
    recipients: list[str] = []
    grown: list[int] = []
    for action, param in zip(actions, params, strict=True):
        if action == INCREASE_LIQUIDITY:
            grown.append(uint_at(param, 0))
        elif action == MINT_POSITION:
            recipients.append(_mint_owner(param))
        elif action == TAKE_PAIR:
            recipients.append(address_at(param, _TAKE_RECIPIENT))
        elif action not in _PAYS_NOBODY_ELSE:
            raise InvalidInput(f"unknown action {action:#04x} of modifyLiquidities")
    return Unlocked(recipients=tuple(recipients), grown=tuple(grown))


def _mint_owner(param: bytes) -> str:
    place = _MINT_OWNER.get(len(param) // WORD)
    if place is None or len(param) % WORD or uint_at(param, place + 1) != WORD * (place + 2):
        raise InvalidInput(f"MINT_POSITION of {len(param)} bytes is laid out as no mint of ours")
    return address_at(param, place)
