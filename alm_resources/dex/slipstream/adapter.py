"""The family as an object."""

from alm_resources.dex.slipstream.layout import SLIPSTREAM
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter


class SlipstreamAdapter(UniswapV3Adapter):
    """Adapter of Slipstream, for positions that the wallet holds itself; gauges are another matter."""

    layout = SLIPSTREAM
