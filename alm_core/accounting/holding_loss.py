"""What positions lost against holding their tokens: the loss that a price which comes back does not give back."""

from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.model.market import MarketSnapshot, Position
from alm_core.portfolio.valuation import amounts_usd, prices_usd


def holding_loss_usd(before: MarketSnapshot, now: MarketSnapshot) -> float | None:
    r"""Return what positions lost between two snapshots against holding the amounts they began with, in USD.

    Parameters
    ----------
    before, now
        Two snapshots of a pair, the earlier one first.

    Returns
    -------
    float or None
        0 or more. ``None`` if USD per quote token is unknown. Positions that were opened, closed or changed in between,
        and those of a chain that was not read, are left out: as far as known.

    Notes
    -----
    :math:`\sum (x_0 - x_1) P + (y_0 - y_1)` over the amounts behind each liquidity, at the pool's own price :math:`P`
    of the later snapshot: the discrete form of loss versus rebalancing (Milionis et al. 2022), which does not depend on
    where the price goes but on how far it moves each time. Deposits, withdrawals and fees are not part of it.
    """
    if now.quote_usd is None:
        return None
    earlier = {(position.pool_id, position.token_id): position for position in _positions(before)}
    states = {state.pool.pool_id: state for state in now.pools}
    lost = 0.0
    for position in _positions(now):
        first = earlier.get((position.pool_id, position.token_id))
        state = states.get(position.pool_id)
        if first is None or state is None or first.liquidity != position.liquidity:
            continue
        prices = prices_usd(now, price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96))
        less0, less1 = first.amount0 - position.amount0, first.amount1 - position.amount1
        lost += amounts_usd(state.pool, less0, less1, prices).total
    return max(0.0, lost)


def _positions(snapshot: MarketSnapshot) -> tuple[Position, ...]:
    return tuple(position for holdings in snapshot.holdings for position in holdings.positions)
