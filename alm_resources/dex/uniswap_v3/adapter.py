"""Each family as one object; each method is a function of the modules beside it."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.dex_ports import Grant, LiquidityQuote, PriceInterval
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.dex.grants import erc20_grant
from alm_resources.dex.uniswap_v3 import plans, pools, positions, ticks
from alm_resources.dex.uniswap_v3.families import PANCAKE_V3, PANGOLIN_V3, UNISWAP_V3
from alm_resources.dex.uniswap_v3.layout import Layout


class UniswapV3Adapter:
    """Adapter of Uniswap V3. Satisfies :class:`alm_core.model.dex_ports.DexAdapter`; holds no state.

    Adapters of its forks differ in their layout only.
    """

    layout: ClassVar[Layout] = UNISWAP_V3

    @property
    def family(self) -> str:
        """Name in the registry."""
        return self.layout.family

    def parts(self, pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
        """Return the range itself: one mint opens any range."""
        plans.refuse_unusable(pool, tick_lower, tick_upper)
        return ((tick_lower, tick_upper),)

    def placing_grants(
        self, pool: Pool, owner: str, amount0: int, amount1: int, expires_at: datetime
    ) -> tuple[Grant, ...]:
        """Return exact approvals for the position manager."""
        amounts = ((pool.token0, amount0), (pool.token1, amount1))
        return tuple(erc20_grant(token, owner, pool.position_manager, amount) for token, amount in amounts if amount)

    def removing_grants(self, pool: Pool, owner: str) -> tuple[Grant, ...]:
        """Return nothing: the owner of a position may always remove it."""
        return ()

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        """Return the reads of one pool."""
        return pools.pool_calls(self.layout, pool)

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers; :class:`PoolNotFound` if it is not the pool of the registry."""
        return pools.read_pool(self.layout, pool, results, block)

    def tick_calls(self, state: PoolState) -> tuple[Call, ...]:
        """Return the reads of the ticks around the pool's price."""
        return ticks.tick_calls(self.layout, state)

    def with_ticks(self, state: PoolState, results: Sequence[CallResult]) -> PoolState:
        """Return the state with those of the ticks that are initialised."""
        return ticks.with_ticks(self.layout, state, results)

    def read_positions(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Read the owner's positions in these pools, true uncollected fees included."""
        return positions.read_positions(self.layout, chain, pools, owner, block)

    def quote_liquidity(
        self, state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int
    ) -> LiquidityQuote:
        """Return what a mint at the pinned price buys and uses."""
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
        """Return a mint whose minima hold anywhere in the interval."""
        return plans.plan_open(
            self.layout, state, tick_lower, tick_upper, amount0, amount1, interval, owner, deadline_at
        )

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
        """Return an increase of a position's liquidity whose minima hold anywhere in the interval."""
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
        """Return one transaction that takes out a part of the liquidity and collects everything owed."""
        return plans.plan_remove(state, position, stake, interval, owner, deadline_at)

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        """Return one transaction that removes, collects and burns."""
        return plans.plan_close(state, position, interval, owner, deadline_at)

    def plan_collect(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return a collect of everything owed."""
        return plans.plan_collect(state, position, owner)


class PancakeV3Adapter(UniswapV3Adapter):
    """Adapter of PancakeSwap V3."""

    layout = PANCAKE_V3


class PangolinV3Adapter(UniswapV3Adapter):
    """Adapter of Pangolin V3."""

    layout = PANGOLIN_V3
