"""Token ids of a wallet, where the position manager counts them but does not list them.

Every id that a wallet holds came to it by a ``Transfer``. Logs are read only while the ids known so far, each proven by
``ownerOf`` at the block, are fewer than ``balanceOf`` counts: from the last block whose ids were complete, then
backwards from the head, for what we hold is rarely old. So the answer is complete or an error, and a reorganised chain,
a restart, a position sent here or away need nothing of their own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block
from alm_resources.dex.uniswap_v4 import abi

_MOST_IDS = 2_000
"""A wallet that would need more is not believed: the calls alone would fill the memory."""
_FIRST_SPAN = 10_000
_WIDEST_SPAN = 640_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """All ids of a wallet at a block."""

    block_number: int
    ids: tuple[int, ...]


Remembered = Callable[[int, str], Iterable[tuple[str, int]]]
"""Tells ``(lower-case manager, token id)`` of positions that a wallet was seen to hold on a chain."""


class TokenIds:
    """Finds token ids. What it remembers saves reading of logs; every answer is proven anew.

    Parameters
    ----------
    first_blocks
        Block before which a manager did not exist, by chain id and lower-case address; 0 where it is not known.
    remembered
        What others remember: a new process knows nothing itself.
    """

    def __init__(self, first_blocks: Mapping[tuple[int, str], int], remembered: Remembered | None = None) -> None:
        self._first_blocks = first_blocks
        self._remembered = remembered
        self._known: dict[tuple[int, str, str], _Known] = {}

    def owned(self, chain: ChainClient, manager: str, owner: str, block: Block) -> tuple[int, ...]:
        """Return all ids the owner holds at the block, in order.

        Raises
        ------
        BadAnswer
            If the logs do not name as many as the manager counts: an incomplete list would read as "no position".
        """
        place = (chain.chain_id, manager.lower(), owner.lower())
        known = self._known.get(place)
        count = self._count(chain, manager, owner, block)
        ids = known.ids if known else self._others_remember(chain, manager, owner) if count else ()
        held = self._proven(chain, manager, owner, ids if count else (), block)
        if known and len(held) < count:
            came = chain.read_nft_ids(manager, owner, known.block_number + 1, block.number)
            held |= self._proven(chain, manager, owner, set(came) - held, block)
        if len(held) < count:
            held |= self._searched(chain, manager, owner, block, count, held)
        if len(held) != count:
            first = self._first_block(chain, manager, block)
            detail = f"counts {count} positions of {owner}, logs since block {first} name {len(held)}"
            raise BadAnswer(_source(chain, manager), detail)
        ids = tuple(sorted(held))
        self._known[place] = _Known(block_number=block.number, ids=ids)
        return ids

    def _others_remember(self, chain: ChainClient, manager: str, owner: str) -> tuple[int, ...]:
        found = self._remembered(chain.chain_id, owner) if self._remembered else ()
        return tuple(token_id for place, token_id in found if place.lower() == manager.lower())

    def _searched(
        self, chain: ChainClient, manager: str, owner: str, block: Block, count: int, held: set[int]
    ) -> set[int]:
        first, last, span = self._first_block(chain, manager, block), block.number, _FIRST_SPAN
        found, seen = set(held), set(held)
        while len(found) < count and last >= first:
            start = max(first, last - span + 1)
            came = set(chain.read_nft_ids(manager, owner, start, last)) - seen
            found |= self._proven(chain, manager, owner, came, block)
            seen |= came
            last, span = start - 1, min(2 * span, _WIDEST_SPAN)
        return found

    def _first_block(self, chain: ChainClient, manager: str, block: Block) -> int:
        first = self._first_blocks.get((chain.chain_id, manager.lower()), 0)
        # A head below it is that of another chain with the same id, a local one for example.
        return first if first <= block.number else 0

    def _count(self, chain: ChainClient, manager: str, owner: str, block: Block) -> int:
        (result,) = chain.read_calls([abi.BALANCE_OF.call(manager, owner)], block)
        count = int(abi.BALANCE_OF.answer(result.data, _source(chain, manager))[0])
        if count > _MOST_IDS:
            raise BadAnswer(_source(chain, manager), f"counts {count:#x} positions of {owner}, more than {_MOST_IDS}")
        return count

    def _proven(self, chain: ChainClient, manager: str, owner: str, ids: Iterable[int], block: Block) -> set[int]:
        asked = sorted(ids)
        # A burned id reverts.
        results = chain.read_calls([abi.OWNER_OF.call(manager, one, may_fail=True) for one in asked], block)
        return {
            token_id
            for token_id, result in zip(asked, results, strict=True)
            if result.succeeded
            and abi.OWNER_OF.answer(result.data, _source(chain, manager))[0].lower() == owner.lower()
        }


def _source(chain: ChainClient, manager: str) -> str:
    return f"position manager {manager} of chain {chain.chain_id}"
