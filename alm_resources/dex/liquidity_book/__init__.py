"""Liquidity Book, as deployed by LFJ (Trader Joe) in its versions 2.0, 2.1 and 2.2."""

from alm_resources.dex.liquidity_book.adapter import LiquidityBookAdapter, LiquidityBookV20Adapter

__all__ = ["LiquidityBookAdapter", "LiquidityBookV20Adapter"]
