"""Market figures from DexScreener, where GeckoTerminal has none."""

from alm_resources.dexscreener.client import DexScreenerClient
from alm_resources.dexscreener.fallback import PoolMarkets

__all__ = ["DexScreenerClient", "PoolMarkets"]
