"""From files to a :class:`Registry`: entries are resolved against each other, and dangling ones refused."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType

from alm_core.model.chains import ChainRules
from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pair, Pool, Token
from alm_resources.hidden import hide_urls
from alm_resources.registry.entries import (
    ChainEntry,
    DexEntry,
    PairEntry,
    PoolEntry,
    ServicesEntry,
    SourceEntry,
    TokenEntry,
)
from alm_resources.registry.families import FAMILIES, TRADABLE_FAMILIES
from alm_resources.registry.files import RawEntry, RawRegistry, read_raw, refused
from alm_resources.registry.listing import contracts_from, listed_pool, tradable_pool
from alm_resources.registry.registry import (
    CandleSource,
    ChainConfig,
    DexContracts,
    ListedPool,
    Registry,
    Services,
)
from alm_resources.registry.wallet import wallet_from


def load_registry(overlay: Path | None = None, families: Collection[str] | None = None) -> Registry:
    """Load the built-in registry, with a user's file over it or in its place.

    Parameters
    ----------
    overlay
        TOML file; ``[meta] mode`` is ``merge`` (default: its entries are added, or change those of the same identity
        key by key) or ``replace`` (nothing built in remains).
    families
        DEX families whose operable pools may be traded; ``None`` takes those with an adapter. The others stay listed.

    Raises
    ------
    ConfigError
        Naming file, entry, key and value.
    """
    allowed = TRADABLE_FAMILIES if families is None else frozenset(families)
    if unknown := sorted(allowed - FAMILIES.keys()):
        raise ConfigError(f"families {unknown}: no such family; known are {sorted(FAMILIES)}")
    registry = _Loader(read_raw(overlay), str(overlay or "built-in registry"), allowed).registry()
    for chain in registry.chains.values():
        hide_urls((*chain.rpc, *chain.private_rpc))
    services = registry.services
    hide_urls((services.geckoterminal_url, services.lifi_url, services.dexscreener_url, services.merkl_url or ""))
    hide_urls(services.exchange_urls.values())
    return registry


class _Loader:
    def __init__(self, raw: RawRegistry, origin: str, families: frozenset[str]) -> None:
        self._raw = raw
        self._origin = origin
        self._allowed = families
        self._chains: dict[int, ChainConfig] = {}
        self._tokens: dict[tuple[int, str], Token] = {}
        self._families: dict[str, str] = {}
        self._contracts: dict[tuple[str, int], DexContracts] = {}
        self._pairs: dict[str, Pair] = {}
        self._listed: list[ListedPool] = []
        self._sources: dict[str, list[CandleSource]] = {}
        self._origins: dict[str, str] = {}

    def registry(self) -> Registry:
        self._load_chains()
        self._load_tokens()
        self._load_dexes()
        self._load_pairs()
        self._load_pools()
        self._load_sources()
        pools = self._pools()
        return Registry(
            chains=MappingProxyType(self._chains),
            tokens=tuple(self._tokens.values()),
            pairs=tuple(self._pairs.values()),
            pools=MappingProxyType(pools),
            sources=MappingProxyType({pair: tuple(found) for pair, found in self._sources.items()}),
            listed=tuple(self._listed),
            families=self._allowed,
            dexes=MappingProxyType(self._contracts),
            services=self._services(),
            version=self._version(pools),
            origins=MappingProxyType(self._origins),
            wallet=next((wallet_from(raw) for _, raw in self._raw.entries("wallet")), None),
        )

    def _load_chains(self) -> None:
        for (name,), raw in self._raw.entries("chains"):
            chain_id = _chain_id(raw, name)
            entry = raw.read_as(ChainEntry)
            rules = {field.name: getattr(entry, field.name) for field in fields(ChainRules)}
            self._chains[chain_id] = ChainConfig(
                chain_id=chain_id,
                rpc=tuple(entry.rpc),
                private_rpc=tuple(entry.private_rpc),
                rules=ChainRules(**rules),
                **entry.model_dump(exclude={"rpc", "private_rpc", *rules}),
            )
            self._origins[f"chain {chain_id}"] = raw.place

    def _load_tokens(self) -> None:
        for _, raw in self._raw.entries("tokens"):
            entry = raw.read_as(TokenEntry)
            self._known_chain(raw, "chain", entry.chain)
            self._tokens[entry.chain, entry.address] = Token(
                chain_id=entry.chain, **entry.model_dump(exclude={"chain", "evidence"})
            )
            self._origins[f"token {entry.chain}:{entry.address}"] = raw.place

    def _load_dexes(self) -> None:
        entries = [(raw, raw.read_as(DexEntry)) for _, raw in self._raw.entries("dexes")]
        self._families = {entry.id: entry.family for _, entry in entries}
        for raw, entry in entries:
            if entry.variant_of is not None and entry.variant_of not in self._families:
                raise refused(raw, "variant_of", entry.variant_of, f"no such dex; known are {sorted(self._families)}")
            for name, contracts in entry.contracts.items():
                chain_id = _chain_id(raw, name)
                self._known_chain(raw, "contracts", chain_id)
                self._contracts[entry.id, chain_id] = contracts_from(raw, entry, chain_id, contracts)
                self._origins[f"dex {entry.id} {chain_id}"] = f"{raw.place} [dexes.contracts.{chain_id}]"

    def _load_pairs(self) -> None:
        for _, raw in self._raw.entries("pairs"):
            entry = raw.read_as(PairEntry)
            if entry.base == entry.quote:
                raise refused(raw, "quote", entry.quote, "base and quote are the same token")
            self._pairs[entry.id] = Pair(pair_id=entry.id, **entry.model_dump(exclude={"id"}))

    def _load_pools(self) -> None:
        for _, raw in self._raw.entries("pools"):
            entry = raw.read_as(PoolEntry)
            pair = self._known_pair(raw, entry.pair)
            base = self._pool_token(raw, entry, "base", entry.base, pair.base)
            quote = self._pool_token(raw, entry, "quote", entry.quote, pair.quote)
            contracts = self._pool_contracts(raw, entry)
            if entry.reward_token is not None:
                self._known_token(raw, entry.chain, "reward_token", entry.reward_token)
            self._listed.append(listed_pool(raw, entry, base, quote, contracts))
        self._listed.sort(key=lambda pool: (pool.pair, pool.chain_id, pool.address))

    def _pool_contracts(self, raw: RawEntry, entry: PoolEntry) -> DexContracts:
        if entry.dex not in self._families:
            raise refused(raw, "dex", entry.dex, f"no such dex; known are {sorted(self._families)}")
        contracts = self._contracts.get((entry.dex, entry.chain))
        if contracts is None:
            if entry.status == "operable":
                raise refused(raw, "dex", entry.dex, f"has no contracts on chain {entry.chain}")
            family = self._families[entry.dex]
            return DexContracts(dex=entry.dex, chain_id=entry.chain, family=family, addresses=MappingProxyType({}))
        return contracts

    def _pools(self) -> dict[str, tuple[Pool, ...]]:
        pools: dict[str, list[Pool]] = {}
        for listed in self._listed:
            if listed.family in self._allowed and (pool := self._tradable(listed)) is not None:
                pools.setdefault(listed.pair, []).append(pool)
        return {pair: tuple(found) for pair, found in pools.items()}

    def _tradable(self, listed: ListedPool) -> Pool | None:
        return tradable_pool(listed, self._chains[listed.chain_id])

    def _pool_token(self, raw: RawEntry, entry: PoolEntry, key: str, address: str, symbol: str) -> Token:
        self._known_chain(raw, "chain", entry.chain)
        token = self._known_token(raw, entry.chain, key, address)
        if token.symbol != symbol:
            raise refused(raw, key, address, f"is {token.symbol}, but the {key} of {entry.pair} is {symbol}")
        return token

    def _known_token(self, raw: RawEntry, chain_id: int, key: str, address: str) -> Token:
        token = self._tokens.get((chain_id, address))
        if token is None:
            raise refused(raw, key, address, f"no such token on chain {chain_id}; add a [[tokens]] entry")
        return token

    def _load_sources(self) -> None:
        entries = [(raw, raw.read_as(SourceEntry)) for _, raw in self._raw.entries("sources")]
        direct = {entry.pair for _, entry in entries if entry.convert_by is None}
        for raw, entry in entries:
            pair = self._known_pair(raw, entry.pair)
            self._check_quote(raw, entry, pair, direct)
            source = CandleSource(**entry.model_dump(exclude={"pair"}))
            self._sources.setdefault(entry.pair, []).append(source)

    def _check_quote(self, raw: RawEntry, entry: SourceEntry, pair: Pair, direct: set[str]) -> None:
        quote = entry.symbol.split("/")[1]
        if entry.convert_by is None:
            if quote != pair.quote:
                why = f"is priced in {quote}, {pair.pair_id} in {pair.quote}; add convert_by, the pair of both"
                raise refused(raw, "symbol", entry.symbol, why)
            return
        basis = self._known_pair(raw, entry.convert_by, "convert_by")
        if (basis.base, basis.quote) != (pair.quote, quote):
            why = f"does not turn {quote} into {pair.quote}; it must be a pair {pair.quote} in {quote}"
            raise refused(raw, "convert_by", entry.convert_by, why)
        if basis.pair_id not in direct:
            raise refused(raw, "convert_by", entry.convert_by, "has no source that needs no conversion itself")

    def _services(self) -> Services:
        found = dict(self._raw.entries("services"))
        if not found:
            raise ConfigError(f"{self._origin}: [services] is missing")
        entry = found[()].read_as(ServicesEntry)
        urls = MappingProxyType(dict(entry.exchange_urls))
        return Services(**entry.model_dump(exclude={"exchange_urls"}), exchange_urls=urls)

    def _version(self, pools: dict[str, tuple[Pool, ...]]) -> str:
        chains = [
            {k: v for k, v in asdict(chain).items() if k not in ("rpc", "private_rpc")}
            for chain in self._chains.values()
        ]
        content = {
            "chains": sorted(chains, key=lambda chain: chain["chain_id"]),
            "tokens": _canonical(self._tokens.values()),
            "pairs": _canonical(self._pairs.values()),
            "pools": {pair: _canonical(found) for pair, found in pools.items()},
            "sources": {pair: _canonical(sources) for pair, sources in self._sources.items()},
            "dexes": {
                f"{dex}:{chain}": {"family": found.family, **found.addresses}
                for (dex, chain), found in self._contracts.items()
            },
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def _known_chain(self, raw: RawEntry, key: str, chain_id: int) -> None:
        if chain_id not in self._chains:
            raise refused(raw, key, chain_id, f"no such chain; known are {sorted(self._chains)}")

    def _known_pair(self, raw: RawEntry, pair_id: str, key: str = "pair") -> Pair:
        if pair_id not in self._pairs:
            raise refused(raw, key, pair_id, f"no such pair; known are {sorted(self._pairs)}")
        return self._pairs[pair_id]


def _canonical(values: Iterable[Token | Pair | Pool | CandleSource]) -> list[str]:
    return sorted(json.dumps(asdict(value), sort_keys=True) for value in values)


def _chain_id(raw: RawEntry, name: str) -> int:
    if not name.isascii() or not name.isdigit() or len(name) > 18 or int(name) == 0:
        raise refused(raw, "chain id", name, "must be a positive whole number")
    return int(name)
