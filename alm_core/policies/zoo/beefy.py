"""Beefy-like: a range around the price, and what does not fit into it as a one-sided range beside the price.

After ``StrategyPassiveManagerUniswap`` of Beefy's cowcentrated liquidity manager (``_setTicks``, ``_addLiquidity``,
``isCalm``, ``moveTicks``): the main range reaches ``positionWidth`` to both sides of the current tick, the other one
begins a tick spacing beside it on the side of the token there is more of; nothing is swapped; ticks move only while the
price is within ``maxTickDeviation`` (below four tick spacings) of the mean of the last ``twapInterval`` = 120 s.

Simplified: when to call ``moveTicks`` is decided by Beefy's bots, here once a range is six hours old (the contract's
``DURATION``) and the price half way to its end; the mean price is that of the exchanges' last two minutes; fees are
added when ticks move, not by harvests in between, and no performance fee is taken.
"""

from datetime import timedelta

from alm_core.math.orientation import price_at_sqrt_price_x96, price_at_tick
from alm_core.model.market import Holdings, PoolState
from alm_core.policies.zoo.placing import Step, above, around, below, by_chain, funds_of, placed, tick_width, unsold
from alm_core.shadow.rivals import RESET_HALF_WIDTH, HalfWidths, Rival, Seen

INTERVAL = timedelta(hours=6)
DEVIATION_FRAC = 0.5
"""Part of the way from the middle of the main range to its end from which on ticks are moved."""
TWAP_MINUTES = 2
MAX_TICK_DEVIATION_SPACINGS = 4


def beefy_like(name: str, half_widths: HalfWidths = RESET_HALF_WIDTH) -> Rival:
    """Return the rival; ``half_widths`` stands for ``positionWidth``."""

    def rule(seen: Seen, held: Holdings) -> Step | str:
        funds = funds_of(seen, held)
        if funds is None:
            return "there is nothing to place"
        width = tick_width(half_widths[seen.asset_class])
        if held.positions:
            if seen.last_moved_at is not None and seen.epoch.epoch_at - seen.last_moved_at < INTERVAL:
                return "the range is too young"
            main = max(held.positions, key=lambda one: one.tick_upper - one.tick_lower)
            middle, half = (main.tick_lower + main.tick_upper) / 2, (main.tick_upper - main.tick_lower) / 2
            if abs(funds.state.tick - middle) < DEVIATION_FRAC * half:
                return "the price is near the middle of the range"
        if not is_calm(seen, funds.state):
            return "the price is away from its recent mean"
        pool, tick = funds.state.pool, funds.state.tick
        spacing = pool.tick_spacing
        rest_below = below(pool, tick - spacing, width - spacing)
        rest_above = above(pool, tick, width - spacing)
        opens = unsold(funds, around(funds.state, width), rest_below, rest_above)
        return placed(held, opens, "the price has moved away from the middle of the range")

    return by_chain(name, rule)


def is_calm(seen: Seen, state: PoolState) -> bool:
    """Return whether a pool's price is near the mean of the last two minutes; without any minute it is not."""
    if seen.minutes is None or len(seen.minutes) == 0:
        return False
    mean = float(seen.minutes.close[-TWAP_MINUTES:].mean())
    most = MAX_TICK_DEVIATION_SPACINGS * state.pool.tick_spacing
    one = price_at_tick(state.pool, most) / price_at_tick(state.pool, 0)
    allowed = max(one, 1.0 / one)
    ratio = price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96) / mean
    return max(ratio, 1.0 / ratio) < allowed
