"""What a localnet is made of: frozen configuration and the presets of chains."""

import tomllib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from eth_utils.address import to_checksum_address

from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import ConfigError
from alm_core.model.pools import AssetClass

SWAP_ROUTER = "0xE592427A0AEce92De3Edee1F18E0157C05861564"
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
LIFI_DIAMOND = "0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE"
TAPE_HISTORY_DAYS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPreset:
    """A token as the real chain has it. ``tether_like``: no return data, approve only from or to zero."""

    address: str
    decimals: int
    issuer: str
    tether_like: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPreset:
    """Addresses and habits of one chain. ``depth`` and ``turnover`` scale liquidity and volume of its pools."""

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
    """A fee tier of a pair: seeded value and the volume of uninformed traders per day, USD at depth and turnover 1.

    ``chains`` restricts it to some chains; ``None`` means every chain that has both tokens.
    """

    fee_pips: int
    tick_spacing: int
    tvl_usd: float
    daily_volume_usd: float
    chains: tuple[int, ...] | None = None


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


WETH_USDC = PairPreset(
    pair_id="WETH-USDC",
    base="WETH",
    quote="USDC",
    asset_class="volatile",
    process="volatile",
    initial_price=3000.0,
    base_units_per_minute=60.0,
    pools=(
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3_000_000, daily_volume_usd=6_000_000),
        PoolPreset(fee_pips=3000, tick_spacing=60, tvl_usd=1_500_000, daily_volume_usd=350_000),
    ),
    ranges=((0.8, 0.40), (0.3, 0.35), (0.12, 0.20), (0.05, 0.05)),
)
USDC_USDT = PairPreset(
    pair_id="USDC-USDT",
    base="USDC",
    quote="USDT",
    asset_class="stable",
    process="stable",
    initial_price=1.0,
    base_units_per_minute=90_000.0,
    pools=(
        PoolPreset(fee_pips=100, tick_spacing=1, tvl_usd=2_500_000, daily_volume_usd=5_000_000),
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=1_000_000, daily_volume_usd=250_000),
    ),
    ranges=((0.05, 0.10), (0.01, 0.45), (0.003, 0.30), (0.001, 0.15)),
)
WBTC_USDC = PairPreset(
    pair_id="WBTC-USDC",
    base="WBTC",
    quote="USDC",
    asset_class="volatile",
    process="volatile",
    initial_price=90_000.0,
    base_units_per_minute=3.0,
    pools=(
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=2_000_000, daily_volume_usd=3_500_000),
        PoolPreset(fee_pips=3000, tick_spacing=60, tvl_usd=1_500_000, daily_volume_usd=300_000),
    ),
    ranges=((0.8, 0.40), (0.3, 0.35), (0.12, 0.20), (0.05, 0.05)),
)
PAIRS = (USDC_USDT, WETH_USDC, WBTC_USDC)
"""Pairs of the market; every exchange lists them whether or not a localnet has pools of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalnetConfig:
    """Parameters of a localnet.

    Parameters
    ----------
    chains
        Chain ids to start; each needs a table in ``chains.toml``.
    pairs
        Pairs with pools on the chains.
    seed
        Of the market process and the traders. Same seed and start, same prices and volumes.
    start_at
        Quarter hour at which the world begins; ``None`` means eight hours before the current one.
    tape
        Name of a recorded tape that WETH-USDC follows, or ``None`` for the generated market.
    reference_data
        Folder with the recorded tapes; ``None`` looks at ``ALM_REFERENCE_DATA``, then beside the repository.
    history_days
        Days of candles before the start.
    warm_up_minutes
        Minutes that are played on chain before the start.
    capital_usd
        Funds of each pair's wallet on each chain, half in each token of the pair.
    native_coins
        Native coins of each wallet for gas.
    server_lead_s
        Seconds by which the exchanges' clock is ahead of the last played minute: an epoch starts a moment after its
        quarter hour, when the last minute has closed.
    gecko_cache_s
        Seconds of the virtual clock for which GeckoTerminal repeats an answer, with an ``Age``; the real one takes 60.
        Without a number nothing is repeated.
    lifi_quotes_per_2h
        Budget of the Li.Fi stand-in in two hours of the virtual clock; keyed clients have 12,000, keyless ones 75.
    node_dir
        Where ``node_modules`` is installed; ``None`` takes this package's folder, or the user's cache.

    Raises
    ------
    ConfigError
        If a chain has no preset, a pair is unknown, or ``start_at`` is not an aligned UTC quarter hour.
    """

    chains: tuple[int, ...] = (1, 8453, 43114)
    pairs: tuple[PairPreset, ...] = (USDC_USDT, WETH_USDC)
    seed: int = 1
    start_at: datetime | None = None
    tape: str | None = None
    reference_data: Path | None = None
    history_days: int = 40
    warm_up_minutes: int = 10
    capital_usd: float = 15_000.0
    native_coins: float = 10.0
    server_lead_s: float = 3.0
    gecko_cache_s: int | None = None
    lifi_quotes_per_2h: int = 12_000
    node_dir: Path | None = None

    def __post_init__(self) -> None:
        known = chain_presets()
        for chain_id in self.chains:
            if chain_id not in known:
                raise ConfigError(f"localnet: chain {chain_id} has no preset; known are {sorted(known)}")
        for pair in self.pairs:
            for tier in pair.pools:
                _refuse_missing_tokens(pair, tier)
        if self.start_at is not None and floor_to_epoch(self.start_at) != self.start_at:
            raise ConfigError(f"localnet: start_at {self.start_at.isoformat()} is not a quarter hour")

    def tiers_on(self, chain: ChainPreset) -> tuple[tuple[PairPreset, PoolPreset], ...]:
        """Pools to deploy on a chain, with their pairs."""
        return tuple(
            (pair, tier)
            for pair in self.pairs
            if {pair.base, pair.quote} <= chain.tokens.keys()
            for tier in pair.pools
            if tier.chains is None or chain.chain_id in tier.chains
        )

    def pairs_on(self, chain: ChainPreset) -> tuple[PairPreset, ...]:
        """Pairs that have a pool on a chain."""
        present = {pair.pair_id for pair, _ in self.tiers_on(chain)}
        return tuple(pair for pair in self.pairs if pair.pair_id in present)


def forty_one_pools() -> LocalnetConfig:
    """Return a localnet of 41 pools of Uniswap V3 over all seven chains: three pairs, up to three tiers of each."""
    stable = (
        PoolPreset(fee_pips=100, tick_spacing=1, tvl_usd=2.5e6, daily_volume_usd=5e6),
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.5e5, chains=(1, 56, 137, 999, 43114)),
        PoolPreset(fee_pips=3000, tick_spacing=60, tvl_usd=3e5, daily_volume_usd=5e4, chains=(56, 999, 43114)),
    )
    ether = (
        PoolPreset(fee_pips=100, tick_spacing=1, tvl_usd=8e5, daily_volume_usd=2e6, chains=(56, 42161, 43114)),
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),
        PoolPreset(fee_pips=3000, tick_spacing=60, tvl_usd=1.5e6, daily_volume_usd=3.5e5, chains=_NOT_BASE),
        PoolPreset(fee_pips=10_000, tick_spacing=200, tvl_usd=4e5, daily_volume_usd=4e4, chains=(137,)),
    )
    bitcoin = (
        PoolPreset(fee_pips=100, tick_spacing=1, tvl_usd=5e5, daily_volume_usd=1e6, chains=(56, 43114)),
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=2e6, daily_volume_usd=3.5e6, chains=_NOT_BASE),
        PoolPreset(fee_pips=3000, tick_spacing=60, tvl_usd=1.5e6, daily_volume_usd=3e5, chains=(1, 56, 137, 43114)),
    )
    return LocalnetConfig(
        chains=(1, 56, 42161, 8453, 999, 43114, 137),
        pairs=(
            replace(USDC_USDT, pools=stable),
            replace(WETH_USDC, pools=ether),
            replace(WBTC_USDC, pools=bitcoin),
        ),
    )


_NOT_BASE = (1, 56, 137, 42161, 43114)


@cache
def chain_presets() -> dict[int, ChainPreset]:
    """Presets of all chains by id, addresses checksummed."""
    tables = tomllib.loads((files("alm_localnet") / "chains.toml").read_text(encoding="utf-8"))
    return {int(chain_id): _chain_preset(int(chain_id), table) for chain_id, table in tables.items()}


def _refuse_missing_tokens(pair: PairPreset, tier: PoolPreset) -> None:
    known = chain_presets()
    for chain_id in tier.chains or ():
        tokens = known[chain_id].tokens if chain_id in known else {}
        missing = sorted({pair.base, pair.quote} - tokens.keys())
        if missing:
            raise ConfigError(
                f"localnet: chain {chain_id} has no {missing} for the {tier.fee_pips} pips pool of {pair.pair_id}"
            )


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
