"""Localnets of a certain make: what tests and benchmarks start."""

from dataclasses import replace

from alm_localnet.config import LocalnetConfig
from alm_localnet.pairs import BINS, STABLE_BINS, USDC_USDT, WBTC_USDC, WETH_USDC, WIDE_BINS
from alm_localnet.presets import UNISWAP_V3, PoolPreset

_NOT_BASE = (1, 56, 137, 42161, 43114)


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


def uniswap_v3_alone(config: LocalnetConfig) -> LocalnetConfig:
    """Return a localnet without the pools of other DEXes."""
    return replace(
        config,
        pairs=tuple(
            replace(pair, pools=tuple(pool for pool in pair.pools if pool.dex == UNISWAP_V3)) for pair in config.pairs
        ),
    )


def every_family() -> LocalnetConfig:
    """Return a localnet of all seven chains with pools of every DEX that the registry knows on them.

    Chain 999 has no ether: its DEXes have the stable pair, as those do that are made for it.
    """
    ether = (
        PoolPreset(fee_pips=500, tick_spacing=10, tvl_usd=3e6, daily_volume_usd=6e6),
        PoolPreset(dex="uni-v4", fee_pips=500, tick_spacing=10, tvl_usd=2e6, daily_volume_usd=5e6),
        PoolPreset(dex="pcs-v3", fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.5e6),
        PoolPreset(dex="pcs-v4", fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.5e6),
        PoolPreset(dex="pangolin-v3", fee_pips=500, tick_spacing=10, tvl_usd=8e5, daily_volume_usd=1e6),
        PoolPreset(dex="quickswap-v3", fee_pips=150, tick_spacing=60, tvl_usd=1.2e6, daily_volume_usd=2e6),
        PoolPreset(dex="camelot-v3", fee_pips=500, tick_spacing=10, tvl_usd=1.5e6, daily_volume_usd=3e6),
        PoolPreset(dex="blackhole-v3.200", fee_pips=500, tick_spacing=200, tvl_usd=1e6, daily_volume_usd=2.5e6),
        PoolPreset(dex="aero-v3", fee_pips=400, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=6e6),
        PoolPreset(dex="aero-v3.2", fee_pips=500, tick_spacing=50, tvl_usd=8e5, daily_volume_usd=1.5e6),
        PoolPreset(dex="joe-v2", fee_pips=2000, bin_step=20, tvl_usd=5e5, daily_volume_usd=4e5, ranges=WIDE_BINS),
        PoolPreset(dex="joe-v2.1", fee_pips=1500, bin_step=15, tvl_usd=5e5, daily_volume_usd=4e5, ranges=BINS),
        PoolPreset(dex="joe-v2.2", fee_pips=1000, bin_step=10, tvl_usd=1e6, daily_volume_usd=1.5e6, ranges=BINS),
        PoolPreset(dex="ramses-v3", fee_pips=500, tick_spacing=10, tvl_usd=8e5, daily_volume_usd=1.5e6),
        PoolPreset(dex="pharaoh-v3", fee_pips=600, tick_spacing=10, tvl_usd=1.5e6, daily_volume_usd=3e6),
    )
    stable = (
        PoolPreset(fee_pips=100, tick_spacing=1, tvl_usd=2.5e6, daily_volume_usd=5e6),
        PoolPreset(dex="uni-v4", fee_pips=50, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=3e6),
        PoolPreset(dex="pcs-v4", fee_pips=80, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=3e6),
        PoolPreset(dex="joe-v2.2", fee_pips=200, bin_step=1, tvl_usd=8e5, daily_volume_usd=1e6, ranges=STABLE_BINS),
        PoolPreset(dex="blackhole-v3", fee_pips=100, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=2e6),
        PoolPreset(dex="aero-v3.3", fee_pips=100, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=2e6),
        PoolPreset(dex="ramses-v3", fee_pips=100, tick_spacing=1, tvl_usd=8e5, daily_volume_usd=1e6, chains=(999,)),
        PoolPreset(dex="project-x-v3", fee_pips=100, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=2e6),
    )
    return LocalnetConfig(
        chains=(1, 56, 42161, 8453, 999, 43114, 137),
        pairs=(replace(USDC_USDT, pools=stable), replace(WETH_USDC, pools=ether)),
    )
