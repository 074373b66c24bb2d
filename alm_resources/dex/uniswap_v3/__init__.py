"""Uniswap V3, as deployed by Uniswap."""

from alm_resources.dex.uniswap_v3.adapter import UniswapV3Adapter

__all__ = ["UniswapV3Adapter"]
