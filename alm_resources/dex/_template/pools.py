"""State of a pool, and the proof that it is the pool the registry describes.

All reads of a pool go out in one batch with those of all other pools of the chain, at one block. What the pool says of
itself proves nothing: ask the registry's factory for the pool of these tokens and key as well, and the position manager
for its factory. Let reads fail (``may_fail``), so that a wrong address is told as such and not as a broken chain.
"""

from collections.abc import Sequence

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool


def pool_calls(pool: Pool) -> tuple[Call, ...]:
    """Return the reads of one pool: price, tick, liquidity, fee, fee growth, tokens, decimals, factory, its own proofs.

    Where a read depends on the answer to another one the adapter has ``further_calls`` too
    (:class:`~alm_core.model.dex_ports.ReadsInTwoSteps`), as ``liquidity_book`` does for the active bin.
    """
    raise NotImplementedError


def read_pool(pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
    """Decode the answers to :func:`pool_calls`, all raw integers.

    Fee growth must be what a position in the wallet earns: parts of the fee that go to the protocol or to a gauge are
    in ``protocol_fee_frac0`` and ``1``. ``fee_pips`` is the fee of now, also where it is no part of the key.

    Raises
    ------
    PoolNotFound
        If there is no pool, it has no price, or it differs from the registry in tokens, decimals, key, spacing,
        factory, position manager, or hooks (refused, unless allow-listed by address). Names the value found.
    """
    raise NotImplementedError
