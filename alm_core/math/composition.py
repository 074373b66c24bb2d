"""The price at which a range of ticks has the ratio of tokens that a pool takes for it."""

from fractions import Fraction

from alm_core.math.bin_ranges import edge_tick, place_of_bin
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.market import PoolState


def ratio_sqrt_price_x96(state: PoolState) -> int:
    r"""Return the square-root price that tells the ratio of a range around the price.

    Notes
    -----
    That is the pool's price where liquidity is continuous. In a pool of bins the price is the active bin's, whatever
    the bin holds, and a deposit has to have the bin's composition. A V3 range from :math:`\sqrt{P_a}` to
    :math:`\sqrt{P_b}`, the edges of the bin, holds a part :math:`f` of the token1 that it can hold at
    :math:`\sqrt{P_a} + f (\sqrt{P_b} - \sqrt{P_a})`; there it has the bin's composition but for terms of the order of
    the bin step. An empty bin is given both in equal value.
    """
    active, step = state.active_bin, state.pool.bin_step
    if active is None or step is None:
        return state.sqrt_price_x96
    place = place_of_bin(active.bin_id, token0_is_x=active.token0_is_x)
    lower, upper = (sqrt_price_x96_at_tick(edge_tick(step, one)) for one in (place, place + 1))
    value0 = active.reserve0 * Fraction(state.sqrt_price_x96, Q96) ** 2
    whole = value0 + active.reserve1
    part1 = active.reserve1 / whole if whole else Fraction(1, 2)
    return lower + int(part1 * (upper - lower))
