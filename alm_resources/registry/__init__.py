"""Registry: chains, tokens, DEX contracts, pools, pairs and candle sources, from TOML."""

from alm_resources.registry.loading import load_registry
from alm_resources.registry.registry import CandleSource, ChainConfig, DexContracts, Registry, Services

__all__ = ["CandleSource", "ChainConfig", "DexContracts", "Registry", "Services", "load_registry"]
