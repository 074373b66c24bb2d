"""The market as it would have been with our simulated positions in it, and without those that were really there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alm_core.model.backtest import PoolGrowth, SeenWorld, SimulatedBook
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolState
from alm_core.portfolio.yields import own_active_liquidity


def simulated_snapshot(recorded: MarketSnapshot, seen: SeenWorld) -> MarketSnapshot:
    """Return a recorded snapshot with simulated holdings in place of ours, and pools as they would be with those."""
    growths = {one.pool_id: one for one in seen.growths}
    pools = tuple(
        _with_growth(state, growths.get(state.pool.pool_id), recorded.holdings, seen.holdings)
        for state in recorded.pools
    )
    return replace(recorded, pools=pools, holdings=seen.holdings, in_transit=seen.in_transit)


def gone_pools(book: SimulatedBook, before: MarketSnapshot, now: MarketSnapshot) -> tuple[PoolState, ...]:
    """Return the last readings of pools that are not read any more, and whose tokens are held or placed there.

    ``before`` has the pools that were gone before.
    """
    read = {state.pool.pool_id for state in now.pools}
    tokens = {(one.chain_id, one.address) for state in now.pools for one in (state.pool.token0, state.pool.token1)}
    placed = {one.pool_id for held in book.holdings for one in held.positions}
    idle = {(held.block.chain_id, entry.address) for held in book.holdings for entry in held.balances if entry.amount}
    found: list[PoolState] = []
    for state in before.pools:
        pool = state.pool
        of = {(pool.chain_id, pool.token0.address), (pool.chain_id, pool.token1.address)}
        if pool.pool_id not in read and (pool.pool_id in placed or of & idle - tokens):
            found.append(state)
    return tuple(found)


def with_gone(snapshot: MarketSnapshot, gone: Sequence[PoolState]) -> MarketSnapshot:
    """Return a snapshot with pools that it has not read as they were when last read.

    Raises
    ------
    InvalidInput
        If their chain was not read either.
    """
    read = {state.pool.pool_id for state in snapshot.pools}
    blocks = {state.block.chain_id: state.block for state in snapshot.chains}
    kept: list[PoolState] = []
    for state in gone:
        if state.pool.pool_id in read:
            continue
        if state.pool.chain_id not in blocks:
            raise InvalidInput(f"chain {state.pool.chain_id} of {state.pool.pool_id} is not read any more")
        kept.append(replace(state, block=blocks[state.pool.chain_id]))
    return replace(snapshot, pools=(*snapshot.pools, *kept)) if kept else snapshot


def grown(
    growths: Sequence[PoolGrowth], after: MarketSnapshot, grown_x128: Mapping[str, tuple[int, int]]
) -> tuple[PoolGrowth, ...]:
    """Return simulated fee growth at ``after``.

    Parameters
    ----------
    growths
        Simulated growth so far, by pool.
    after
        The recorded snapshot. Pools that are new begin with the growth that was recorded; a pool that was not read at
        one of both keeps what it had.
    grown_x128
        By pool id, how much both fees grew since, with simulated liquidity in the pool
        (:func:`alm_core.simulation.earning.earnings_between`).
    """
    found = {one.pool_id: one for one in growths}
    for state in after.pools:
        pool_id = state.pool.pool_id
        started, more = found.get(pool_id), grown_x128.get(pool_id)
        if started is None:
            begun = _recorded(state)
            if begun is not None:
                found[pool_id] = begun
        elif more is not None:
            found[pool_id] = PoolGrowth(
                pool_id=pool_id,
                growth0_x128=(started.growth0_x128 + more[0]) % (1 << 256),
                growth1_x128=(started.growth1_x128 + more[1]) % (1 << 256),
            )
    return tuple(found[pool_id] for pool_id in sorted(found))


def begun_growths(snapshot: MarketSnapshot) -> tuple[PoolGrowth, ...]:
    """Return the growth that pools begin a backtest with: the recorded one."""
    found = [_recorded(state) for state in snapshot.pools]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.pool_id))


def _recorded(state: PoolState) -> PoolGrowth | None:
    if state.fee_growth_global0_x128 is None or state.fee_growth_global1_x128 is None:
        return None
    return PoolGrowth(
        pool_id=state.pool.pool_id,
        growth0_x128=state.fee_growth_global0_x128,
        growth1_x128=state.fee_growth_global1_x128,
    )


def _simulated(state: PoolState, recorded: Sequence[Holdings], simulated: Sequence[Holdings]) -> int:
    """Active liquidity with the simulated positions in place of those recorded."""
    return max(0, state.liquidity - own_active_liquidity(recorded, state)) + own_active_liquidity(simulated, state)


def _with_growth(
    state: PoolState, growth: PoolGrowth | None, recorded: Sequence[Holdings], simulated: Sequence[Holdings]
) -> PoolState:
    liquidity = _simulated(state, recorded, simulated)
    if growth is None:
        return replace(state, liquidity=liquidity)
    return replace(
        state,
        liquidity=liquidity,
        fee_growth_global0_x128=growth.growth0_x128,
        fee_growth_global1_x128=growth.growth1_x128,
    )
