"""The family as one object; each method is a function of the modules beside it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.dex_ports import Grant, LiquidityQuote, PriceInterval
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.dex.grants import erc20_grant, permit2_grant
from alm_resources.dex.uniswap_v3.plans import quote_liquidity, refuse_unusable
from alm_resources.dex.uniswap_v4 import plans, pools, positions, ticks
from alm_resources.dex.uniswap_v4.layout import UNISWAP_V4, Layout, refuse
from alm_resources.dex.uniswap_v4.token_ids import Remembered, TokenIds

FIRST_BLOCKS = {
    (1, "0xbd216513d74c8cf14cf4747e6aaa6420ff64ee9e"): 21_688_329,
    (8453, "0x7c5f5a4bbd8fd63184577525326123b519429bdc"): 25_350_988,
}
"""Blocks of the pool managers of the same deployments (Uniswap/v4-subgraph): no position is older."""


class UniswapV4Adapter:
    """Adapter of Uniswap V4. Satisfies :class:`alm_core.model.dex_ports.DexAdapter`.

    What it remembers are token ids it has seen, which saves reading of logs and decides nothing.

    Parameters
    ----------
    allowed_hooks
        Addresses of hook contracts whose pools may be used; by default none.
    first_blocks
        Where the search for positions ends, by chain id and lower-case position manager.
    layout
        Of the family.
    remembered
        Tells token ids that a wallet was seen to hold.
    """

    def __init__(
        self,
        allowed_hooks: Iterable[str] = (),
        first_blocks: Mapping[tuple[int, str], int] = FIRST_BLOCKS,
        layout: Layout = UNISWAP_V4,
        remembered: Remembered | None = None,
    ) -> None:
        self._layout = layout
        self._hooks = frozenset(hook.lower() for hook in allowed_hooks)
        self._tokens = TokenIds(first_blocks, remembered)

    @property
    def family(self) -> str:
        """Name in the registry."""
        return self._layout.family

    def parts(self, pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
        """Return the range itself: one mint opens any range."""
        refuse(self._layout, pool, self._hooks)
        refuse_unusable(pool, tick_lower, tick_upper)
        return ((tick_lower, tick_upper),)

    def placing_grants(
        self, pool: Pool, owner: str, amount0: int, amount1: int, expires_at: datetime
    ) -> tuple[Grant, ...]:
        """Return exact approvals for Permit2, each with what Permit2 then lets the position manager pull."""
        refuse(self._layout, pool, self._hooks)
        permit2, manager = pool.contract("permit2"), pool.position_manager
        return tuple(
            grant
            for token, amount in ((pool.token0, amount0), (pool.token1, amount1))
            if amount
            for grant in (
                erc20_grant(token, owner, permit2, amount),
                permit2_grant(token, owner, permit2, manager, amount, expires_at),
            )
        )

    def removing_grants(self, pool: Pool, owner: str) -> tuple[Grant, ...]:
        """Return nothing: the owner of a position may always remove it."""
        return ()

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        """Return the reads of one pool."""
        return pools.pool_calls(self._layout, pool)

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers; :class:`PoolNotFound` if it is not the pool of the registry or not for us."""
        return pools.read_pool(self._layout, pool, results, block, self._hooks)

    def tick_calls(self, state: PoolState) -> tuple[Call, ...]:
        """Return the reads of the ticks around the pool's price."""
        return ticks.tick_calls(self._layout, state)

    def with_ticks(self, state: PoolState, results: Sequence[CallResult]) -> PoolState:
        """Return the state with those of the ticks that are initialised."""
        return ticks.with_ticks(self._layout, state, results)

    def read_positions(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Read the owner's positions in these pools, true uncollected fees included."""
        return positions.read_positions(self._layout, self._tokens, chain, pools, owner, block)

    def quote_liquidity(
        self, state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int
    ) -> LiquidityQuote:
        """Return what a mint at the pinned price buys and uses."""
        return quote_liquidity(state, tick_lower, tick_upper, amount0, amount1)

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
        refuse(self._layout, state.pool, self._hooks)
        bounds, amounts = (tick_lower, tick_upper), (amount0, amount1)
        return plans.plan_open(self._layout, state, bounds, amounts, interval, owner, deadline_at)

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
        """Return an increase of a position's liquidity; what it had earned is paid out first."""
        refuse(self._layout, state.pool, self._hooks)
        return plans.plan_add(state, position, (amount0, amount1), interval, owner, deadline_at)

    def plan_remove(
        self,
        state: PoolState,
        position: Position,
        stake: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Return one call that pays out the fees and takes out a part of the liquidity."""
        return plans.plan_remove(state, position, stake, interval, owner, deadline_at)

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        """Return one call that pays out the fees, removes and burns."""
        return plans.plan_close(state, position, interval, owner, deadline_at)

    def plan_collect(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return a collect of everything owed."""
        return plans.plan_collect(state, position, owner)
