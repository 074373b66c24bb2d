"""Uniswap V4: all pools in one contract, positions changed by lists of actions."""

from alm_resources.dex.uniswap_v4.adapter import UniswapV4Adapter

__all__ = ["UniswapV4Adapter"]
