"""The venue the optimizer simulates in: the pair's pools taken together, with our capital and today's costs."""

from collections.abc import Sequence
from datetime import timedelta

from alm_core.model.config import StrategyConfig
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.portfolio.costs import shift_cost
from alm_core.portfolio.valuation import chain_nav_usd, prices_usd
from alm_core.portfolio.yields import PoolYield, pool_yields
from alm_core.simulation.fitness import Venue

DAYS_PER_YEAR = 365.25
MIN_CAPITAL_USD = 1.0


def venue_from_snapshot(
    snapshot: MarketSnapshot, past_snapshots: Sequence[MarketSnapshot], price: float, config: StrategyConfig
) -> Venue:
    """Return the venue of the chain that holds most of the pair's capital.

    Yields are summed over its pools (all fees over all active liquidity), so no single pool stands for all; costs are
    those of closing, swapping half and opening one position there.

    Raises
    ------
    InvalidInput
        If no pool's yield is known, or nothing is held.
    """
    yields = pool_yields(snapshot, past_snapshots, price, config.yield_window_epochs)
    pools = tuple(state.pool for state in snapshot.pools)
    capital, chain_id = max(
        (
            (chain_nav_usd(snapshot, held.block.chain_id, price, pools), held.block.chain_id)
            for held in snapshot.holdings
        ),
        default=(0.0, 0),
    )
    if capital < MIN_CAPITAL_USD:
        raise InvalidInput(f"capital of {snapshot.pair} is {capital:.2f} USD: nothing to place")
    states = tuple(state for state in snapshot.pools if state.pool.chain_id == chain_id and state.liquidity > 0)
    known = [yields[state.pool.pool_id] for state in states if state.pool.pool_id in yields]
    if not known:
        raise InvalidInput(f"no fee yield is known for any pool of {snapshot.pair} on chain {chain_id}")
    cost = shift_cost(snapshot.chain(chain_id), states, prices_usd(snapshot, price), capital)
    return _venue(known, capital, cost.gas_usd / capital, cost.swap_usd / cost.swapped_usd, config)


def _venue(
    known: Sequence[PoolYield], capital: float, gas_frac: float, swap_frac: float, config: StrategyConfig
) -> Venue:
    active = sum(found.active_usd for found in known)
    return Venue(
        full_range_apr=sum(found.fees_usd for found in known) / active,
        capital_share=capital / active,
        swap_cost_frac=swap_frac,
        gas_cost_frac=gas_frac,
        min_hold_bars=bars_of(config.min_hold),
        horizon_years=config.amortize_days / DAYS_PER_YEAR,
        cost_multiple=config.rs_cost_multiple,
        lvr_weight=config.lvr_weight,
    )


def bars_of(duration: timedelta) -> int:
    """Return the number of epochs that a duration spans, rounded up."""
    return -(-duration // EPOCH_LENGTH)
