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
INCREASE_LIQUIDITY_FROM_DELTAS = 0x04
MINT_POSITION_FROM_DELTAS = 0x05
SETTLE = 0x0B
SETTLE_PAIR = 0x0D
TAKE = 0x0E
TAKE_PAIR = 0x11
CLOSE_CURRENCY = 0x12
SWEEP = 0x14

ADDRESS_THIS = f"0x{2:040x}"
"""Recipient that stands for the position manager itself (``ActionConstants.ADDRESS_THIS``)."""

# Settling and closing a currency pay from and to whoever calls; changing a position pays nobody by itself.
_PAYS_NOBODY_ELSE = frozenset({DECREASE_LIQUIDITY, BURN_POSITION, SETTLE, SETTLE_PAIR, CLOSE_CURRENCY})
_GROWS = frozenset({INCREASE_LIQUIDITY, INCREASE_LIQUIDITY_FROM_DELTAS})
_RECIPIENTS = {TAKE: 1, TAKE_PAIR: 2, SWEEP: 1}
# MINT_POSITION: pool key, ticks, liquidity, two maxima, owner, hook data (empty); the other has no liquidity. Keys have
# five words in V4, six in Infinity, so that the owner's place follows from the length.
_MINT_OWNERS = {MINT_POSITION: {13: 10, 14: 11}, MINT_POSITION_FROM_DELTAS: {12: 9, 13: 10}}


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
    lent: set[str] = set()
    for action, param in zip(actions, params, strict=True):
        if action in _GROWS:
            grown.append(uint_at(param, 0))
        elif action in _MINT_OWNERS:
            recipients.append(_mint_owner(action, param))
        elif action == TAKE and address_at(param, 1) == ADDRESS_THIS:
            lent.add(address_at(param, 0))
        elif action in _RECIPIENTS:
            recipients.append(address_at(param, _RECIPIENTS[action]))
            lent -= {address_at(param, 0)} if action == SWEEP else set()
        elif action not in _PAYS_NOBODY_ELSE:
            raise InvalidInput(f"unknown action {action:#04x} of modifyLiquidities")
    if lent:
        # What the manager holds after a call anybody may sweep.
        raise InvalidInput(f"{sorted(lent)} taken out for the position manager and not swept afterwards")
    return Unlocked(recipients=tuple(recipients), grown=tuple(grown))


def _mint_owner(action: int, param: bytes) -> str:
    place = _MINT_OWNERS[action].get(len(param) // WORD)
    if place is None or len(param) % WORD or uint_at(param, place + 1) != WORD * (place + 2):
        raise InvalidInput(f"mint {action:#04x} of {len(param)} bytes is laid out as no mint of ours")
    return address_at(param, place)
