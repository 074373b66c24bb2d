"""The registry overlay that points production code at the localnet."""

import json
from pathlib import Path
from typing import Any

from alm_localnet.config import LIFI_DIAMOND, MULTICALL3, PERMIT2, SWAP_ROUTER, LocalnetConfig
from alm_localnet.deploy import DeployedChain

_WEIGHTS = {"binance": 0.6, "bybit": 0.4}


def write_registry(path: Path, chains: list[DeployedChain], config: LocalnetConfig, servers: dict[str, str]) -> None:
    """Write the overlay; ``servers`` are base URLs by service (``binance``, ``bybit``, ``geckoterminal``, ``lifi``)."""
    lines = ["# Written by the localnet; it replaces the built-in registry.", "", *_table("meta", {"mode": "replace"})]
    for chain in chains:
        lines += _chain(chain)
    lines += _table("[dexes]", {"id": "uni-v3", "family": "uniswap_v3"})
    for chain in chains:
        preset = chain.preset
        contracts = {
            "factory": preset.factory,
            "position_manager": preset.position_manager,
            "quoter": preset.quoter,
            "router": SWAP_ROUTER,
        }
        lines += _table(f"dexes.contracts.{preset.chain_id}", contracts)
    for chain in chains:
        lines += _tokens(chain) + _pools(chain)
    lines += _pairs(config)
    lines += _table("services", {"geckoterminal_url": servers["geckoterminal"], "lifi_url": servers["lifi"]})
    lines += _table("services.exchange_urls", {name: servers[name] for name in _WEIGHTS})
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
            "finality": "latest",
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
            "dex": "uni-v3",
            "address": pool.address,
            "base": pool.base.address,
            "quote": pool.quote.address,
            "fee_pips": pool.preset.fee_pips,
            "tick_spacing": pool.preset.tick_spacing,
        }
        lines += _table("[pools]", entry)
    return lines


def _pairs(config: LocalnetConfig) -> list[str]:
    lines = list[str]()
    for pair in config.pairs:
        entry = {"id": pair.pair_id, "base": pair.base, "quote": pair.quote, "asset_class": pair.asset_class}
        lines += _table("[pairs]", entry)
    for pair in config.pairs:
        for exchange, symbol in pair.exchange_symbols.items():
            entry = {"pair": pair.pair_id, "exchange": exchange, "symbol": symbol, "weight": _WEIGHTS[exchange]}
            lines += _table("[sources]", entry)
    return lines


def _table(name: str, entries: dict[str, Any]) -> list[str]:
    # JSON strings, integers and lists of them are TOML as well.
    return [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in entries.items()), ""]
