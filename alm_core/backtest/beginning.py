"""How a backtest begins: its capital, what HODL would hold of it, and the pools as they were."""

from dataclasses import replace
from datetime import timedelta

from alm_core.backtest.venue import NATIVE_WEI, WALLET, completed, value_usd, whole_tokens
from alm_core.backtest.world import begun_growths
from alm_core.model.backtest import BacktestConfig, SimulatedBook, Travelling
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.model.signals import Forces, OptimizedRange
from alm_core.portfolio.valuation import Prices
from alm_core.ranges.range import price_range
from alm_core.simulation.paper_wallet import balances_of, in_tokens

NO_FORCES = Forces(volatility=0.0, momentum=50.0, trend=50.0, sigma_annual_frac=0.0)


def begun_book(recorded: MarketSnapshot, prices: Prices, config: BacktestConfig, epoch: Epoch) -> SimulatedBook:
    """Return the book that a backtest begins with at an epoch.

    Raises
    ------
    InvalidInput
        If no pool has liquidity, or the value of the holdings is not known.
    """
    if config.capital_usd is None:
        holdings, travelling = _recorded_holdings(recorded), _recorded_transit(recorded)
    else:
        holdings, travelling = _capital(recorded, prices, config.capital_usd), ()
    base, quote = whole_tokens(holdings, travelling, recorded)
    return SimulatedBook(
        began_at=epoch.epoch_at,
        as_of_at=epoch.epoch_at,
        base_usd=prices.base_usd,
        quote_usd=prices.quote_usd,
        holdings=holdings,
        growths=begun_growths(recorded),
        hodl_base=base,
        hodl_quote=quote,
        nav_start_usd=value_usd(holdings, travelling, recorded, prices),
        travelling=travelling,
        optimized=_given(prices, config, epoch),
    )


def _recorded_holdings(recorded: MarketSnapshot) -> tuple[Holdings, ...]:
    """Recorded holdings as tokens; what is no token of the pair is not its capital."""
    found: list[Holdings] = []
    for held in in_tokens(recorded):
        pools = [state.pool for state in recorded.pools if state.pool.chain_id == held.block.chain_id]
        ours = {token.address for pool in pools for token in (pool.token0, pool.token1)}
        found.append(replace(held, balances=tuple(entry for entry in held.balances if entry.address in ours)))
    return completed(found, recorded)


def _recorded_transit(recorded: MarketSnapshot) -> tuple[Travelling, ...]:
    """What was between chains; it arrives after the usual time of its way."""
    usual = {(one.from_chain, one.to_chain): one.duration_s for one in recorded.bridge_costs}
    addresses = {
        (token.chain_id, token.address.lower()): token.address
        for state in recorded.pools
        for token in (state.pool.token0, state.pool.token1)
    }
    found: list[Travelling] = []
    for one in recorded.in_transit:
        delay = timedelta(seconds=usual.get((one.from_chain, one.to_chain), 0.0))
        address = addresses.get((one.to_chain, one.token.lower()), one.token)
        found.append(Travelling(transit=replace(one, token=address), due_at=one.started_at + delay))
    return tuple(found)


def _given(prices: Prices, config: BacktestConfig, epoch: Epoch) -> OptimizedRange | None:
    """Parameters that the run is told to begin with, in the place of an earlier result."""
    if config.range_params is None:
        return None
    return OptimizedRange(
        pair=config.pair,
        epoch_at=epoch.epoch_at,
        success=False,
        reason="given",
        params=config.range_params,
        price_range=price_range(prices.base_usd / prices.quote_usd, NO_FORCES, config.range_params),
        fitness=None,
        baseline_fitness=None,
        evaluations=0,
    )


def _capital(recorded: MarketSnapshot, prices: Prices, capital_usd: float) -> tuple[Holdings, ...]:
    chains = {state.pool.chain_id: state for state in reversed(recorded.pools) if state.liquidity > 0}
    if not chains:
        raise InvalidInput(f"{recorded.pair} at {recorded.epoch_at.isoformat()}: no pool has liquidity")
    found: list[Holdings] = []
    share = capital_usd / len(chains) / 2.0
    for chain_id in sorted(chains):
        first: Pool = chains[chain_id].pool
        amounts = {
            first.base.address: int(share / prices.base_usd * 10**first.base.decimals),
            first.quote.address: int(share / prices.quote_usd * 10**first.quote.decimals),
        }
        found.append(
            Holdings(
                block=recorded.chain(chain_id).block,
                wallet=WALLET,
                native_wei=NATIVE_WEI,
                balances=balances_of(amounts),
                positions=(),
            )
        )
    return completed(found, recorded)
