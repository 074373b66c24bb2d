"""Loopback stand-ins for exchanges, GeckoTerminal and Li.Fi: their wire formats over the embedded market."""
