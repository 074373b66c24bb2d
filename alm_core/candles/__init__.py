"""Minutes of a pair: merging venues and filling gaps. Pure."""

from alm_core.candles.gaps import FilledSeries, Gap, fill_gaps
from alm_core.candles.merge import MergedSeries, VenueSeries, merge_venues

__all__ = ["FilledSeries", "Gap", "MergedSeries", "VenueSeries", "fill_gaps", "merge_venues"]
