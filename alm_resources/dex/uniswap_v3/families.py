"""Uniswap V3 itself and the forks that keep its functions: PancakeSwap V3, Pangolin V3."""

from dataclasses import replace

from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.uniswap_v3 import abi
from alm_resources.dex.uniswap_v3.layout import (
    Layout,
    Named,
    factory_proof,
    fee_key,
    hashed_joint_key,
    reverted_with,
    tokens_of,
)
from alm_resources.dex.uniswap_v3.protocol_fee import one_xth_fees, pancake_fees


def _pool_by_fee(pool: Pool) -> tuple[ContractFunction, tuple[object, ...]]:
    return abi.GET_POOL, (*tokens_of(pool), pool.fee_pips)


UNISWAP_V3 = Layout(
    family="uniswap_v3",
    slot=Named(abi.SLOT0, ("sqrt_price_x96", "tick", "_", "_", "_", "packed_fee", "_"), exact=True),
    fee_reads=(Named(abi.FEE, ("fee",)),),
    fees_from=one_xth_fees,
    fee_in_key=True,
    growths=(abi.FEE_GROWTH_GLOBAL0, abi.FEE_GROWTH_GLOBAL1),
    find_pool=_pool_by_fee,
    key_words="fee",
    pool_key=fee_key,
    proofs=factory_proof,
    observe=abi.OBSERVE,
    tick=Named(abi.TICKS, ("gross", "_", "outside0", "outside1", "_", "_", "_", "_")),
    joint=Named(abi.POOL_POSITIONS, ("liquidity", "inside0", "inside1", "owed0", "owed1")),
    joint_key=hashed_joint_key,
    stored=Named(
        abi.POSITIONS,
        (
            *("_", "_", "token0", "token1", "key", "tick_lower", "tick_upper"),
            *("liquidity", "inside0", "inside1", "owed0", "owed1"),
        ),
    ),
    burned=reverted_with("Invalid token ID"),
    mint=abi.MINT,
)
"""v3-core 1.0.1, v3-periphery 1.4.4; Project X has the same functions."""
PANCAKE_V3 = replace(UNISWAP_V3, family="pancake_v3", fees_from=pancake_fees)
"""PancakeSwap V3: the protocol fee of ``slot0`` is 32 bits."""
PANGOLIN_V3 = replace(
    UNISWAP_V3,
    family="pangolin_v3",
    observe=abi.PANGOLIN_OBSERVE,
    tick=Named(abi.PANGOLIN_TICKS, (*UNISWAP_V3.tick.names, "_")),
)
"""Pangolin V3 ("Elixir"): other fee tiers, and rewards per liquidity at the end of ticks and observations."""
