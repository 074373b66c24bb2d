"""The family as one object; each method is a function of the modules beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.dex_ports import Grant, LiquidityQuote, PriceInterval
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.dex.grants import erc20_grant
from alm_resources.dex.liquidity_book import abi, plans, pools, positions
from alm_resources.dex.liquidity_book.abi import Layout


@dataclass(frozen=True, slots=True)
class _Adapter:
    """What all versions have in common. Satisfies :class:`alm_core.model.dex_ports.DexAdapter`; holds no state."""

    layout: Layout

    @property
    def family(self) -> str:
        """Name in the registry."""
        return self.layout.family

    @property
    def collects_fees(self) -> bool:
        """Whether fees can be collected apart; otherwise they stay in the bins and ``plan_collect`` refuses."""
        return self.layout.fees_apart

    def parts(self, pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
        """Split a range into as few ranges as there are transactions that can open it."""
        return plans.parts(pool, tick_lower, tick_upper)

    def placing_grants(
        self, pool: Pool, owner: str, amount0: int, amount1: int, expires_at: datetime
    ) -> tuple[Grant, ...]:
        """Return exact approvals for the router."""
        amounts = ((pool.token0, amount0), (pool.token1, amount1))
        return tuple(erc20_grant(token, owner, pool.position_manager, amount) for token, amount in amounts if amount)

    def removing_grants(self, pool: Pool, owner: str) -> tuple[Grant, ...]:
        """Return the right of the router to burn the owner's bins: all of the pair's, there is no smaller one."""

        def approval(approved: bool) -> UnsignedTransaction:
            word = "let" if approved else "no longer let"
            return UnsignedTransaction(
                chain_id=pool.chain_id,
                sender=owner,
                to=pool.address,
                data="0x" + self.layout.approve_for_all.data(pool.position_manager, approved).hex(),
                value_wei=0,
                action=Action.APPROVE if approved else Action.APPROVE_RESET,
                summary=f"{word} {pool.position_manager} move bins of {pool.pool_id}",
                spender=pool.position_manager,
            )

        remaining = abi.IS_APPROVED_FOR_ALL.call(pool.address, owner, pool.position_manager)
        return (Grant(give=approval(True), revoke=approval(False), remaining=remaining),)

    def pool_calls(self, pool: Pool) -> tuple[Call, ...]:
        """Return the first reads of one pair."""
        return pools.pool_calls(self.layout, pool)

    def further_calls(self, pool: Pool, results: Sequence[CallResult]) -> tuple[Call, ...]:
        """Return the reads of the active bin, which the first answers tell, and of those around it."""
        return pools.further_calls(self.layout, pool, results)

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers, first and further; :class:`PoolNotFound` if it is not the pair of the registry."""
        return pools.read_pool(self.layout, pool, results, block)

    def read_positions(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Read the owner's position in each of these pairs."""
        return positions.read_positions(self.layout, chain, pools, owner, block)

    def quote_liquidity(
        self, state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int
    ) -> LiquidityQuote:
        """Return what a deposit at the pinned price buys and uses."""
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
        """Return a deposit over the bins of a range, which moves with the active bin within the interval."""
        return plans.plan_open(
            *(self.layout, state, tick_lower, tick_upper, amount0, amount1, interval, owner, deadline_at)
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
        """Return a deposit over the bins that the position has."""
        return plans.plan_add(self.layout, state, position, amount0, amount1, interval, owner, deadline_at)

    def plan_remove(
        self,
        state: PoolState,
        position: Position,
        stake: int,
        interval: PriceInterval,
        owner: str,
        deadline_at: datetime,
    ) -> UnsignedTransaction:
        """Return a withdrawal of a part of every bin."""
        return plans.plan_remove(self.layout, state, position, stake, interval, owner, deadline_at)

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        """Return a withdrawal of everything from as many bins as one transaction takes."""
        return plans.plan_close(self.layout, state, position, interval, owner, deadline_at)

    def plan_collect(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return a collection of fees; ``InvalidInput`` where they stay in the bins."""
        return plans.plan_collect(self.layout, state, position, owner)


class LiquidityBookAdapter(_Adapter):
    """Adapter of Liquidity Book 2.1 and 2.2: fees stay in the bins."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(abi.V21)


class LiquidityBookV20Adapter(_Adapter):
    """Adapter of Liquidity Book 2.0: fees lie beside the bins."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(abi.V20)
