"""The family as one object; each method is a function of the modules beside it. Satisfies ``DexAdapter``."""

from collections.abc import Sequence
from datetime import datetime

from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.dex_ports import Grant, LiquidityQuote, PriceInterval
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.dex._template import plans, pools, positions


class TemplateAdapter:
    """Adapter of the family. Holds no state: one object serves all pools, chains and threads."""

    @property
    def family(self) -> str:
        """Name in the registry (``FAMILIES``)."""
        return "template"

    def parts(self, pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
        """Return the range itself where one transaction opens any range; ``InvalidInput`` for unusable ticks."""
        raise NotImplementedError

    def placing_grants(
        self, pool: Pool, owner: str, amount0: int, amount1: int, expires_at: datetime
    ) -> tuple[Grant, ...]:
        """Return the rights that placing needs, exact to the unit; ``alm_resources.dex.grants`` makes them.

        The first of each token is its ERC-20 approval, to the position manager or to Permit2.
        """
        raise NotImplementedError

    def removing_grants(self, pool: Pool, owner: str) -> tuple[Grant, ...]:
        """Return the right that removing needs; none where the owner may always remove."""
        raise NotImplementedError

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        """Return the reads of one pool."""
        return pools.pool_calls(pool)

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers; :class:`PoolNotFound` if it is not the pool of the registry."""
        return pools.read_pool(pool, results, block)

    def read_positions(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Read the owner's positions in these pools, true uncollected fees included."""
        return positions.read_positions(chain, pools, owner, block)

    def quote_liquidity(
        self, state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int
    ) -> LiquidityQuote:
        """Return what opening at the pinned price buys and uses."""
        return plans.quote_liquidity(state, tick_lower, tick_upper, amount0, amount1)

    def plan_open(
        self,
        state: PoolState,
        tick_lower: int,
        tick_upper: int,
        amount0: int,
        amount1: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Return an open whose minima hold anywhere in the interval."""
        return plans.plan_open(state, tick_lower, tick_upper, amount0, amount1, interval, owner, deadline_at)

    def plan_add(
        self,
        state: PoolState,
        position: Position,
        amount0: int,
        amount1: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Return an addition whose minima hold anywhere in the interval."""
        return plans.plan_add(state, position, amount0, amount1, interval, owner, deadline_at)

    def plan_remove(
        self,
        state: PoolState,
        position: Position,
        stake: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Return one transaction that takes out a part and pays what was earned."""
        return plans.plan_remove(state, position, stake, interval, owner, deadline_at)

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        """Return one transaction that removes, collects and burns."""
        return plans.plan_close(state, position, interval, owner, deadline_at)

    def plan_collect(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return a collection of everything owed."""
        return plans.plan_collect(state, position, owner)
