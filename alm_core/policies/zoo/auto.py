"""Auto-like: recentres a range that was left if the new one pays for it soon, and adds fees once they pay for gas.

After ``AutoRange.execute`` and ``AutoCompound.execute`` of Revert Finance (``revert-finance/lend``): a position out of
range is closed, swapped and opened again at fixed distances from the current tick; uncollected fees are added to a
position. Both are sent by a bot that is paid a share of what it adds (``MAX_REWARD_X64``: 2 %) and therefore waits
until that share covers its gas (``isReady`` in ``revert-finance/compoundor-js``).

Simplified: that reward is not taken from us, only waited for; a range is moved if the fees expected from the new one
within :data:`PAYBACK` cover gas and swap, where the original's bot weighs its reward against gas; one position.
"""

from datetime import timedelta

from alm_core.model.decisions import DecisionKind, PositionClose
from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.market import Holdings, Position
from alm_core.policies.zoo.placing import Funds, Step, around, by_chain, funds_of, placed, target, tick_width
from alm_core.portfolio.costs import gas_lots, move_cost, shift_cost
from alm_core.portfolio.valuation import amounts_usd
from alm_core.portfolio.yields import PoolYield
from alm_core.shadow.rivals import RESET_HALF_WIDTH, HalfWidths, Rival, Seen

PAYBACK = timedelta(days=1)
REWARD_FRAC = 0.02
"""Share of added fees that must cover the gas of adding them."""


def auto_like(name: str, half_widths: HalfWidths = RESET_HALF_WIDTH) -> Rival:
    """Return the rival."""

    def rule(seen: Seen, held: Holdings) -> Step | str:
        funds = funds_of(seen, held)
        if funds is None:
            return "there is nothing to place"
        ticks = around(funds.state, tick_width(half_widths[seen.asset_class]))
        if not held.positions:
            return placed(held, [target(funds, ticks)], "")
        (position, *_) = held.positions
        if position.tick_lower <= funds.state.tick < position.tick_upper:
            return _compounded(seen, held, position, funds)
        paid = seen.yields.get(funds.state.pool.pool_id)
        if paid is None:
            return "what the pool pays is not known"
        states = [one for one in seen.snapshot.pools if one.pool.chain_id == held.block.chain_id]
        cost = shift_cost(seen.snapshot.chain(held.block.chain_id), states, seen.prices, funds.usd).total_usd
        if expected_usd(paid, funds.usd, half_widths[seen.asset_class]) < cost:
            return "a new range would not pay for itself in time"
        return placed(held, [target(funds, ticks)], "the price has left the range, and a new one pays for itself")

    return by_chain(name, rule)


def expected_usd(paid: PoolYield, usd: float, half_width: float) -> float:
    r"""Return the fees of a centred range within :data:`PAYBACK` while it holds the price.

    A range from :math:`P/r` to :math:`P r` with the value V has the liquidity of a full-range position worth
    :math:`V/(1 - 1/\sqrt r)` (Uniswap v3 whitepaper, 2.1).
    """
    full_range_usd = usd / (1.0 - (1.0 + half_width) ** -0.5)
    share = full_range_usd / (paid.active_usd + full_range_usd)
    return paid.fees_usd * share * PAYBACK.total_seconds() / SECONDS_PER_YEAR


def _compounded(seen: Seen, held: Holdings, position: Position, funds: Funds) -> Step | str:
    pool = funds.state.pool
    lots = gas_lots(pool, position.tick_lower, position.tick_upper)
    chain = seen.snapshot.chain(held.block.chain_id)
    states = [one for one in seen.snapshot.pools if one.pool.chain_id == held.block.chain_id]
    swapped_usd = amounts_usd(pool, position.fees0, position.fees1, seen.prices).total
    cost = move_cost(
        chain, states, seen.prices, closed=(), opened=(), added=lots, collected=lots, swapped_usd=swapped_usd
    )
    if swapped_usd * REWARD_FRAC < cost.gas_usd:
        return "the range holds the price, and fees do not pay for adding them yet"
    return Step(
        kind=DecisionKind.COMPOUND,
        reason="fees are added",
        opens=(target(funds, (position.tick_lower, position.tick_upper), token_id=position.token_id),),
        collects=(PositionClose.of(position, held.block.chain_id),),
    )
