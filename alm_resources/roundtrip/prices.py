"""USD prices of a pool's tokens and of gas, from pools on the same chain: a stable is 1, what was given comes first."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.model.chain_ports import ChainClient
from alm_core.model.dex_ports import DexAdapter
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolMarket, PoolState
from alm_core.model.pools import Pool, Token
from alm_resources.dex.readers import read_pools
from alm_resources.registry import Registry

_MOST_POOLS_ASKED = 12


def quote_usd(pool: Pool, price: float, given: Mapping[str, float]) -> float:
    """Return USD per quote token of a pool at its own price.

    Raises
    ------
    InvalidInput
        If neither token is a stable and no price was given for either.
    """
    quote, base = _known(pool.quote, given), _known(pool.base, given)
    if quote is not None:
        return quote
    if base is None:
        names = f"{pool.base.symbol} nor {pool.quote.symbol}"
        raise InvalidInput(f"neither {names} is a stable: give the USD price of one, --price {pool.quote.symbol}=USD")
    return base / price


def native_usd(
    registry: Registry,
    state: PoolState,
    chain: ChainClient,
    adapters: Mapping[str, DexAdapter],
    given: Mapping[str, float],
) -> float | None:
    """Return USD per native coin: given, or told by a pool with its wrapped token; ``None`` where no pool tells."""
    config = registry.chain(state.pool.chain_id)
    if config.native_symbol.upper() in given:
        return given[config.native_symbol.upper()]
    wrapped = config.wrapped_native.lower()
    others = [
        pool
        for found in registry.pools.values()
        for pool in found
        if pool.chain_id == state.pool.chain_id and pool.pool_id != state.pool.pool_id and _tells(pool, wrapped, given)
    ]
    told = _prices([state], wrapped, given)
    if not told and others:
        read = read_pools(others[:_MOST_POOLS_ASKED], {chain.chain_id: chain}, adapters)
        told = _prices(read.states, wrapped, given)
    return median(told) if told else None


class FixedNativePrice:
    """Satisfies ``PoolMarketSource``: knows the price of one chain's native coin and asks no service for anything."""

    def __init__(self, wrapped_native: str, usd: float) -> None:
        self._prices = {wrapped_native: usd}

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        """Return nothing: no figure of a market is needed."""
        del pools
        return ()

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        """Return the native coin's price, if asked for."""
        del chain_id
        return {address: self._prices[address] for address in addresses if address in self._prices}


def _prices(states: Sequence[PoolState], wrapped: str, given: Mapping[str, float]) -> list[float]:
    found: list[float] = []
    for state in states:
        pool = state.pool
        if not _tells(pool, wrapped, given):
            continue
        price = price_at_sqrt_price_x96(pool, state.sqrt_price_x96)
        quote = quote_usd(pool, price, given)
        usd = quote if pool.quote.address.lower() == wrapped else price * quote
        if math.isfinite(usd) and usd > 0:
            found.append(usd)
    return found


def _tells(pool: Pool, wrapped: str, given: Mapping[str, float]) -> bool:
    tokens = (pool.token0, pool.token1)
    return any(token.address.lower() == wrapped for token in tokens) and any(
        _known(token, given) is not None for token in tokens
    )


def _known(token: Token, given: Mapping[str, float]) -> float | None:
    return given.get(token.symbol.upper(), 1.0 if token.asset_class == "stable" else None)
