"""Uniswap V4: all pools in one contract, positions changed by lists of actions."""

from alm_resources.dex.uniswap_v4.adapter import UniswapV4Adapter
from alm_resources.dex.uniswap_v4.token_ids import Remembered

__all__ = ["Remembered", "UniswapV4Adapter"]
