"""A pool proven by a whole life in it: read, open, wait, collect, shift, close, with books that equal the chain."""

from alm_resources.roundtrip.line import PoolLine
from alm_resources.roundtrip.options import Options
from alm_resources.roundtrip.trip import RoundTrip

__all__ = ["Options", "PoolLine", "RoundTrip"]
