"""What staking earns in the pools that do it, as decisions see it: rates from the chain, prices from a service.

Pools whose new positions are not staked earn no rewards and are left as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import SourceError
from alm_core.model.market import Block, PoolMarket, PoolState, SourceProblem
from alm_core.model.ports import PoolMarketSource
from alm_core.model.rewards import RewardYield, StakingProgramme, programme_of
from alm_core.portfolio.valuation import Prices, full_range_usd
from alm_resources.dex.usd import MarketFigures, TokenKey
from alm_resources.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldReading:
    """Rates of one chain's programmes, and why they are not known."""

    yields: tuple[RewardYield, ...] = ()
    problems: tuple[SourceProblem, ...] = ()


def read_yields(
    programmes: Sequence[StakingProgramme], chain: ChainClient, states: Sequence[PoolState], block: Block
) -> YieldReading:
    """Read the rates of all pools that stake; a rate that cannot be read is a problem and hides nothing else."""
    found: list[RewardYield] = []
    problems: list[SourceProblem] = []
    for programme in programmes:
        own = [state for state in states if state.pool.stakes and programme_of(state.pool, (programme,)) is not None]
        try:
            found += programme.read_yields(chain, own, block) if own else ()
        except SourceError as error:
            problems.append(SourceProblem(source=error.source, detail=f"rewards of staking: {error.detail}"))
    return YieldReading(yields=tuple(found), problems=tuple(problems))


def with_rewards(
    figures: MarketFigures,
    states: Sequence[PoolState],
    yields: Sequence[RewardYield],
    source: PoolMarketSource,
    registry: Registry,
) -> MarketFigures:
    """Return the figures with ``rewards_apr`` of every pool that stakes; ``None`` where the token's price is unknown.

    Parameters
    ----------
    figures
        Of the pools; where the service knows nothing of one that stakes, it is added.
    states, yields
        Of all chains.
    source
        Asked for prices of reward tokens that the figures do not tell.
    registry
        Decimals of reward tokens.
    """
    if not yields:
        return figures
    by_pool = {state.pool.pool_id: state for state in states}
    wanted = {(by_pool[paid.pool_id].pool.chain_id, paid.token.lower()) for paid in yields}
    prices, problems = _prices(wanted, figures, source)
    quote_usd = figures.quote_usd([by_pool[paid.pool_id].pool for paid in yields])
    markets = {market.pool_id: market for market in figures.markets}
    for paid in yields:
        state = by_pool[paid.pool_id]
        usd = prices.get((state.pool.chain_id, paid.token.lower()))
        decimals = registry.token_at(state.pool.chain_id, paid.token).decimals
        known = markets.get(paid.pool_id) or _empty(state, paid)
        apr = None if usd is None or quote_usd is None else _apr(paid, state, usd / 10**decimals, quote_usd)
        markets[paid.pool_id] = replace(known, rewards_apr=apr, rewards_replace_fees=paid.replaces_fees)
    return replace(figures, markets=tuple(markets.values()), problems=(*figures.problems, *problems))


def _prices(
    wanted: set[TokenKey], figures: MarketFigures, source: PoolMarketSource
) -> tuple[Mapping[TokenKey, float], list[SourceProblem]]:
    prices, problems = dict(figures.token_usd), list[SourceProblem]()
    for chain_id in sorted({chain_id for chain_id, token in wanted if (chain_id, token) not in prices}):
        missing = sorted(token for chain, token in wanted if chain == chain_id and (chain, token) not in prices)
        try:
            fetched = source.fetch_token_usd(chain_id, missing)
        except SourceError as error:
            problems.append(SourceProblem(source=error.source, detail=error.detail))
            continue
        prices |= {(chain_id, token.lower()): usd for token, usd in fetched.items()}
    return prices, problems


def _apr(paid: RewardYield, state: PoolState, token_usd: float, quote_usd: float) -> float:
    price = price_at_sqrt_price_x96(state.pool, state.sqrt_price_x96)
    everything = full_range_usd(state, state.liquidity, Prices(base_usd=price * quote_usd, quote_usd=quote_usd))
    # Nobody is in range: nothing is earned there now, as with fees.
    return paid.apr(token_usd, everything) if everything > 0 else 0.0


def _empty(state: PoolState, paid: RewardYield) -> PoolMarket:
    return PoolMarket(
        pool_id=paid.pool_id,
        source=paid.programme,
        fetched_at=state.block.block_at,
        volume_24h_usd=None,
        tvl_usd=None,
        fee_frac=None,
        base_usd=None,
        quote_usd=None,
    )
