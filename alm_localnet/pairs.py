"""Pairs of the embedded market and the pools they have by default.

Each chain has Uniswap V3 and beside it what trades most on the real one.
"""

from alm_localnet.presets import PairPreset, PoolPreset

WIDE_BINS = ((0.11, 0.7), (0.04, 0.3))
BINS = ((0.055, 0.7), (0.02, 0.3))
STABLE_BINS = ((0.005, 0.6), (0.001, 0.4))
"""Background liquidity in bins of 20, of 10 or 15, and of 1: a range of more than 120 is cut to those at the price."""
_ETHEREUM, _BASE, _AVALANCHE = (1,), (8453,), (43114,)

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
        PoolPreset(dex="uni-v4", fee_pips=500, tick_spacing=10, tvl_usd=2e6, daily_volume_usd=5e6, chains=_ETHEREUM),
        PoolPreset(dex="pcs-v3", fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.4e6, chains=_ETHEREUM),
        PoolPreset(dex="aero-v3", fee_pips=500, tick_spacing=100, tvl_usd=2.5e6, daily_volume_usd=7e6, chains=_BASE),
        PoolPreset(dex="pcs-v4", fee_pips=500, tick_spacing=10, tvl_usd=1e6, daily_volume_usd=2.6e6, chains=_BASE),
        PoolPreset(
            dex="pharaoh-v3", fee_pips=500, tick_spacing=10, tvl_usd=1.5e6, daily_volume_usd=4e6, chains=_AVALANCHE
        ),
        PoolPreset(
            dex="blackhole-v3.200",
            fee_pips=500,
            tick_spacing=200,
            tvl_usd=1e6,
            daily_volume_usd=2.4e6,
            chains=_AVALANCHE,
        ),
        PoolPreset(
            dex="joe-v2.2",
            fee_pips=1000,
            bin_step=10,
            tvl_usd=8e5,
            daily_volume_usd=2.2e6,
            chains=_AVALANCHE,
            ranges=BINS,
        ),
        PoolPreset(
            dex="pangolin-v3", fee_pips=500, tick_spacing=10, tvl_usd=4e5, daily_volume_usd=6e5, chains=_AVALANCHE
        ),
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
        PoolPreset(dex="uni-v4", fee_pips=100, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=2.4e6, chains=_ETHEREUM),
        PoolPreset(dex="pcs-v3", fee_pips=100, tick_spacing=1, tvl_usd=1.5e6, daily_volume_usd=4e6, chains=_ETHEREUM),
        PoolPreset(dex="aero-v3", fee_pips=100, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=2.2e6, chains=_BASE),
        PoolPreset(dex="pcs-v4", fee_pips=100, tick_spacing=1, tvl_usd=8e5, daily_volume_usd=2.1e6, chains=_BASE),
        PoolPreset(
            dex="pharaoh-v3", fee_pips=100, tick_spacing=1, tvl_usd=8e5, daily_volume_usd=2.2e6, chains=_AVALANCHE
        ),
        PoolPreset(
            dex="blackhole-v3", fee_pips=100, tick_spacing=1, tvl_usd=1e6, daily_volume_usd=2.6e6, chains=_AVALANCHE
        ),
        PoolPreset(
            dex="joe-v2.2",
            fee_pips=200,
            bin_step=1,
            tvl_usd=6e5,
            daily_volume_usd=1.5e6,
            chains=_AVALANCHE,
            ranges=STABLE_BINS,
        ),
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
