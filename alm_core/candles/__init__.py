"""Minutes of a pair: agreeing over venues, changing the quote currency and filling gaps. Pure."""

from alm_core.candles.basis import converted, converted_venue
from alm_core.candles.consensus import Consensus, ConsensusRules, VenueTally, consensus
from alm_core.candles.gaps import FilledSeries, Gap, fill_gaps
from alm_core.candles.grid import VenueSeries

__all__ = [
    "Consensus",
    "ConsensusRules",
    "FilledSeries",
    "Gap",
    "VenueSeries",
    "VenueTally",
    "consensus",
    "converted",
    "converted_venue",
    "fill_gaps",
]
