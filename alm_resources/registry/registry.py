"""The registry as the rest of the project sees it: typed, cross-checked, immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from alm_core.model.chains import ChainRules
from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pair, Pool, Token
from alm_resources.registry.families import FAMILIES

Evidence = Literal["keccak", "official", "public", "reference", "chain"]
PoolStatus = Literal["operable", "unverified", "inoperable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """One chain. RPC URLs may hold keys, so they are left out of ``repr``.

    ``private_rpc`` take transactions only, and keep them out of the public mempool. ``permit2`` is ``None`` where its
    presence is not known, ``merkl_distributor`` where its rewards are not wanted.
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
    rules: ChainRules = field(default_factory=ChainRules)
    private_rpc: tuple[str, ...] = field(repr=False, default=())
    merkl_distributor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DexContracts:
    """Contracts of one deployment of a DEX on one chain, by role; which roles there are depends on the family."""

    dex: str
    chain_id: int
    family: str
    addresses: Mapping[str, str]

    def address(self, role: str) -> str:
        """Address in a role; :class:`ConfigError` if this deployment has none."""
        if role not in self.addresses:
            raise ConfigError(f"dex {self.dex!r} ({self.family}) has no {role} on chain {self.chain_id}")
        return self.addresses[role]

    @property
    def registrar(self) -> str:
        """Address of the contract that knows the pools: a factory, or V4's pool manager."""
        return self.address(FAMILIES[self.family].registrar)

    @property
    def manager(self) -> str:
        """Address of the contract that changes positions: a position manager, or a Liquidity Book router."""
        return self.address(FAMILIES[self.family].manager)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPool:
    """A pool as listed, whether or not it may be traded.

    ``fee_pips``, ``tick_spacing`` and ``bin_step`` are ``None`` where only the chain knows them. ``evidence`` tells
    what stands behind the entry: the hash that the address is (``keccak``, recomputed at load), an official or other
    public list, an inherited list (``reference``), or a chain that was asked (``chain``). ``gauge`` or ``master_chef``
    pays ``reward_token`` to positions it holds; with ``stake`` new ones are given to it. ``origin`` is the place in the
    TOML file.
    """

    pair: str
    chain_id: int
    address: str
    dex: str
    family: str
    base: Token
    quote: Token
    contracts: DexContracts
    fee_pips: int | None
    tick_spacing: int | None
    bin_step: int | None
    hooks: str | None
    parameters: str | None
    gauge: str | None
    master_chef: str | None
    reward_token: str | None
    stake: bool
    evidence: Evidence
    status: PoolStatus
    reason: str
    origin: str

    @property
    def pool_id(self) -> str:
        """``<chain id>:<address>``, unique over all chains."""
        return f"{self.chain_id}:{self.address}"

    @property
    def base_is_token0(self) -> bool:
        """Whether contracts put the base first: they order tokens by the number that the address is."""
        return int(self.base.address, 16) < int(self.quote.address, 16)

    @property
    def token_addresses(self) -> tuple[str, str]:
        """Addresses of token0 and token1."""
        ordered = (self.base, self.quote) if self.base_is_token0 else (self.quote, self.base)
        return ordered[0].address, ordered[1].address


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
    """Addresses of HTTP services, left out of ``repr`` as they may hold keys.

    ``exchange_urls`` names hosts that stand in for exchanges.
    """

    geckoterminal_url: str = field(repr=False)
    lifi_url: str = field(repr=False)
    dexscreener_url: str = field(repr=False)
    exchange_urls: Mapping[str, str] = field(repr=False)
    merkl_url: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Name of the environment variable that holds a key, and the USD size of a position; ``None`` where not said."""

    key_env: str
    usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Chains, tokens, pools, pairs and sources of one process.

    ``pools`` are those that may be traded: operable, of one of ``families``; ``listed`` are all. ``origins`` tells the
    place in the TOML files of chains, tokens and contracts. ``version`` is the SHA-256 of everything a decision may
    depend on. Endpoint addresses (RPC, services) are not part of it: moving to another node must not change the version
    of a plan.

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
    listed: tuple[ListedPool, ...]
    families: frozenset[str]
    dexes: Mapping[tuple[str, int], DexContracts]
    services: Services
    version: str
    origins: Mapping[str, str] = field(repr=False)
    wallet: Wallet | None = None

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

    @property
    def distributors(self) -> dict[int, str]:
        """Contracts that pay rewards against proofs, by chain id; none without the service that has them."""
        named = {chain_id: chain.merkl_distributor for chain_id, chain in self.chains.items()}
        wanted = self.services.merkl_url is not None
        return {chain_id: address for chain_id, address in named.items() if wanted and address is not None}

    def pools_of(self, pair_id: str) -> tuple[Pool, ...]:
        """Pools of a pair that may be traded, by chain and address; empty if it has none."""
        return self.pools.get(self.pair(pair_id).pair_id, ())

    def listed_pools(self, pair: str | None = None, chain: int | None = None) -> tuple[ListedPool, ...]:
        """All pools of a pair, a chain, or both, whatever their status; :class:`ConfigError` if either is unknown."""
        if pair is not None:
            self.pair(pair)
        if chain is not None:
            self.chain(chain)
        return tuple(
            pool for pool in self.listed if pair in (None, pool.pair) and (chain is None or chain == pool.chain_id)
        )

    def status_text(self, pool: ListedPool) -> str:
        """Whether a listed pool is traded, and if not why, in words."""
        if pool.status != "operable":
            return f"{pool.status}: {pool.reason}"
        if pool.family not in self.families:
            return f"family without adapter: {pool.family}"
        traded = any(found.pool_id == pool.pool_id for found in self.pools.get(pool.pair, ()))
        return "operable" if traded else "operable, but its fee or tick spacing is only known on chain"

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
