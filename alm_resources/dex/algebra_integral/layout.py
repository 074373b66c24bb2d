"""Algebra Integral (Blackhole): pools of the factory itself and of custom deployers, with plugins."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.algebra_integral import abi
from alm_resources.dex.algebra_v1.layout import ALGEBRA_V1, community_frac, pair_pool
from alm_resources.dex.uniswap_v3.layout import Named, SwapFees, tokens_of

CUSTOM_DEPLOYER = "custom_deployer"
"""Role in :attr:`~alm_core.model.pools.Pool.contracts`; Blackhole has such a deployer for each tick spacing."""
_FACTORY_ITSELF = "0x" + "00" * 20


def _deployer(pool: Pool) -> str:
    return dict(pool.contracts).get(CUSTOM_DEPLOYER, _FACTORY_ITSELF)


def _deployer_key(pool: Pool) -> tuple[object, ...]:
    return (_deployer(pool),)


def _pool_of_deployer(pool: Pool) -> tuple[ContractFunction, tuple[object, ...]]:
    deployer = _deployer(pool)
    if deployer == _FACTORY_ITSELF:
        return pair_pool(pool)
    return abi.CUSTOM_POOL_BY_PAIR, (deployer, *tokens_of(pool))


def _plugin_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the fee that the plugin asks now, or the last one where it asks none (``AlgebraPool.fee``)."""
    community = community_frac(pool, values["community"])
    return SwapFees(fee_pips=values["fee"], protocol_frac0=community, protocol_frac1=community)


ALGEBRA_INTEGRAL = replace(
    ALGEBRA_V1,
    family="algebra_integral",
    slot=Named(abi.GLOBAL_STATE, ("sqrt_price_x96", "tick", "_", "_", "community", "_"), exact=True),
    fee_reads=(Named(abi.FEE, ("fee",)), Named(abi.PLUGIN, ("plugin",))),
    fees_from=_plugin_fees,
    find_pool=_pool_of_deployer,
    key_words="deployer",
    pool_key=_deployer_key,
    # The oracle is the plugin's, which differs from pool to pool and may be exchanged: the adapter asks in two steps.
    observe=None,
    tick=Named(abi.TICKS, ("gross", "_", "_", "_", "outside0", "outside1")),
    joint=Named(abi.POOL_POSITIONS, ("liquidity", "inside0", "inside1", "owed0", "owed1")),
    stored=Named(
        abi.POSITIONS,
        (
            *("_", "_", "token0", "token1", "key", "tick_lower", "tick_upper"),
            *("liquidity", "inside0", "inside1", "owed0", "owed1"),
        ),
    ),
    mint=abi.MINT,
)
"""integral-core 1.2, integral-periphery 1.2."""
