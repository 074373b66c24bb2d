"""Algebra v1 (QuickSwap V3) and its version with a fee for each direction (Camelot V3)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alm_core.model.errors import PoolNotFound
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.algebra_v1 import abi
from alm_resources.dex.uniswap_v3.families import UNISWAP_V3
from alm_resources.dex.uniswap_v3.layout import Named, SwapFees, no_key, tokens_of

_COMMUNITY_DENOMINATOR = 1_000


def packed_joint_key(pool: Pool, token_id: int, tick_lower: int, tick_upper: int) -> bytes:
    """Key of a position in the pool: owner and both ticks side by side (``PositionKey.compute`` of the periphery)."""
    owner = int(pool.position_manager, 16)
    return ((owner << 48) | (tick_lower % 2**24 << 24) | tick_upper % 2**24).to_bytes(32, "big")


def pair_pool(pool: Pool) -> tuple[ContractFunction, tuple[object, ...]]:
    """The factory has one pool for two tokens."""
    return abi.POOL_BY_PAIR, tokens_of(pool)


def community_frac(pool: Pool, community_fee: int) -> float:
    """Return the part of the fee that goes to the community, from 1/1,000ths (``COMMUNITY_FEE_DENOMINATOR``).

    Raises
    ------
    PoolNotFound
        If it is more than all.
    """
    if community_fee > _COMMUNITY_DENOMINATOR:
        raise PoolNotFound(f"pool {pool.pool_id}: community fee {community_fee} is more than all of the fee")
    return community_fee / _COMMUNITY_DENOMINATOR


def _dynamic_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the fee of now; the contract moves it with volatility, when something first happens in a block."""
    return SwapFees(
        fee_pips=values["fee"],
        protocol_frac0=community_frac(pool, values["community0"]),
        protocol_frac1=community_frac(pool, values["community1"]),
    )


def _directional_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the mean of both directions' fees, rounded down.

    A swap of token0 for token1 pays ``feeZto``, the other way ``feeOtz``. Volume goes both ways about equally as long
    as the price stays, so liquidity earns the mean.
    """
    return _dynamic_fees(pool, {**values, "fee": (values["fee_zto"] + values["fee_otz"]) // 2})


ALGEBRA_V1 = replace(
    UNISWAP_V3,
    family="algebra_v1",
    slot=Named(abi.GLOBAL_STATE, ("sqrt_price_x96", "tick", "fee", "_", "community0", "community1", "_"), exact=True),
    fee_reads=(),
    fees_from=_dynamic_fees,
    fee_in_key=False,
    growths=(abi.TOTAL_FEE_GROWTH0, abi.TOTAL_FEE_GROWTH1),
    find_pool=pair_pool,
    key_words="",
    pool_key=no_key,
    observe=abi.GET_TIMEPOINTS,
    joint=Named(abi.POOL_POSITIONS, ("liquidity", "_", "inside0", "inside1", "owed0", "owed1")),
    joint_key=packed_joint_key,
    stored=Named(
        abi.POSITIONS,
        (
            *("_", "_", "token0", "token1", "tick_lower", "tick_upper"),
            *("liquidity", "inside0", "inside1", "owed0", "owed1"),
        ),
    ),
    mint=abi.MINT,
)
"""v1-core 1.0.0, periphery 1.0.0: no fee in the key, a fee that moves, ticks as those of Uniswap V3."""
CAMELOT_V3 = replace(
    ALGEBRA_V1,
    family="camelot_v3",
    slot=Named(
        abi.DIRECTIONAL_GLOBAL_STATE,
        ("sqrt_price_x96", "tick", "fee_zto", "fee_otz", "_", "community0", "community1", "_"),
        exact=True,
    ),
    fees_from=_directional_fees,
)
"""Algebra 1.9 with a fee for each direction."""
