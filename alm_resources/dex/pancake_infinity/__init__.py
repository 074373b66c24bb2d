"""PancakeSwap Infinity, concentrated pools: actions as in Uniswap V4, other keys, a vault and a Permit2 of its own."""

from alm_resources.dex.pancake_infinity.adapter import PancakeInfinityAdapter

__all__ = ["PancakeInfinityAdapter"]
