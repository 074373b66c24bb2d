"""What positions are counted in, from events alone: liquidity or shares that came to a position or left it.

Events as :mod:`alm_core.execution.position_logs` lists them, of whatever transaction: the same decoding books our own
receipts, explains what others gave, and recounts a day.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alm_core.execution.erc20 import address_word
from alm_core.execution.position_logs import (
    DECREASE_TOPIC,
    INCREASE_ALGEBRA_TOPIC,
    INCREASE_TOPIC,
    INCREASE_WITH_TICKS_TOPIC,
    MODIFY_TOPIC,
    TRANSFER_BATCH_TOPIC,
    TRANSFER_SINGLE_TOPIC,
)
from alm_core.model.transactions import Log

# Number of data words, and which of them is the liquidity that really moved.
_BY_MANAGERS = {
    INCREASE_TOPIC: (3, 0),
    DECREASE_TOPIC: (3, 0),
    INCREASE_ALGEBRA_TOPIC: (5, 1),
    INCREASE_WITH_TICKS_TOPIC: (5, 0),
}
GROWING_TOPICS = (INCREASE_TOPIC, INCREASE_ALGEBRA_TOPIC, INCREASE_WITH_TICKS_TOPIC)
"""Topics of events by which a position manager tells that anybody added to a position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeSources:
    """Whose events are believed. All addresses in lower case.

    Parameters
    ----------
    owner
        Wallet; bins are its own, positions of managers are known by their id.
    keepers
        Position managers, and pairs whose bins are positions.
    pool_managers
        Contracts that tell of liquidity for position managers (Uniswap V4, Infinity).
    """

    owner: str
    keepers: frozenset[str]
    pool_managers: frozenset[str]


def stake_moves(logs: Iterable[Log], sources: StakeSources) -> Iterator[tuple[Log, tuple[str, int], int]]:
    """Yield ``(log, (keeper, token id), delta)`` of every event that changed what a position is counted in.

    Events of other contracts, and data of any other length, are none of these.
    """
    for log in logs:
        found = _of_manager(log, sources) or _of_pool_manager(log, sources) or _of_bins(log, sources)
        if found is not None and found[1]:
            yield (log, *found)


def _of_manager(log: Log, sources: StakeSources) -> tuple[tuple[str, int], int] | None:
    keeper = log.address.lower()
    if len(log.topics) != 2 or keeper not in sources.keepers:
        return None
    topic, words = log.topics[0].lower(), _words(log)
    count, place = _BY_MANAGERS.get(topic, (0, 0))
    if not count or len(words) != count:
        return None
    return (keeper, int(log.topics[1], 16)), -words[place] if topic == DECREASE_TOPIC else words[place]


def _of_pool_manager(log: Log, sources: StakeSources) -> tuple[tuple[str, int], int] | None:
    if (
        log.address.lower() not in sources.pool_managers
        or len(log.topics) != 3
        or log.topics[0].lower() != MODIFY_TOPIC
    ):
        return None
    keeper, words = "0x" + log.topics[2][-40:].lower(), _words(log)
    if len(words) != 4 or keeper not in sources.keepers:
        return None
    return (keeper, words[3]), words[2] - (words[2] >> 255 << 256)


def _of_bins(log: Log, sources: StakeSources) -> tuple[tuple[str, int], int] | None:
    keeper, own = log.address.lower(), address_word(sources.owner)
    if len(log.topics) != 4 or keeper not in sources.keepers:
        return None
    if log.topics[0].lower() not in (TRANSFER_BATCH_TOPIC, TRANSFER_SINGLE_TOPIC):
        return None
    came, left = (log.topics[at].removeprefix("0x").lower() == own for at in (3, 2))
    return (keeper, int(keeper, 16)), (came - left) * sum(_amounts(log))


def _amounts(log: Log) -> list[int]:
    """Amounts of a ``TransferSingle`` or ``TransferBatch``; none where the data are no such thing."""
    words = _words(log)
    if log.topics[0].lower() == TRANSFER_SINGLE_TOPIC:
        return words[1:] if len(words) == 2 else []
    if len(words) < 4 or words[1] % 32:
        return []
    at = words[1] // 32
    count = words[at] if at < len(words) else 0
    amounts = words[at + 1 : at + 1 + count]
    return amounts if len(amounts) == count else []


def _words(log: Log) -> list[int]:
    data = bytes.fromhex(log.data.removeprefix("0x"))
    return [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)] if len(data) % 32 == 0 else []
