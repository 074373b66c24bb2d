"""Market figures from GeckoTerminal."""

from alm_resources.geckoterminal.client import GeckoTerminalClient

__all__ = ["GeckoTerminalClient"]
