"""The family as an object."""

from alm_resources.dex.ramses_v3.layout import RAMSES_V3
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter


class RamsesV3Adapter(UniswapV3Adapter):
    """Adapter of Ramses V3, as deployed by Ramses and Pharaoh."""

    layout = RAMSES_V3
