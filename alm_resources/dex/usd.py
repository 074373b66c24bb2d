"""USD prices of quote tokens and native coins: from figures of pools, and asked for only where these tell none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from alm_core.model.errors import SourceError
from alm_core.model.market import PoolMarket, SourceProblem
from alm_core.model.pools import Pool
from alm_core.model.ports import PoolMarketSource

MAX_NATIVE_DEVIATION_FRAC = 0.05
"""A coin has one price: a pool whose figure is further from the median of its chain is not believed."""

TokenKey = tuple[int, str]
"""Chain id and lower-case address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFigures:
    """What the market data service told, and what was wrong with it. Prices that nobody knows are absent."""

    markets: tuple[PoolMarket, ...]
    token_usd: Mapping[TokenKey, float]
    problems: tuple[SourceProblem, ...]

    def quote_usd(self, pools: Sequence[Pool]) -> float | None:
        """Median over the chains: a quote token whose price one chain's market distorts does not carry the rest."""
        keys = {_key(pool.chain_id, pool.quote.address) for pool in pools}
        known = [self.token_usd[key] for key in sorted(keys) if key in self.token_usd]
        return median(known) if known else None

    def native_usd(self, chain_id: int, wrapped_native: str) -> float | None:
        """Return the price of a chain's native coin, by the token that stands for it."""
        return self.token_usd.get(_key(chain_id, wrapped_native))


def fetch_figures(pools: Sequence[Pool], natives: Mapping[int, str], source: PoolMarketSource) -> MarketFigures:
    """Fetch figures of pools, and USD prices of their quote tokens and of the native coins of their chains.

    Parameters
    ----------
    pools
        Pools of one pair.
    natives
        Wrapped native coin of each of their chains.
    source
        Asked for all pools at once; for single prices only on chains where the pools do not tell them.
    """
    problems: list[SourceProblem] = []
    markets: tuple[PoolMarket, ...] = ()
    try:
        markets = source.fetch_pools(pools)
    except SourceError as error:
        problems.append(SourceProblem(source=error.source, detail=error.detail))
    prices = _pool_prices(pools, natives, markets)
    for chain_id, addresses in sorted(_missing(pools, natives, prices).items()):
        try:
            fetched = source.fetch_token_usd(chain_id, addresses)
        except SourceError as error:
            problems.append(SourceProblem(source=error.source, detail=error.detail))
            continue
        prices |= {_key(chain_id, address): usd for address, usd in fetched.items()}
    return MarketFigures(markets=markets, token_usd=prices, problems=tuple(problems))


def _pool_prices(
    pools: Sequence[Pool], natives: Mapping[int, str], markets: Sequence[PoolMarket]
) -> dict[TokenKey, float]:
    by_pool = {market.pool_id: market for market in markets}
    quotes: dict[TokenKey, list[float]] = {}
    coins: dict[TokenKey, list[float]] = {}
    for pool in pools:
        market = by_pool.get(pool.pool_id)
        if market is None:
            continue
        if market.quote_usd is not None:
            quotes.setdefault(_key(pool.chain_id, pool.quote.address), []).append(market.quote_usd)
        if market.native_usd is not None:
            coins.setdefault(_key(pool.chain_id, natives[pool.chain_id]), []).append(market.native_usd)
    believed = {key: _without_outliers(told) for key, told in coins.items()}
    return {key: median(told) for key, told in (*quotes.items(), *believed.items()) if told}


def _without_outliers(told: Sequence[float]) -> list[float]:
    middle = median(told)
    return [usd for usd in told if abs(usd - middle) <= MAX_NATIVE_DEVIATION_FRAC * middle]


def _missing(
    pools: Sequence[Pool], natives: Mapping[int, str], prices: Mapping[TokenKey, float]
) -> dict[int, list[str]]:
    wanted: Iterable[TokenKey] = (
        *((pool.chain_id, pool.quote.address) for pool in pools),
        *natives.items(),
    )
    missing: dict[int, set[str]] = {}
    for chain_id, address in wanted:
        if _key(chain_id, address) not in prices:
            missing.setdefault(chain_id, set()).add(address)
    return {chain_id: sorted(addresses) for chain_id, addresses in missing.items()}


def _key(chain_id: int, address: str) -> TokenKey:
    return chain_id, address.lower()
