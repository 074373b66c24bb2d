"""The registry as the rest of the project sees it: typed, cross-checked, immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pair, Pool, Token

Finality = Literal["latest", "safe", "finalized"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """One chain. RPC URLs may hold keys, so they are left out of ``repr``.

    ``finality`` is the block tag from which a receipt counts as final. ``permit2`` is ``None`` where its presence is
    not known.
    """

    chain_id: int
    name: str
    rpc: tuple[str, ...] = field(repr=False)
    multicall3: str
    permit2: str | None
    wrapped_native: str
    native_symbol: str
    gecko_network: str
    lifi_diamond: str
    finality: Finality


@dataclass(frozen=True, slots=True, kw_only=True)
class DexContracts:
    """Contracts of a DEX on one chain."""

    factory: str
    position_manager: str
    quoter: str | None
    router: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleSource:
    """Where minutes of a pair come from. ``symbol`` is unified, ``BASE/QUOTE``; weights are relative.

    ``convert_by`` names the pair whose price turns the symbol's quote into the pair's: ETH/USDT becomes quote USDC when
    divided by USDC-USDT. ``None`` where both quotes are the same.
    """

    exchange: str
    symbol: str
    weight: float
    convert_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Addresses of HTTP services; ``exchange_urls`` names hosts that stand in for exchanges."""

    geckoterminal_url: str
    lifi_url: str
    exchange_urls: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Chains, tokens, pools, pairs and sources of one process.

    ``version`` is the SHA-256 of everything a decision may depend on. Endpoint addresses (RPC, services) are not part
    of it: moving to another node must not change the version of a plan.

    Examples
    --------
    >>> from alm_resources.registry import load_registry
    >>> registry = load_registry(None)
    >>> registry.token(56, "USDC").decimals
    18
    >>> registry.pair("WETH-USDC").quote
    'USDC'
    """

    chains: Mapping[int, ChainConfig]
    tokens: tuple[Token, ...]
    pairs: tuple[Pair, ...]
    pools: Mapping[str, tuple[Pool, ...]]
    sources: Mapping[str, tuple[CandleSource, ...]]
    dexes: Mapping[tuple[str, int], DexContracts]
    services: Services
    version: str

    def chain(self, chain_id: int) -> ChainConfig:
        """Look a chain up; :class:`ConfigError` if it is unknown."""
        if chain_id not in self.chains:
            raise ConfigError(f"chain {chain_id} is not in the registry; known are {sorted(self.chains)}")
        return self.chains[chain_id]

    def pair(self, pair_id: str) -> Pair:
        """Look a pair up; :class:`ConfigError` if it is unknown."""
        for pair in self.pairs:
            if pair.pair_id == pair_id:
                return pair
        raise ConfigError(f"pair {pair_id!r} is not in the registry; known are {[pair.pair_id for pair in self.pairs]}")

    def tokens_of(self, chain_id: int) -> tuple[Token, ...]:
        """Tokens of one chain."""
        return tuple(token for token in self.tokens if token.chain_id == chain_id)

    def token(self, chain_id: int, symbol: str) -> Token:
        """Look a token up by symbol; :class:`ConfigError` if it is unknown or the symbol names two tokens."""
        found = [token for token in self.tokens_of(chain_id) if token.symbol == symbol]
        if len(found) != 1:
            raise ConfigError(f"token {symbol!r} of chain {chain_id}: {len(found)} in the registry, need exactly one")
        return found[0]

    def token_at(self, chain_id: int, address: str) -> Token:
        """Look a token up by address, in any case; :class:`ConfigError` if it is unknown."""
        for token in self.tokens_of(chain_id):
            if token.address.lower() == address.lower():
                return token
        raise ConfigError(f"token {address} of chain {chain_id} is not in the registry")

    def pools_of(self, pair_id: str) -> tuple[Pool, ...]:
        """Pools of a pair, by chain and address; empty if it has none."""
        return self.pools.get(self.pair(pair_id).pair_id, ())

    def sources_of(self, pair_id: str) -> tuple[CandleSource, ...]:
        """Candle sources of a pair; :class:`ConfigError` if it has none."""
        sources = self.sources.get(self.pair(pair_id).pair_id, ())
        if not sources:
            raise ConfigError(f"pair {pair_id!r} has no candle source in the registry; add a [[sources]] entry")
        return sources

    def contracts(self, dex: str, chain_id: int) -> DexContracts:
        """Contracts of a DEX on a chain; :class:`ConfigError` if there are none."""
        if (dex, chain_id) not in self.dexes:
            raise ConfigError(f"dex {dex!r} has no contracts on chain {chain_id} in the registry")
        return self.dexes[dex, chain_id]
