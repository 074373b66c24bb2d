"""DEX families of the embedded world: a module each, named as in the registry."""

from alm_localnet.dexes.dex import LocalDex, PoolKey

__all__ = ["LocalDex", "PoolKey"]
