"""The embedded world: local EVM nodes with real contracts, a market process and loopback stand-ins."""
