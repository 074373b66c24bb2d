"""What became of positions, from the events of a receipt: liquidity added, principal taken out, amounts collected.

Position managers of Uniswap V3 (v3-periphery 1.4.4) and its forks tell it themselves; Algebra's tell additions in an
event of their own. Of positions in Uniswap V4 and Infinity the pool manager tells (``IPoolManager.ModifyLiquidity``,
the salt is the token id), of bins the Liquidity Book pair (``ILBToken``: ``TransferBatch``, and where 2.0 mints them
``TransferSingle``). Data of any other length are none of these events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alm_core.execution.erc20 import address_word
from alm_core.model.transactions import Log, UnsignedTransaction

INCREASE_TOPIC = "0x3067048beee31b25b2f1681f88dac838c8bba36af25bfb2b7cf7473a5847e35f"
"""``IncreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)``."""
DECREASE_TOPIC = "0x26f6a048ee9138f2c0ce266f322cb99228e8d619ae2bff30c67f8dcf9d2377b4"
"""``DecreaseLiquidity(uint256 indexed tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)``."""
COLLECT_TOPIC = "0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01"
"""``Collect(uint256 indexed tokenId, address recipient, uint256 amount0, uint256 amount1)``."""

INCREASE_ALGEBRA_TOPIC = "0x8a82de7fe9b33e0e6bca0e26f5bd14a74f1164ffe236d50e0a36c3ea70f2b814"
"""``IncreaseLiquidity(uint256 indexed tokenId, uint128 desired, uint128 actual, uint256, uint256, address pool)``."""
INCREASE_WITH_TICKS_TOPIC = "0x0f8712c47eb813e705bf827a60bdd551e6f2e055b4a1c2004304d52208a5a513"
"""``IncreaseLiquidity(uint256 indexed tokenId, uint128, uint256, uint256, int24, int24)``: later Slipstream sources."""
MODIFY_TOPIC = "0xf208f4912782fd25c7f114ca3723a2d5dd6f3bcc3ac8db5af63baa85f711d5ec"
"""``ModifyLiquidity(bytes32 indexed id, address indexed sender, int24, int24, int256 delta, bytes32 salt)``."""
TRANSFER_BATCH_TOPIC = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
"""``TransferBatch(address indexed sender, address indexed from, address indexed to, uint256[] ids, uint256[])``."""
TRANSFER_SINGLE_TOPIC = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
"""``TransferSingle(address indexed sender, address indexed from, address indexed to, uint256 id, uint256 amount)``."""
FEES_COLLECTED_TOPIC = "0x28a87b6059180e46de5fb9ab35eb043e8fe00ab45afcc7789e3934ecbbcde3ea"
"""``FeesCollected(address indexed sender, address indexed recipient, uint256 amountX, uint256 amountY)`` of 2.0."""

_WORDS = 3
_ZERO_WORD = "0" * 64


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


def grown_positions(logs: Sequence[Log], tx: UnsignedTransaction) -> tuple[int, ...]:
    """Return ids of positions whose liquidity a transaction raised, in the order of the receipt."""
    by_manager = [(log.log_index, log.token_id) for log in position_logs(logs, tx.to, INCREASE_TOPIC) if log.first]
    by_manager += [(log.log_index, int(log.topics[1], 16)) for log in _other_increases(logs, tx.to.lower())]
    by_pool = [(log.log_index, salt) for log, delta, salt in modified(logs, tx) if delta > 0]
    by_bins = [(log.log_index, int(log.address, 16)) for log in moved_bins(logs, tx, minted=True)[:1]]
    return tuple(token_id for _, token_id in sorted((*by_manager, *by_pool, *by_bins)))


def modified(logs: Sequence[Log], tx: UnsignedTransaction) -> Iterator[tuple[Log, int, int]]:
    """Yield ``(log, liquidity delta, token id)`` of what the pool manager says the called contract changed."""
    if tx.liquidity_events_from is None:
        return
    manager, sender = tx.liquidity_events_from.lower(), address_word(tx.to)
    for log in logs:
        if log.address.lower() != manager or len(log.topics) != 3 or log.topics[0].lower() != MODIFY_TOPIC:
            continue
        words = _data_words(log)
        if len(words) == 4 and log.topics[2].removeprefix("0x").lower() == sender:
            yield log, words[2] - (words[2] >> 255 << 256), words[3]


def moved_bins(logs: Sequence[Log], tx: UnsignedTransaction, *, minted: bool) -> tuple[Log, ...]:
    """Return what the pair says of bins that it minted to, or burned from, the sender.

    All of them are of one position. The router of 2.0 sends bins to the pair, which then burns what it has.
    """
    if tx.liquidity_events_from is None:
        return ()
    own, pair = address_word(tx.sender), tx.liquidity_events_from.lower()
    ends = {(_ZERO_WORD, own)} if minted else {(own, _ZERO_WORD), (own, address_word(pair))}
    return tuple(
        log
        for log in logs
        if log.address.lower() == pair
        and len(log.topics) == 4
        and log.topics[0].lower() in (TRANSFER_BATCH_TOPIC, TRANSFER_SINGLE_TOPIC)
        and tuple(topic.removeprefix("0x").lower() for topic in log.topics[2:]) in ends
    )


def collected_from_bins(logs: Sequence[Log], tx: UnsignedTransaction) -> tuple[Log, ...]:
    """Return what a pair of Liquidity Book 2.0 says of fees that it paid to the sender, who called it itself."""
    own, pair = address_word(tx.sender), tx.to.lower()
    if tx.liquidity_events_from is None or tx.liquidity_events_from.lower() != pair:
        return ()
    return tuple(
        log
        for log in logs
        if log.address.lower() == pair
        and len(log.topics) == 3
        and log.topics[0].lower() == FEES_COLLECTED_TOPIC
        and log.topics[2].removeprefix("0x").lower() == own
    )


# Which of the five words is the liquidity that was really added.
_LIQUIDITY_WORDS = {INCREASE_ALGEBRA_TOPIC: 1, INCREASE_WITH_TICKS_TOPIC: 0}


def _other_increases(logs: Sequence[Log], manager: str) -> Iterator[Log]:
    for log in logs:
        if log.address.lower() != manager or len(log.topics) != 2:
            continue
        place, words = _LIQUIDITY_WORDS.get(log.topics[0].lower()), _data_words(log)
        if place is not None and len(words) == 5 and words[place]:
            yield log


def _data_words(log: Log) -> list[int]:
    data = bytes.fromhex(log.data.removeprefix("0x"))
    return [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)] if len(data) % 32 == 0 else []
