"""The family as an object."""

from alm_resources.dex.algebra_integral.layout import ALGEBRA_INTEGRAL
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter


class AlgebraIntegralAdapter(UniswapV3Adapter):
    """Adapter of Algebra Integral, as deployed by Blackhole."""

    layout = ALGEBRA_INTEGRAL
