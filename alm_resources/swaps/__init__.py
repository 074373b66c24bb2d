"""Swaps on one chain: through Li.Fi, and where that has no quote through a router of the pair's own pools."""

from alm_resources.swaps.fallback import FallbackSwaps
from alm_resources.swaps.router import RouterSwaps

__all__ = ["FallbackSwaps", "RouterSwaps"]
