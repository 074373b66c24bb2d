"""Fee growth per unit of liquidity, with the wrap-around arithmetic of ``Tick.sol`` and ``Position.sol``."""

from alm_core.math.tick import Q128, UINT256_MAX


def growth_delta(now_x128: int, before_x128: int) -> int:
    """Return the growth between two readings modulo 2^256: the counters wrap on purpose.

    Examples
    --------
    >>> growth_delta(5, (1 << 256) - 5)
    10
    """
    return (now_x128 - before_x128) & UINT256_MAX


def fee_growth_inside(
    tick: int,
    tick_lower: int,
    tick_upper: int,
    fee_growth_global_x128: int,
    outside_lower_x128: int,
    outside_upper_x128: int,
) -> int:
    """Return the fee growth of one token inside a range (``Tick.getFeeGrowthInside``), modulo 2^256.

    Parameters
    ----------
    tick, tick_lower, tick_upper
        Current tick of the pool as ``slot0`` reports it, and the bounds of the range.
    fee_growth_global_x128
        Growth of the whole pool since its creation.
    outside_lower_x128, outside_upper_x128
        ``feeGrowthOutside`` of the range's two ticks.
    """
    below = outside_lower_x128 if tick >= tick_lower else growth_delta(fee_growth_global_x128, outside_lower_x128)
    above = outside_upper_x128 if tick < tick_upper else growth_delta(fee_growth_global_x128, outside_upper_x128)
    return (fee_growth_global_x128 - below - above) & UINT256_MAX


def fees_owed(liquidity: int, inside_x128: int, inside_last_x128: int, tokens_owed: int = 0) -> int:
    """Return what is owed to ``liquidity`` since its last reading, added to what was owed already (128 bits).

    Examples
    --------
    >>> fees_owed(10**18, 3 << 127, 0, tokens_owed=7)
    1500000000000000007
    """
    accrued = growth_delta(inside_x128, inside_last_x128) * liquidity // Q128
    return (tokens_owed + accrued) % Q128
