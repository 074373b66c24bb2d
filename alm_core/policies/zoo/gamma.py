"""Gamma-like: a base range around the price and a narrow limit order of what is left, set anew at a threshold.

After ``Hypervisor.rebalance`` of Gamma Strategies (both positions are burned, the base is minted with all that fits,
the limit with the rest; no swap) and ``AutoRebal.autoRebalance`` (the limit begins a tick spacing below the price if
token1 is left over, at the next tick above it if token0 is). The threshold is that of Gamma's dynamic range:
"rebalances are automatically triggered by the price moving a certain percentage one way or another" (docs.gamma.xyz,
Dual Position Strategies).

Simplified: widths and threshold of a vault are set by Gamma off chain, here they are constants; fees are added when the
positions are set, not by ``compound`` in between, and a tenth of them is not taken as the vault's fee.
"""

from alm_core.model.market import Holdings
from alm_core.policies.zoo.placing import Step, above, around, below, by_chain, funds_of, placed, tick_width, unsold
from alm_core.shadow.rivals import HalfWidths, Rival, Seen

BASE_HALF_WIDTH: HalfWidths = {"stable": 0.002, "volatile": 0.1}
LIMIT_WIDTH: HalfWidths = {"stable": 0.0005, "volatile": 0.02}
THRESHOLD_FRAC = 0.5
"""Part of the way from the middle of the base to its end at which both are set anew."""


def gamma_like(name: str) -> Rival:
    """Return the rival."""

    def rule(seen: Seen, held: Holdings) -> Step | str:
        funds = funds_of(seen, held)
        if funds is None:
            return "there is nothing to place"
        pool, tick = funds.state.pool, funds.state.tick
        if held.positions:
            base = max(held.positions, key=lambda one: one.tick_upper - one.tick_lower)
            middle, half = (base.tick_lower + base.tick_upper) / 2, (base.tick_upper - base.tick_lower) / 2
            if abs(tick - middle) < THRESHOLD_FRAC * half:
                return "the price is within the threshold"
        limit, spacing = tick_width(LIMIT_WIDTH[seen.asset_class]), pool.tick_spacing
        opens = unsold(
            funds,
            around(funds.state, tick_width(BASE_HALF_WIDTH[seen.asset_class])),
            below(pool, tick - spacing, limit),
            above(pool, tick, limit),
        )
        return placed(held, opens, "the price has passed the threshold")

    return by_chain(name, rule)
