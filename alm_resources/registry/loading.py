"""From files to a :class:`Registry`: entries are resolved against each other, and dangling ones refused."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pair, Pool, Token
from alm_resources.registry.entries import (
    ChainEntry,
    DexEntry,
    PairEntry,
    PoolEntry,
    ServicesEntry,
    SourceEntry,
    TokenEntry,
)
from alm_resources.registry.files import RawEntry, RawRegistry, read_raw
from alm_resources.registry.registry import CandleSource, ChainConfig, DexContracts, Registry, Services


def load_registry(overlay: Path | None = None) -> Registry:
    """Load the built-in registry, with a user's file over it or in its place.

    Parameters
    ----------
    overlay
        TOML file; ``[meta] mode`` is ``merge`` (default: its entries are added, or change those of the same identity
        key by key) or ``replace`` (nothing built in remains).

    Raises
    ------
    ConfigError
        Naming file, entry, key and value.
    """
    return _Loader(read_raw(overlay), str(overlay or "built-in registry")).registry()


class _Loader:
    def __init__(self, raw: RawRegistry, origin: str) -> None:
        self._raw = raw
        self._origin = origin
        self._chains: dict[int, ChainConfig] = {}
        self._tokens: dict[tuple[int, str], Token] = {}
        self._families: dict[str, str] = {}
        self._contracts: dict[tuple[str, int], DexContracts] = {}
        self._pairs: dict[str, Pair] = {}
        self._pools: dict[str, list[Pool]] = {}
        self._sources: dict[str, list[CandleSource]] = {}

    def registry(self) -> Registry:
        self._load_chains()
        self._load_tokens()
        self._load_dexes()
        self._load_pairs()
        self._load_pools()
        self._load_sources()
        return Registry(
            chains=MappingProxyType(self._chains),
            tokens=tuple(self._tokens.values()),
            pairs=tuple(self._pairs.values()),
            pools=MappingProxyType({pair: _in_order(found) for pair, found in self._pools.items()}),
            sources=MappingProxyType({pair: tuple(found) for pair, found in self._sources.items()}),
            dexes=MappingProxyType(self._contracts),
            services=self._services(),
            version=self._version(),
        )

    def _load_chains(self) -> None:
        for (name,), raw in self._raw.entries("chains"):
            chain_id = _chain_id(raw, name)
            entry = raw.read_as(ChainEntry)
            self._chains[chain_id] = ChainConfig(
                chain_id=chain_id, rpc=tuple(entry.rpc), **entry.model_dump(exclude={"rpc"})
            )

    def _load_tokens(self) -> None:
        for _, raw in self._raw.entries("tokens"):
            entry = raw.read_as(TokenEntry)
            self._known_chain(raw, "chain", entry.chain)
            self._tokens[entry.chain, entry.address] = Token(
                chain_id=entry.chain, **entry.model_dump(exclude={"chain"})
            )

    def _load_dexes(self) -> None:
        for _, raw in self._raw.entries("dexes"):
            entry = raw.read_as(DexEntry)
            self._families[entry.id] = entry.family
            for name, contracts in entry.contracts.items():
                chain_id = _chain_id(raw, name)
                self._known_chain(raw, "contracts", chain_id)
                self._contracts[entry.id, chain_id] = DexContracts(**contracts.model_dump())

    def _load_pairs(self) -> None:
        for _, raw in self._raw.entries("pairs"):
            entry = raw.read_as(PairEntry)
            if entry.base == entry.quote:
                raise _refused(raw, "quote", entry.quote, "base and quote are the same token")
            self._pairs[entry.id] = Pair(pair_id=entry.id, **entry.model_dump(exclude={"id"}))

    def _load_pools(self) -> None:
        for _, raw in self._raw.entries("pools"):
            entry = raw.read_as(PoolEntry)
            pair = self._known_pair(raw, entry.pair)
            base = self._pool_token(raw, entry, "base", entry.base, pair.base)
            quote = self._pool_token(raw, entry, "quote", entry.quote, pair.quote)
            self._pools.setdefault(entry.pair, []).append(self._pool(raw, entry, base, quote))

    def _pool(self, raw: RawEntry, entry: PoolEntry, base: Token, quote: Token) -> Pool:
        contracts = self._contracts.get((entry.dex, entry.chain))
        if contracts is None:
            raise _refused(raw, "dex", entry.dex, f"has no contracts on chain {entry.chain}")
        # Contracts order tokens by the number that their address is; checksum letters play no part.
        token0, token1 = sorted((base, quote), key=lambda token: int(token.address, 16))
        return Pool(
            chain_id=entry.chain,
            address=entry.address,
            dex=entry.dex,
            family=self._families[entry.dex],
            factory=contracts.factory,
            position_manager=contracts.position_manager,
            token0=token0,
            token1=token1,
            fee_pips=entry.fee_pips,
            tick_spacing=entry.tick_spacing,
            base_is_token0=token0 is base,
        )

    def _pool_token(self, raw: RawEntry, entry: PoolEntry, key: str, address: str, symbol: str) -> Token:
        self._known_chain(raw, "chain", entry.chain)
        token = self._tokens.get((entry.chain, address))
        if token is None:
            raise _refused(raw, key, address, f"no such token on chain {entry.chain}; add a [[tokens]] entry")
        if token.symbol != symbol:
            raise _refused(raw, key, address, f"is {token.symbol}, but the {key} of {entry.pair} is {symbol}")
        return token

    def _load_sources(self) -> None:
        for _, raw in self._raw.entries("sources"):
            entry = raw.read_as(SourceEntry)
            self._known_pair(raw, entry.pair)
            source = CandleSource(**entry.model_dump(exclude={"pair"}))
            self._sources.setdefault(entry.pair, []).append(source)

    def _services(self) -> Services:
        raw = dict(self._raw.entries("services")).get((), RawEntry(self._origin, "[services]", {}))
        entry = raw.read_as(ServicesEntry)
        return Services(
            geckoterminal_url=entry.geckoterminal_url,
            lifi_url=entry.lifi_url,
            exchange_urls=MappingProxyType(dict(entry.exchange_urls)),
        )

    def _version(self) -> str:
        chains = [{k: v for k, v in asdict(chain).items() if k != "rpc"} for chain in self._chains.values()]
        content = {
            "chains": sorted(chains, key=lambda chain: chain["chain_id"]),
            "tokens": _canonical(self._tokens.values()),
            "pairs": _canonical(self._pairs.values()),
            "pools": {pair: _canonical(pools) for pair, pools in self._pools.items()},
            "sources": {pair: _canonical(sources) for pair, sources in self._sources.items()},
            "dexes": {f"{dex}:{chain}": asdict(found) for (dex, chain), found in self._contracts.items()},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def _known_chain(self, raw: RawEntry, key: str, chain_id: int) -> None:
        if chain_id not in self._chains:
            raise _refused(raw, key, chain_id, f"no such chain; known are {sorted(self._chains)}")

    def _known_pair(self, raw: RawEntry, pair_id: str) -> Pair:
        if pair_id not in self._pairs:
            raise _refused(raw, "pair", pair_id, f"no such pair; known are {sorted(self._pairs)}")
        return self._pairs[pair_id]


def _in_order(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    return tuple(sorted(pools, key=lambda pool: (pool.chain_id, pool.address)))


def _canonical(values: Iterable[Token | Pair | Pool | CandleSource]) -> list[str]:
    return sorted(json.dumps(asdict(value), sort_keys=True) for value in values)


def _chain_id(raw: RawEntry, name: str) -> int:
    if not name.isascii() or not name.isdigit() or int(name) == 0:
        raise _refused(raw, "chain id", name, "must be a positive whole number")
    return int(name)


def _refused(raw: RawEntry, key: str, value: object, why: str) -> ConfigError:
    return ConfigError(f"{raw.origin}: {raw.where}: {key} = {value!r}: {why}")
