"""What pools pay to their active liquidity, measured from fee growth, and what a position of ours would get of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.market import Holdings, MarketSnapshot, PoolMarket, PoolState
from alm_core.portfolio.fee_window import FeeWindow, Taken
from alm_core.portfolio.valuation import Prices, amounts_usd, full_range_usd, prices_usd

SECONDS_PER_DAY = 86_400
FLOOR_ACTIVE_USD = 1.0
"""A pool without others' liquidity would pay its first dollar an infinite rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolYield:
    """Fees of a pool and the liquidity they are shared by.

    Parameters
    ----------
    fees_usd
        Fees to active liquidity, per year; zero where positions are staked and earn rewards in their place.
    active_usd
        Full-range value of the active liquidity of others (:func:`full_range_usd`).
    source
        ``fee_growth``: measured on chain. ``volume_24h``: an estimate from a data service's volume, used only while
        there is no growth history.
    window_s
        Length of the measurement.
    rewards_usd
        Rewards to active liquidity, per year, shared as fees are, before any haircut; ``None`` where nobody knows them.
    """

    pool_id: str
    fees_usd: float
    active_usd: float
    source: Literal["fee_growth", "volume_24h"]
    window_s: float
    rewards_usd: float | None = None

    @property
    def full_range_apr(self) -> float:
        """Gross yearly yield of a small full-range position."""
        return self.fees_usd / self.active_usd


def pool_yields(
    snapshot: MarketSnapshot,
    past_snapshots: Sequence[MarketSnapshot],
    price: float,
    window_epochs: int,
    window: FeeWindow | None = None,
) -> dict[str, PoolYield]:
    """Return the yield of every pool that has one, by pool id.

    A pool whose fees nobody knows is left out, and one that pays rewards in place of fees if nobody knows what they are
    worth; one without active liquidity earns nothing now, whatever it earned.

    Parameters
    ----------
    snapshot
        The epoch's snapshot.
    past_snapshots
        Earlier snapshots of the pair, oldest first.
    price
        Quote per base.
    window_epochs
        How many past snapshots count.
    window
        Of one who asks at every epoch: it remembers what the snapshots told before.

    Raises
    ------
    InvalidInput
        If USD per quote token is unknown.
    """
    prices = prices_usd(snapshot, price)
    markets = {market.pool_id: market for market in snapshot.markets}
    taken = (window or FeeWindow()).taken(past_snapshots[-window_epochs:], snapshot.pools)
    yields: dict[str, PoolYield] = {}
    for state in snapshot.pools:
        market = markets.get(state.pool.pool_id)
        found = _measured(state, taken[state.pool.pool_id], prices, market)
        if found is None or _unpriced_stake(market):
            continue
        fees_usd, window_s, source = found
        replaced = market is not None and market.rewards_replace_fees
        others = max(0, state.liquidity - own_active_liquidity(snapshot.holdings, state))
        yields[state.pool.pool_id] = PoolYield(
            pool_id=state.pool.pool_id,
            fees_usd=0.0 if replaced else fees_usd,
            active_usd=max(FLOOR_ACTIVE_USD, full_range_usd(state, others, prices)),
            source=source,
            window_s=window_s,
            rewards_usd=_rewards_usd(state, market, prices),
        )
    return yields


def own_active_liquidity(held: Sequence[Holdings], state: PoolState) -> int:
    """Return our own liquidity in a pool that is in range now."""
    return sum(
        position.liquidity
        for holdings in held
        for position in holdings.positions
        if position.pool_id == state.pool.pool_id and position.tick_lower <= state.tick < position.tick_upper
    )


def _unpriced_stake(market: PoolMarket | None) -> bool:
    return market is not None and market.rewards_replace_fees and market.rewards_apr is None


def _measured(
    state: PoolState, taken: Taken, prices: Prices, market: PoolMarket | None
) -> tuple[float, float, Literal["fee_growth", "volume_24h"]] | None:
    if state.liquidity == 0:
        return 0.0, 0.0, "fee_growth"
    return _grown(state, taken, prices) or _estimated(state, market)


def _grown(state: PoolState, taken: Taken, prices: Prices) -> tuple[float, float, Literal["fee_growth"]] | None:
    """Fees per year from the flows between consecutive readings."""
    if taken.seconds <= 0 or taken.fees is None:
        return None
    grown = amounts_usd(state.pool, *taken.fees, prices).total
    return grown * SECONDS_PER_YEAR / taken.seconds, taken.seconds, "fee_growth"


def _estimated(state: PoolState, market: PoolMarket | None) -> tuple[float, float, Literal["volume_24h"]] | None:
    if market is None or market.volume_24h_usd is None:
        return None
    fees_per_day = market.volume_24h_usd * state.fee_pips / 1e6
    return fees_per_day * SECONDS_PER_YEAR / SECONDS_PER_DAY, float(SECONDS_PER_DAY), "volume_24h"


def _rewards_usd(state: PoolState, market: PoolMarket | None, prices: Prices) -> float | None:
    if market is None or market.rewards_apr is None:
        return None
    return market.rewards_apr * full_range_usd(state, state.liquidity, prices)
