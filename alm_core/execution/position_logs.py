"""Events of a position manager: liquidity added, principal taken out, amounts collected.

``NonfungiblePositionManager`` of Uniswap V3 (v3-periphery 1.4.4) and its forks. A log whose data are not three words is
none of these events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alm_core.model.transactions import Log

INCREASE_TOPIC = "0x3067048beee31b25b2f1681f88dac838c8bba36af25bfb2b7cf7473a5847e35f"
"""``IncreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)``."""
DECREASE_TOPIC = "0x26f6a048ee9138f2c0ce266f322cb99228e8d619ae2bff30c67f8dcf9d2377b4"
"""``DecreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)``."""
COLLECT_TOPIC = "0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01"
"""``Collect(uint256 indexed tokenId, address recipient, uint256 amount0, uint256 amount1)``."""

_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLog:
    """One event of a position. ``first`` is its first word: liquidity, or the recipient of a collect as an integer."""

    token_id: int
    first: int
    amount0: int
    amount1: int
    log_index: int


def position_logs(logs: Sequence[Log], manager: str, topic: str) -> tuple[PositionLog, ...]:
    """Return the events of one kind that a position manager wrote, in the order of the receipt.

    Parameters
    ----------
    logs
        Of a receipt.
    manager
        Address of the position manager; what other contracts wrote is left out.
    topic
        :data:`INCREASE_TOPIC`, :data:`DECREASE_TOPIC` or :data:`COLLECT_TOPIC`.
    """
    return tuple(_decoded(logs, manager.lower(), topic))


def _decoded(logs: Sequence[Log], manager: str, topic: str) -> Iterator[PositionLog]:
    for log in logs:
        if log.address.lower() != manager or len(log.topics) != 2 or log.topics[0].lower() != topic:
            continue
        data = bytes.fromhex(log.data.removeprefix("0x"))
        if len(data) != 32 * _WORDS:
            continue
        first, amount0, amount1 = (int.from_bytes(data[32 * at : 32 * (at + 1)], "big") for at in range(_WORDS))
        yield PositionLog(
            token_id=int(log.topics[1], 16), first=first, amount0=amount0, amount1=amount1, log_index=log.log_index
        )
