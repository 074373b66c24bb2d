"""Slipstream (Aerodrome, three deployments on Base): pools by tick spacing, part of whose liquidity is staked.

Fee growth is what liquidity that is not staked gets, per unit of it: staked liquidity's part of each fee goes to the
gauge, and ``unstakedFee`` of the rest (``CLPool.calculateFees``). A position in the wallet earns that growth.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alm_core.model.errors import PoolNotFound
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.slipstream import abi
from alm_resources.dex.uniswap_v3 import abi as v3
from alm_resources.dex.uniswap_v3.families import UNISWAP_V3
from alm_resources.dex.uniswap_v3.layout import Named, SwapFees, reverted_with, spacing_key, tokens_of

_PIPS = 1_000_000
_NO_NEW_POOL = 0


def pool_by_spacing(pool: Pool) -> tuple[ContractFunction, tuple[object, ...]]:
    """The factory has one pool for two tokens and a tick spacing."""
    return abi.GET_POOL, (*tokens_of(pool), pool.tick_spacing)


def _unstaked_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the fee of now and what of it a position that is not staked does not get."""
    frac = values["unstaked_fee"] / _PIPS
    if frac > 1:
        raise PoolNotFound(f"pool {pool.pool_id}: unstaked fee {values['unstaked_fee']} is more than all of the fee")
    return SwapFees(fee_pips=values["fee"], protocol_frac0=frac, protocol_frac1=frac)


SLIPSTREAM = replace(
    UNISWAP_V3,
    family="slipstream",
    slot=Named(abi.SLOT0, ("sqrt_price_x96", "tick", "_", "_", "_", "_"), exact=True),
    fee_reads=(Named(v3.FEE, ("fee",)), Named(abi.UNSTAKED_FEE, ("unstaked_fee",))),
    fees_from=_unstaked_fees,
    fee_in_key=False,
    find_pool=pool_by_spacing,
    key_words="tick spacing",
    pool_key=spacing_key,
    tick=Named(abi.TICKS, ("gross", "_", "_", "outside0", "outside1", "_", "_", "_", "_", "_")),
    stored=Named(abi.POSITIONS, UNISWAP_V3.stored.names),
    burned=reverted_with("ID"),
    mint=abi.MINT,
    # sqrtPriceX96: anything else asks for a new pool, and reverts where there is one.
    mint_tail=(_NO_NEW_POOL,),
)
"""Slipstream of Velodrome and Aerodrome; the interface of the pool is the same in all three deployments."""
