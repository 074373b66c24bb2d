"""Fee growth beyond the initialised ticks around a pool's price, as in :mod:`alm_resources.dex.uniswap_v3.ticks`."""

from collections.abc import Sequence

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.market import PoolState
from alm_resources.dex.uniswap_v3.ticks import ticks_around, with_growth
from alm_resources.dex.uniswap_v4.layout import Layout, pool_id


def tick_calls(layout: Layout, state: PoolState) -> tuple[Call, ...]:
    """Return the reads of the ticks around a pool's price."""
    view, identity = layout.view(state.pool), pool_id(state.pool)
    return tuple(layout.tick_info.call(view, identity, tick) for tick in ticks_around(state))


def with_ticks(layout: Layout, state: PoolState, results: Sequence[CallResult]) -> PoolState:
    """Return a state with the initialised ones of the ticks that :func:`tick_calls` reads.

    Raises
    ------
    BadAnswer
        If an answer is none.
    """
    told = [layout.tick_info.answer(result.data, f"pool {state.pool.pool_id}") for result in results]
    return with_growth(state, [(gross, outside0, outside1) for gross, _, outside0, outside1 in told])
