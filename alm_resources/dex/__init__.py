"""DEX families: one folder each, with the same file names (abi, adapter, plans, pools, positions).

Forks of Uniswap V3 hold what differs (abi, layout, adapter) and share the rest with ``uniswap_v3``. A new family is a
folder and a line in :func:`adapters`.
"""

from alm_core.model.ports import DexAdapter
from alm_resources.dex.algebra_integral import AlgebraIntegralAdapter
from alm_resources.dex.algebra_v1 import AlgebraV1Adapter, CamelotV3Adapter
from alm_resources.dex.ramses_v3 import RamsesV3Adapter
from alm_resources.dex.slipstream import SlipstreamAdapter
from alm_resources.dex.uniswap_v3 import PancakeV3Adapter, PangolinV3Adapter, UniswapV3Adapter


def adapters() -> dict[str, DexAdapter]:
    """Return the adapter of every family, by the name the registry uses.

    Examples
    --------
    >>> adapters()["pancake_v3"].family
    'pancake_v3'
    """
    families: tuple[DexAdapter, ...] = (
        UniswapV3Adapter(),
        PancakeV3Adapter(),
        PangolinV3Adapter(),
        AlgebraV1Adapter(),
        CamelotV3Adapter(),
        AlgebraIntegralAdapter(),
        SlipstreamAdapter(),
        RamsesV3Adapter(),
    )
    return {adapter.family: adapter for adapter in families}
