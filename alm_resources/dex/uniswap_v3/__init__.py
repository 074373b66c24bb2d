"""Uniswap V3 and the forks that keep its functions."""

from alm_resources.dex.uniswap_v3.adapter import PancakeV3Adapter, PangolinV3Adapter, UniswapV3Adapter

__all__ = ["PancakeV3Adapter", "PangolinV3Adapter", "UniswapV3Adapter"]
