"""The registry overlay that points production code at the localnet."""

import json
from pathlib import Path
from typing import Any

from alm_localnet.config import LIFI_DIAMOND, MULTICALL3, PERMIT2, LocalnetConfig
from alm_localnet.deploy import DeployedChain
from alm_localnet.deployments import Deployment
from alm_localnet.market.venues import SHARES, listed_base
from alm_localnet.market.world import STABLE_PAIR
from alm_localnet.pools import LocalPool
from alm_localnet.presets import PairPreset
from alm_resources.registry.families import FAMILIES

# As in the built-in registry, where each pair has four exchanges; the two that it leaves out get less.
_WEIGHTS = {"binance": 0.40, "bybit": 0.25, "okx": 0.20}
_FOURTH = {"USDC-USDT": "mexc", "WETH-USDC": "gate", "WBTC-USDC": "bitget"}
_FOURTH_WEIGHT, _OTHER_WEIGHT = 0.15, 0.10


def write_registry(path: Path, chains: list[DeployedChain], config: LocalnetConfig, servers: dict[str, str]) -> None:
    """Write the overlay; ``servers`` are base URLs by service: the exchanges, the two pool services, Li.Fi."""
    lines = ["# Written by the localnet; it replaces the built-in registry.", "", *_table("meta", {"mode": "replace"})]
    for chain in chains:
        lines += _chain(chain)
    lines += _dexes(chains)
    for chain in chains:
        lines += _tokens(chain) + _pools(chain)
    lines += _pairs(config)
    services = ("geckoterminal", "dexscreener", "lifi")
    lines += _table("services", {f"{name}_url": servers[name] for name in services})
    lines += _table("services.exchange_urls", {name: servers[name] for name in SHARES})
    path.write_text("\n".join(lines), encoding="utf-8")


def _chain(chain: DeployedChain) -> list[str]:
    preset = chain.preset
    return _table(
        f"chains.{preset.chain_id}",
        {
            "name": preset.name,
            "rpc": [chain.rpc.url],
            "multicall3": MULTICALL3,
            "permit2": PERMIT2,
            "wrapped_native": preset.wrapped_native,
            "native_symbol": preset.native_symbol,
            "gecko_network": preset.gecko_network,
            "lifi_diamond": LIFI_DIAMOND,
            "finality": "finalized",  # two blocks behind the head (anvil with one slot per epoch)
            "final_depth": 2,
        },
    )


def _tokens(chain: DeployedChain) -> list[str]:
    lines = list[str]()
    for symbol, token in chain.preset.tokens.items():
        entry = {"chain": chain.preset.chain_id, "address": token.address, "symbol": symbol}
        asset_class = "stable" if symbol in ("USDC", "USDT") else "volatile"
        lines += _table(
            "[tokens]", entry | {"decimals": token.decimals, "asset_class": asset_class, "issuer": token.issuer}
        )
    return lines


def _pools(chain: DeployedChain) -> list[str]:
    lines = list[str]()
    for pool in chain.pools:
        entry = {
            "pair": pool.pair.pair_id,
            "chain": pool.chain_id,
            "dex": pool.deployment.dex,
            "address": pool.address,
            "base": pool.base.address,
            "quote": pool.quote.address,
        }
        lines += _table("[pools]", entry | _key(pool))
    return lines


def _key(pool: LocalPool) -> dict[str, int]:
    key = pool.key
    words = {"fee_pips": pool.fixed_fee_pips, "tick_spacing": key.tick_spacing, "bin_step": key.bin_step}
    return {name: value for name, value in words.items() if value is not None}


def _dexes(chains: list[DeployedChain]) -> list[str]:
    found = dict[str, dict[int, Deployment]]()
    for chain in chains:
        for deployed in chain.deployments:
            found.setdefault(deployed.dex, {})[chain.preset.chain_id] = deployed
    lines = list[str]()
    for dex, deployments in found.items():
        family = FAMILIES[next(iter(deployments.values())).family]
        lines += _table("[dexes]", {"id": dex, "family": family.name})
        known = {*family.required, *family.optional}
        for chain_id, deployed in deployments.items():
            contracts = {role: address for role, address in deployed.contracts.items() if role in known}
            lines += _table(f"dexes.contracts.{chain_id}", contracts)
    return lines


def _pairs(config: LocalnetConfig) -> list[str]:
    lines = list[str]()
    for pair in config.pairs:
        entry = {"id": pair.pair_id, "base": pair.base, "quote": pair.quote, "asset_class": pair.asset_class}
        lines += _table("[pairs]", entry)
    converts = STABLE_PAIR in {pair.pair_id for pair in config.pairs}
    for pair in config.pairs:
        for exchange in SHARES:
            lines += _table("[sources]", _source(pair, exchange, converts))
    return lines


def _source(pair: PairPreset, exchange: str, converts: bool) -> dict[str, Any]:
    fallback = _FOURTH_WEIGHT if _FOURTH.get(pair.pair_id) == exchange else _OTHER_WEIGHT
    source = {"pair": pair.pair_id, "exchange": exchange, "weight": _WEIGHTS.get(exchange, fallback)}
    if converts and pair.quote == "USDC":
        return source | {"symbol": f"{listed_base(pair)}/USDT", "convert_by": STABLE_PAIR}
    return source | {"symbol": f"{listed_base(pair)}/{pair.quote}"}


def _table(name: str, entries: dict[str, Any]) -> list[str]:
    # JSON strings, integers and lists of them are TOML as well.
    return [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in entries.items()), ""]
