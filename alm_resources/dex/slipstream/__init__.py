"""Slipstream: Aerodrome."""

from alm_resources.dex.slipstream.adapter import SlipstreamAdapter

__all__ = ["SlipstreamAdapter"]
