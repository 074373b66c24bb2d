"""The market as it would have been with our simulated positions in it, and without those that were really there."""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.math.fee_growth import growth_delta
from alm_core.math.tick import Q128
from alm_core.model.backtest import PoolGrowth, SeenWorld
from alm_core.model.market import Holdings, InTransit, MarketSnapshot, PoolState
from alm_core.portfolio.flows import fee_growths
from alm_core.portfolio.yields import own_active_liquidity


def simulated_snapshot(recorded: MarketSnapshot, seen: SeenWorld) -> MarketSnapshot:
    """Return a recorded snapshot with simulated holdings in place of ours, and pools as they would be with those."""
    growths = {one.pool_id: one for one in seen.growths}
    world = replace(recorded, holdings=seen.holdings, in_transit=seen.in_transit)
    pools = tuple(_with_growth(state, growths.get(state.pool.pool_id), recorded, world) for state in recorded.pools)
    return replace(world, pools=pools)


def grown(
    growths: Sequence[PoolGrowth],
    before: MarketSnapshot,
    after: MarketSnapshot,
    held: Sequence[Holdings],
    transit: Sequence[InTransit] = (),
) -> tuple[PoolGrowth, ...]:
    """Return simulated fee growth at ``after``: recorded fees shared by others' liquidity and the simulated one.

    Pools begin with the growth that was recorded; a pool that was not read at one of both keeps what it had.
    """
    known = {one.pool_id: one for one in growths}
    world_before = replace(before, holdings=tuple(held), in_transit=tuple(transit))
    world_after = replace(after, holdings=tuple(held), in_transit=tuple(transit))
    earlier = {state.pool.pool_id: state for state in before.pools}
    found = dict(known)
    for state in after.pools:
        pool_id = state.pool.pool_id
        first = earlier.get(pool_id)
        started = known.get(pool_id)
        if first is None or started is None:
            begun = _recorded(state)
            if begun is not None and started is None:
                found[pool_id] = begun
            continue
        deltas = fee_growths(first, state)
        if deltas is None:
            continue
        paid = (first.liquidity + state.liquidity) // 2
        shared = (_simulated(first, before, world_before) + _simulated(state, after, world_after)) // 2
        scaled = [delta * paid // shared if shared and paid else delta for delta in deltas]
        found[pool_id] = PoolGrowth(
            pool_id=pool_id,
            growth0_x128=(started.growth0_x128 + scaled[0]) % (1 << 256),
            growth1_x128=(started.growth1_x128 + scaled[1]) % (1 << 256),
        )
    return tuple(found[pool_id] for pool_id in sorted(found))


def begun_growths(snapshot: MarketSnapshot) -> tuple[PoolGrowth, ...]:
    """Return the growth that pools begin a backtest with: the recorded one."""
    found = [_recorded(state) for state in snapshot.pools]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.pool_id))


def earned_of(before: PoolGrowth, after: PoolGrowth, liquidity: int) -> tuple[int, int]:
    """Return what liquidity that was always in range earned between two growths, raw units, rounded down."""
    growths = (before.growth0_x128, after.growth0_x128), (before.growth1_x128, after.growth1_x128)
    fees0, fees1 = (growth_delta(now, then) * liquidity // Q128 for then, now in growths)
    return fees0, fees1


def _recorded(state: PoolState) -> PoolGrowth | None:
    if state.fee_growth_global0_x128 is None or state.fee_growth_global1_x128 is None:
        return None
    return PoolGrowth(
        pool_id=state.pool.pool_id,
        growth0_x128=state.fee_growth_global0_x128,
        growth1_x128=state.fee_growth_global1_x128,
    )


def _simulated(state: PoolState, recorded: MarketSnapshot, world: MarketSnapshot) -> int:
    """Active liquidity with the simulated positions in place of those recorded."""
    return max(0, state.liquidity - own_active_liquidity(recorded, state)) + own_active_liquidity(world, state)


def _with_growth(
    state: PoolState, growth: PoolGrowth | None, recorded: MarketSnapshot, world: MarketSnapshot
) -> PoolState:
    liquidity = _simulated(state, recorded, world)
    if growth is None:
        return replace(state, liquidity=liquidity)
    return replace(
        state,
        liquidity=liquidity,
        fee_growth_global0_x128=growth.growth0_x128,
        fee_growth_global1_x128=growth.growth1_x128,
    )
