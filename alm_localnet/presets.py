"""Presets that localnets are put together from: tokens and chains as the real ones have them, pools and pairs."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from eth_utils.address import to_checksum_address

from alm_core.model.pools import AssetClass

UNISWAP_V3 = "uni-v3"
"""Registry id of the DEX that every local chain has: Li.Fi swaps through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPreset:
    """A token as the real chain has it. ``tether_like``: no return data, approve only from or to zero."""

    address: str
    decimals: int
    issuer: str
    tether_like: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPreset:
    """Addresses and habits of one chain. ``depth`` and ``turnover`` scale liquidity and volume of its pools.

    ``factory``, ``position_manager`` and ``quoter`` are those of Uniswap V3.
    """

    chain_id: int
    name: str
    gecko_network: str
    dexscreener_chain: str
    native_symbol: str
    native_per_eth: float
    base_fee_wei: int
    priority_fee_wei: int
    depth: float
    turnover: float
    wrapped_native: str
    factory: str
    position_manager: str
    quoter: str
    tokens: dict[str, TokenPreset]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPreset:
    """A pool of a pair: seeded value and the volume of uninformed traders per day, USD at depth and turnover 1.

    Parameters
    ----------
    dex
        Registry id of its DEX.
    fee_pips
        What a swap costs, about: in the pool's key where the family has it there, else what arbitrage reckons with.
    tick_spacing
        Of the pool; of no use to pools of bins.
    bin_step
        Of pools of bins.
    chains
        Chains that have the pool; ``None`` means every chain that has both tokens and the DEX.
    ranges
        Background liquidity like that of :class:`PairPreset`, where it is not that of the pair.
    """

    fee_pips: int
    tick_spacing: int = 1
    tvl_usd: float
    daily_volume_usd: float
    dex: str = UNISWAP_V3
    bin_step: int | None = None
    chains: tuple[int, ...] | None = None
    ranges: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPreset:
    """A pair of the embedded market.

    ``ranges`` are (half width as a fraction, share of the seeded value) of the background liquidity.
    """

    pair_id: str
    base: str
    quote: str
    asset_class: AssetClass
    process: Literal["volatile", "stable"]
    initial_price: float
    base_units_per_minute: float
    pools: tuple[PoolPreset, ...]
    ranges: tuple[tuple[float, float], ...]


@cache
def chain_presets() -> dict[int, ChainPreset]:
    """Presets of all chains by id, addresses checksummed."""
    tables = tomllib.loads((files("alm_localnet") / "chains.toml").read_text(encoding="utf-8"))
    return {int(chain_id): _chain_preset(int(chain_id), table) for chain_id, table in tables.items()}


def _chain_preset(chain_id: int, table: dict[str, Any]) -> ChainPreset:
    tokens = {symbol: _token_preset(entry) for symbol, entry in table["tokens"].items()}
    addresses = {
        key: to_checksum_address(table[key]) for key in ("wrapped_native", "factory", "position_manager", "quoter")
    }
    fields: dict[str, Any] = {**table, **addresses, "chain_id": chain_id, "tokens": tokens}
    return ChainPreset(**fields)


def _token_preset(entry: dict[str, Any]) -> TokenPreset:
    fields: dict[str, Any] = {**entry, "address": to_checksum_address(entry["address"])}
    return TokenPreset(**fields)
