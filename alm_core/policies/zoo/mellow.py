"""Mellow-like: a range of fixed width that follows the price only once it is left, no further than needed, unsold.

After ``PulseStrategyModule`` of Mellow's ALM toolkit, strategy type ``LazySyncing`` (``calculatePulsePosition``): the
first range is centred; a range that the price has left upwards is replaced by one of the same width that ends at the
tick below the price, one left downwards by one that begins at the tick above it. Both hold one token alone, the one
there is: nothing is sold.

Simplified: fees of the other token get a one-sided range of their own on the other side of the price (in the original
positions are staked, and rewards go to depositors instead); the price is the pool's, not an oracle's.
"""

from alm_core.model.market import Holdings
from alm_core.policies.zoo.placing import Step, above, around, below, by_chain, funds_of, placed, tick_width, unsold
from alm_core.shadow.rivals import RESET_HALF_WIDTH, HalfWidths, Rival, Seen


def mellow_like(name: str, half_widths: HalfWidths = RESET_HALF_WIDTH) -> Rival:
    """Return the rival; its range is twice ``half_widths`` wide."""

    def rule(seen: Seen, held: Holdings) -> Step | str:
        funds = funds_of(seen, held)
        if funds is None:
            return "there is nothing to place"
        pool, tick = funds.state.pool, funds.state.tick
        width = tick_width(half_widths[seen.asset_class])
        under, over = below(pool, tick, 2 * width), above(pool, tick, 2 * width)
        if not held.positions:
            return placed(held, unsold(funds, around(funds.state, width), under, over), "")
        main = max(held.positions, key=lambda one: one.amount0 * 1.0001**tick + one.amount1)
        wanted = under if tick >= main.tick_upper else over
        if main.tick_lower <= tick < main.tick_upper or wanted == (main.tick_lower, main.tick_upper):
            return "the range holds the price, or is the nearest to it"
        return placed(held, unsold(funds, wanted, under, over), "the price has left the range")

    return by_chain(name, rule)
