"""Same-chain swaps through Li.Fi."""

from alm_resources.lifi.client import LifiClient

__all__ = ["LifiClient"]
