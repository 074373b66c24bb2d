"""Fee growth beyond the initialised ticks around a pool's price, which tells between which ticks fees were paid."""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.math.tick import MAX_TICK, MIN_TICK
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.market import PoolState, TickGrowth
from alm_resources.dex.uniswap_v3.layout import Layout

SPACINGS_EACH_SIDE = 24
"""How far from the price ticks are read: those of two pools fit into one request of 100 calls."""


def ticks_around(state: PoolState) -> range:
    """Return the ticks around the price at which positions may begin or end, ascending."""
    spacing = state.pool.tick_spacing
    place = state.tick // spacing
    lowest = max(place - SPACINGS_EACH_SIDE, -(-MIN_TICK // spacing))
    highest = min(place + 1 + SPACINGS_EACH_SIDE, MAX_TICK // spacing)
    return range(lowest * spacing, highest * spacing + 1, spacing)


def tick_calls(layout: Layout, state: PoolState) -> tuple[Call, ...]:
    """Return the reads of the ticks around a pool's price."""
    return tuple(layout.tick.read.call(state.pool.address, tick) for tick in ticks_around(state))


def with_ticks(layout: Layout, state: PoolState, results: Sequence[CallResult]) -> PoolState:
    """Return a state with the initialised ones of the ticks that :func:`tick_calls` reads.

    Raises
    ------
    BadAnswer
        If an answer is none.
    """
    source, read = f"pool {state.pool.pool_id}", layout.tick
    told = [read.values(result.data, source) for result in results]
    return with_growth(state, [(one["gross"], one["outside0"], one["outside1"]) for one in told])


def with_growth(state: PoolState, told: Sequence[tuple[int, int, int]]) -> PoolState:
    """Return a state with the initialised ones of the ticks around its price.

    Parameters
    ----------
    state
        As it was read.
    told
        Of each of :func:`ticks_around`: liquidity that begins or ends there, and fee growth outside on both tokens.
    """
    found = [
        TickGrowth(tick=tick, liquidity_gross=gross, growth0_outside_x128=outside0, growth1_outside_x128=outside1)
        for tick, (gross, outside0, outside1) in zip(ticks_around(state), told, strict=True)
        if gross
    ]
    return replace(state, ticks=tuple(found))
