"""The families as objects."""

from alm_resources.dex.algebra_v1.layout import ALGEBRA_V1, CAMELOT_V3
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter


class AlgebraV1Adapter(UniswapV3Adapter):
    """Adapter of Algebra v1, as deployed by QuickSwap."""

    layout = ALGEBRA_V1


class CamelotV3Adapter(UniswapV3Adapter):
    """Adapter of Camelot V3, where each direction of swaps has a fee of its own."""

    layout = CAMELOT_V3
