"""Swaps on one chain and transfers between chains through Li.Fi."""

from alm_resources.lifi.client import LifiClient
from alm_resources.lifi.costs import LifiCosts

__all__ = ["LifiClient", "LifiCosts"]
