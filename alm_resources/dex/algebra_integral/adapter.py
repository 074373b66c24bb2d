"""The family as an object."""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool
from alm_resources.dex.algebra_integral import abi
from alm_resources.dex.algebra_integral.layout import ALGEBRA_INTEGRAL
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter
from alm_resources.dex.uniswap_v3.oracle import WINDOW_S, twap_from


class AlgebraIntegralAdapter(UniswapV3Adapter):
    """Adapter of Algebra Integral, as deployed by Blackhole. The mean price is asked of the plugin in a second step."""

    layout = ALGEBRA_INTEGRAL

    def further_calls(self, pool: Pool, results: Sequence[CallResult]) -> tuple[Call, ...]:
        """Return the read of the plugin's tick cumulatives; nothing where the pool has no plugin."""
        place = [call.data for call in self.pool_calls(pool)].index(abi.PLUGIN.selector)
        plugin = _plugin(pool, results[place])
        return (abi.GET_TIMEPOINTS.call(plugin, [WINDOW_S, 0], may_fail=True),) if plugin else ()

    def read_pool(self, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
        """Decode the answers, without a mean price where nothing further was asked or the plugin keeps no oracle."""
        first = len(self.pool_calls(pool))
        state = super().read_pool(pool, results[:first], block)
        return replace(
            state, twap=next((twap_from(abi.GET_TIMEPOINTS, pool, further) for further in results[first:]), None)
        )


def _plugin(pool: Pool, result: CallResult) -> str | None:
    if not result.succeeded:
        return None
    try:
        address = str(abi.PLUGIN.answer(result.data, f"pool {pool.pool_id}")[0])
    except BadAnswer:
        # It will not read as a pool either, and is refused there.
        return None
    return address if int(address, 16) else None
