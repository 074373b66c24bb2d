"""The part of the swap fee that goes to the protocol, as ``slot0`` of each family packs it."""

from collections.abc import Mapping
from typing import Any

from alm_core.model.errors import PoolNotFound
from alm_core.model.pools import Pool
from alm_resources.dex.uniswap_v3.layout import SwapFees

_PANCAKE_DENOMINATOR = 10_000


def one_xth_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the fees of Uniswap V3 and Pangolin V3.

    ``feeProtocol`` is the x of 1/x in four bits per token, the lower for token0, zero for none
    (``UniswapV3Pool.setFeeProtocol``).

    Raises
    ------
    PoolNotFound
        If no pool of the family can hold such a value.
    """
    packed: int = values["packed_fee"]
    if packed > 0xFF:
        raise PoolNotFound(f"pool {pool.pool_id}: protocol fee {packed} is not one of {pool.family}")
    return _fees(pool, values, _one_xth(packed % 16), _one_xth(packed >> 4))


def pancake_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the fees of PancakeSwap V3.

    ``feeProtocol`` is 1/10,000ths in 16 bits per token (``PancakeV3Pool``, ``PROTOCOL_FEE_SP`` and
    ``PROTOCOL_FEE_DENOMINATOR``).

    Raises
    ------
    PoolNotFound
        If no pool of the family can hold such a value.
    """
    packed: int = values["packed_fee"]
    return _fees(pool, values, (packed % 2**16) / _PANCAKE_DENOMINATOR, (packed >> 16) / _PANCAKE_DENOMINATOR)


def _fees(pool: Pool, values: Mapping[str, Any], frac0: float, frac1: float) -> SwapFees:
    if max(frac0, frac1) >= 1:
        raise PoolNotFound(f"pool {pool.pool_id}: protocol fee {values['packed_fee']} leaves nothing to liquidity")
    return SwapFees(fee_pips=values["fee"], protocol_frac0=frac0, protocol_frac1=frac1)


def _one_xth(x: int) -> float:
    return 1 / x if x else 0.0
