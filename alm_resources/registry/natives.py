"""Which pairs tell the price of a chain's native coin: those of which its wrapped token is one side."""

from collections.abc import Iterator
from typing import Literal

from alm_core.model.backtest import NativeFrom
from alm_core.model.pools import Pair
from alm_resources.registry.registry import Registry


def native_sources(registry: Registry, pair_id: str) -> tuple[NativeFrom, ...]:
    """Return the pairs whose closes tell native coins of the chains that a pair has pools on, itself first.

    The other side of such a pair must be a token of the pair itself, whose USD price is known with the pair's; nothing
    is told of chains without one, nor of a pair that the registry does not have.

    Examples
    --------
    >>> from alm_resources.registry import load_registry
    >>> {one.chain_id: one.pair for one in native_sources(load_registry(None), "WETH-USDC")}[8453]
    'WETH-USDC'
    """
    own = next((pair for pair in registry.pairs if pair.pair_id == pair_id), None)
    if own is None:
        return ()
    ordered = (own, *(pair for pair in registry.pairs if pair.pair_id != pair_id))
    chains = sorted({pool.chain_id for pool in registry.pools_of(pair_id)})
    return tuple(found for chain_id in chains for pair in ordered for found in _told(registry, chain_id, own, pair))


def _told(registry: Registry, chain_id: int, own: Pair, pair: Pair) -> Iterator[NativeFrom]:
    wrapped = registry.chain(chain_id).wrapped_native.lower()
    coins = {token.symbol for token in registry.tokens_of(chain_id) if token.address.lower() == wrapped}
    sides: tuple[tuple[Literal["base", "quote"], str, str], ...] = (
        ("base", pair.base, pair.quote),
        ("quote", pair.quote, pair.base),
    )
    for side, coin, other in sides:
        if coin in coins and other in (own.base, own.quote):
            against: Literal["base", "quote"] = "base" if other == own.base else "quote"
            yield NativeFrom(chain_id=chain_id, pair=pair.pair_id, side=side, against=against)
