"""What paper positions earn between two snapshots.

In a shadow's world our real positions are not in the pools and its paper ones are: the fees that were really paid are
shared by others' liquidity and the paper positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.orientation import range_bounds_at_ticks
from alm_core.math.tick import Q128, sqrt_price_x96_at_tick
from alm_core.model.candles import CandleSeries
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolState, Position
from alm_core.portfolio.flows import fee_growths
from alm_core.portfolio.valuation import Prices, amounts_usd
from alm_core.portfolio.yields import own_active_liquidity

Reading = tuple[PoolState, PoolState]
"""A pool at the epoch before and now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Holdings brought to a later snapshot, and the fees they earned on the way."""

    holdings: tuple[Holdings, ...]
    fees_usd: float


def carried(
    holdings: Sequence[Holdings],
    before: MarketSnapshot,
    after: MarketSnapshot,
    minutes: CandleSeries,
    prices: Prices,
) -> Carried:
    r"""Return paper holdings at a later snapshot.

    Parameters
    ----------
    holdings
        As they were at ``before``.
    before, after
        Readings of the pools.
    minutes
        Candles between them: they tell how long the price was in a range. Without any, the ticks at both ends do.
    prices
        USD at ``after``.

    Notes
    -----
    Fees of a position are :math:`f\,g L\,\ell/(A+\ell)` with the growth per unit of liquidity :math:`g`, the mean
    liquidity of the pool :math:`L` and of others in it :math:`A`, its own liquidity :math:`\ell`, and the share of
    minutes in range :math:`f`. Several paper positions in one pool do not dilute one another. In pools that keep no
    fee growth paper positions earn nothing: the shadow's result there is a lower bound.

    Raises
    ------
    InvalidInput
        If a pool that holds a position was not read at both.
    """
    brought: list[Holdings] = []
    fees_usd = 0.0
    for held in holdings:
        positions: list[Position] = []
        for position in held.positions:
            reading = _reading(position.pool_id, before, after)
            ours = sum(own_active_liquidity(*one) for one in zip((before, after), reading, strict=True)) // 2
            earned = _earned(position, reading, ours, minutes)
            fees_usd += amounts_usd(reading[1].pool, *earned, prices).total
            positions.append(marked(position, reading[1], earned))
        block = after.chain(held.block.chain_id).block
        brought.append(replace(held, block=block, positions=tuple(positions)))
    return Carried(holdings=tuple(brought), fees_usd=fees_usd)


def _reading(pool_id: str, before: MarketSnapshot, after: MarketSnapshot) -> Reading:
    try:
        return before.pool_state(pool_id), after.pool_state(pool_id)
    except KeyError as missing:
        raise InvalidInput(f"paper position: {missing.args[0]}") from missing


def _earned(position: Position, reading: Reading, ours: int, minutes: CandleSeries) -> tuple[int, int]:
    before, after = reading
    paid = (before.liquidity + after.liquidity) // 2
    if paid == 0:
        return 0, 0
    share = _in_range_frac(position, reading, minutes) * paid / (max(0, paid - ours) + position.liquidity)
    growths = fee_growths(before, after)
    if growths is None:
        # Fees of bins stay in the bins: amounts grow with them, and a paper position has no bins.
        return 0, 0
    fees0, fees1 = (int(growth * position.liquidity // Q128 * share) for growth in growths)
    return fees0, fees1


def _in_range_frac(position: Position, reading: Reading, minutes: CandleSeries) -> float:
    before, after = reading
    if len(minutes) == 0:
        ends = [position.tick_lower <= state.tick < position.tick_upper for state in (before, after)]
        return sum(ends) / 2
    lower, upper = range_bounds_at_ticks(after.pool, position.tick_lower, position.tick_upper)
    return float(np.mean((minutes.close >= lower) & (minutes.close < upper)))


def marked(position: Position, state: PoolState, earned: tuple[int, int] = (0, 0)) -> Position:
    """Return a position with the amounts it holds at a pool's price, and with fees added."""
    amount0, amount1 = amounts_for_liquidity(
        state.sqrt_price_x96,
        sqrt_price_x96_at_tick(position.tick_lower),
        sqrt_price_x96_at_tick(position.tick_upper),
        position.liquidity,
        round_up=False,
    )
    return replace(
        position,
        amount0=amount0,
        amount1=amount1,
        fees0=position.fees0 + earned[0],
        fees1=position.fees1 + earned[1],
    )
