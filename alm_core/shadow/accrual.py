"""What paper positions earn between two snapshots.

In a shadow's world our real positions are not in the pools and its paper ones are: the fees that were really paid are
shared by others' liquidity and the paper positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alm_core.model.candles import CandleSeries
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.portfolio.valuation import Prices, amounts_usd
from alm_core.simulation.earning import earnings_between
from alm_core.simulation.paper_wallet import marked


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
    """Return paper holdings at a later snapshot.

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
    Fees are those of :func:`alm_core.simulation.earning.earnings_between`; rewards are not counted: a shadow's result
    is a lower bound where there are any.

    Raises
    ------
    InvalidInput
        If a pool that holds a position was not read at both.
    """
    earned = earnings_between(holdings, before, after, minutes, prices)
    brought: list[Holdings] = []
    fees_usd = 0.0
    for held in holdings:
        positions = list(held.positions)
        for number, position in enumerate(positions):
            state = after.pool_state(position.pool_id)
            got = earned.positions[position.pool_id, position.token_id]
            as_it_was = marked(position, state)
            grown = replace(position, liquidity=position.liquidity + got.added_liquidity)
            positions[number] = marked(grown, state, (got.fees0, got.fees1))
            fees_usd += amounts_usd(
                state.pool,
                got.fees0 + positions[number].amount0 - as_it_was.amount0,
                got.fees1 + positions[number].amount1 - as_it_was.amount1,
                prices,
            ).total
        block = after.chain(held.block.chain_id).block
        brought.append(replace(held, block=block, positions=tuple(positions)))
    return Carried(holdings=tuple(brought), fees_usd=fees_usd)
