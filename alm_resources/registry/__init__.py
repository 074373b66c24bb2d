"""Registry: chains, tokens, DEX contracts, pools, pairs and candle sources, from TOML."""

from alm_resources.registry.families import TRADABLE_FAMILIES
from alm_resources.registry.loading import load_registry
from alm_resources.registry.registry import (
    CandleSource,
    ChainConfig,
    DexContracts,
    ListedPool,
    Registry,
    Services,
    Wallet,
)

__all__ = [
    "TRADABLE_FAMILIES",
    "CandleSource",
    "ChainConfig",
    "DexContracts",
    "ListedPool",
    "Registry",
    "Services",
    "Wallet",
    "load_registry",
]
