"""What a deposit or a withdrawal moves at least, wherever in an interval of prices the active bin is."""

from collections.abc import Sequence
from fractions import Fraction

from alm_core.math.bin_ranges import place_at_sqrt_price_x96, place_at_tick, place_of_bin
from alm_core.math.bin_spread import BinSpread
from alm_core.math.bins import sqrt_price_x128
from alm_core.math.tick import tick_at_sqrt_price_x96
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ActiveBin, BinShare, PoolState
from alm_core.model.pools import Pool
from alm_resources.dex.liquidity_book.abi import Layout

_SLACK_PPM = 1
_PIPS = 1_000_000


def token_id_of(pool: Pool) -> int:
    """Return the id of the one position that a wallet has in a pair: the pair's address as a number."""
    return int(pool.address, 16)


def bin_step_of(pool: Pool) -> int:
    """Return the bin step; ``InvalidInput`` if the pool has none."""
    if pool.bin_step is None:
        raise InvalidInput(f"pool {pool.pool_id} of {pool.family} has no bin step")
    return pool.bin_step


def active_bin(state: PoolState) -> ActiveBin:
    """Return the active bin; ``InvalidInput`` if the state is not one of a pair."""
    if state.active_bin is None:
        raise InvalidInput(f"the state of pool {state.pool.pool_id} has no active bin")
    return state.active_bin


def placing_minimums(layout: Layout, active: ActiveBin, spread: BinSpread) -> tuple[int, int]:
    """Return what the pair takes at least, wherever in the slippage of ids its active bin is.

    It takes all but the rounding of each bin, as parts go with the active bin. 2.0 counts what it takes without the
    fee for another composition, which swaps may have made of the active bin meanwhile.
    """
    fee = Fraction(active.most_fee_pips, _PIPS)
    minima: list[int] = []
    for amount, side in ((spread.amount0, 0), (spread.amount1, 1)):
        rounding = amount * _SLACK_PPM // _PIPS + 2 * len(spread.bin_ids)
        lost = 0
        if layout.fees_apart and active.bin_id in spread.bin_ids:
            in_active = spread.amounts_in(spread.bin_ids.index(active.bin_id))[side]
            lost = int(in_active * fee * (1 + fee)) + 1
        minima.append(max(amount - rounding - lost, 0))
    return minima[0], minima[1]


def removing_minimums(
    state: PoolState, burned: Sequence[tuple[BinShare, int]], interval: PriceInterval
) -> tuple[int, int]:
    """Return what burning pays at least while the active bin is one that the interval touches.

    Bins above them hold token0 alone, bins below token1; those between may hold either. Deposits and withdrawals of
    others round a share's worth by less than the slack.
    """
    order = active_bin(state).token0_is_x
    lowest, highest = places_of_interval(state, interval)
    minimum0 = minimum1 = 0
    for share, shares in burned:
        place = place_of_bin(share.bin_id, token0_is_x=order)
        if place > highest:
            minimum0 += share.amount0 * shares // share.shares
        elif place < lowest:
            minimum1 += share.amount1 * shares // share.shares
    return _with_slack(minimum0, len(burned)), _with_slack(minimum1, len(burned))


def pays_anywhere(state: PoolState, share: BinShare, burned: int, interval: PriceInterval) -> bool:
    """Whether burning shares of a bin pays something wherever in the interval the active bin is.

    A bin that swaps may cross holds either token: a unit of one may be less than a unit of the other.
    """
    order = active_bin(state).token0_is_x
    amount0, amount1 = (amount * burned // share.shares for amount in (share.amount0, share.amount1))
    lowest, highest = places_of_interval(state, interval)
    if not lowest <= place_of_bin(share.bin_id, token0_is_x=order) <= highest:
        return amount0 > 0 or amount1 > 0
    root = sqrt_price_x128(share.bin_id, bin_step_of(state.pool), token0_is_x=order)
    return amount0 + (amount1 << 256) // (root * root) > 0 and amount1 + (amount0 * root * root >> 256) > 0


def _with_slack(amount: int, bins: int) -> int:
    return max(amount - amount * _SLACK_PPM // _PIPS - 2 * bins, 0)


def places_of_interval(state: PoolState, interval: PriceInterval) -> tuple[int, int]:
    """Return the lowest and highest place that the active bin may have in an interval around the pinned price.

    Edges are told in whole ticks, the pair's own are not: beside an edge a price is in one bin by the ticks and in the
    next by the pair. Both count.
    """
    active = active_bin(state)
    own = place_of_bin(active.bin_id, token0_is_x=active.token0_is_x)
    step = bin_step_of(state.pool)
    ends = [
        place
        for end in (interval.sqrt_lower_x96, interval.sqrt_upper_x96)
        for place in (place_at_tick(step, tick_at_sqrt_price_x96(end)), place_at_sqrt_price_x96(step, end))
    ]
    return min(own, *ends), max(own, *ends)
