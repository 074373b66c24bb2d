"""Fees that stay in the bins of a position: what a swap cannot explain of the growth of its amounts."""

from alm_core.math.bin_shares import bin_liquidity
from alm_core.math.bins import price_at_bin
from alm_core.model.market import MarketSnapshot, Position
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices, amounts_usd


def bin_fees_usd(now: MarketSnapshot, pool: Pool, was: Position, is_: Position, prices: Prices) -> float:
    r"""Return the fees that stayed in a position's bins between two readings, in USD.

    Parameters
    ----------
    now
        Snapshot of the later reading: it tells the order of the pair's tokens.
    pool
        Of the position.
    was, is_
        The position at both.
    prices
        USD at the later reading.

    Returns
    -------
    float
        0 for a position without bins, and where its shares changed: then the growth is not told apart.

    Notes
    -----
    Within a bin a swap keeps :math:`p x + y` at the bin's price :math:`p` (joe-v2, ``BinHelper.getLiquidity``) but for
    the fee, which is added to the reserves; the growth of that sum for the same shares is the fee, in units of Y.
    """
    state = next((state for state in now.pools if state.pool.pool_id == pool.pool_id), None)
    if pool.bin_step is None or not is_.bins or state is None or state.active_bin is None:
        return 0.0
    if {one.bin_id: one.shares for one in was.bins} != {one.bin_id: one.shares for one in is_.bins}:
        return 0.0
    of_x = state.active_bin.token0_is_x
    before, after = (_liquidity_x128(position, pool.bin_step, token0_is_x=of_x) for position in (was, is_))
    grown = max(0, after - before) >> 128
    return amounts_usd(pool, *((0, grown) if of_x else (grown, 0)), prices).total


def _liquidity_x128(position: Position, bin_step: int, *, token0_is_x: bool) -> int:
    amounts = [(one.bin_id, one.amount0, one.amount1) for one in position.bins]
    return sum(
        bin_liquidity((first, second) if token0_is_x else (second, first), price_at_bin(bin_id, bin_step))
        for bin_id, first, second in amounts
    )
