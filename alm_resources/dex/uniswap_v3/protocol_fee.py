"""The part of the swap fee that goes to the protocol, as ``slot0`` of each family packs it."""

from alm_core.model.errors import PoolNotFound
from alm_core.model.pools import Pool

_PANCAKE_DENOMINATOR = 10_000


def protocol_fee_fracs(pool: Pool, packed: int) -> tuple[float, float]:
    """Return the protocol's parts of the fees on token0 and token1, each below 1.

    Parameters
    ----------
    pool
        Its family decides how to read the number.
    packed
        ``feeProtocol`` of ``slot0``. Uniswap V3 and Pangolin: the x of 1/x in four bits per token, the lower for
        token0, zero for none (``UniswapV3Pool.setFeeProtocol``). PancakeSwap V3: 1/10,000ths in 16 bits per token
        (``PancakeV3Pool``, ``PROTOCOL_FEE_SP`` and ``PROTOCOL_FEE_DENOMINATOR``).

    Raises
    ------
    PoolNotFound
        If no pool of the family can hold such a value.
    """
    if pool.family == "pancake_v3":
        fracs = (packed % 2**16) / _PANCAKE_DENOMINATOR, (packed >> 16) / _PANCAKE_DENOMINATOR
    else:
        fracs = _one_xth(packed % 16), _one_xth(packed >> 4)
        if packed > 0xFF:
            raise PoolNotFound(f"pool {pool.pool_id}: protocol fee {packed} is not one of {pool.family}")
    if max(fracs) >= 1:
        raise PoolNotFound(f"pool {pool.pool_id}: protocol fee {packed} leaves nothing to liquidity")
    return fracs


def _one_xth(x: int) -> float:
    return 1 / x if x else 0.0
