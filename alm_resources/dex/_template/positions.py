"""Positions of a wallet from the chain alone, with fees as collecting would pay them.

Nothing that we remember is needed: ids come from the token's enumeration, from logs, or from balances of bins. The
amounts and fees of each position must equal, to the unit, what closing and collecting at that block pay: compare them
with a static call in a test. What contracts store as owed is mostly stale until the position is touched.
"""

from collections.abc import Sequence

from alm_core.model.chain_ports import ChainClient
from alm_core.model.market import Block, PoolState, Position


def read_positions(chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block) -> tuple[Position, ...]:
    """Read the owner's positions in these pools at one block, ordered by pool and id.

    A few batches for any number of positions. Positions in other pools are left out; empty ones that were never burned
    are in it. A read that fails is an error: it never means that there is no position.

    Raises
    ------
    SourceUnavailable, BadAnswer
        If the chain does not answer, or with something that cannot be.
    """
    raise NotImplementedError
