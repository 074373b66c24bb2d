"""Minute candles from exchanges."""

from alm_resources.candles.feed import CcxtCandleFeed

__all__ = ["CcxtCandleFeed"]
