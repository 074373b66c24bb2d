"""DEX families: one folder each, with the same file names (abi, adapter, plans, pools, positions).

Forks of Uniswap V3 hold what differs (abi, layout, adapter) and share the rest with ``uniswap_v3``. A new family is a
folder and a line in :func:`adapters`.
"""

from collections.abc import Iterable

from alm_core.model.dex_ports import DexAdapter
from alm_resources.dex.algebra_integral import AlgebraIntegralAdapter
from alm_resources.dex.algebra_v1 import AlgebraV1Adapter, CamelotV3Adapter
from alm_resources.dex.liquidity_book import LiquidityBookAdapter, LiquidityBookV20Adapter
from alm_resources.dex.pancake_infinity import PancakeInfinityAdapter
from alm_resources.dex.ramses_v3 import RamsesV3Adapter
from alm_resources.dex.slipstream import SlipstreamAdapter
from alm_resources.dex.uniswap_v3 import PancakeV3Adapter, PangolinV3Adapter, UniswapV3Adapter
from alm_resources.dex.uniswap_v4 import Remembered, UniswapV4Adapter


def adapters(allowed_hooks: Iterable[str] = (), remembered: Remembered | None = None) -> dict[str, DexAdapter]:
    """Return the adapter of every family, by the name the registry uses.

    Parameters
    ----------
    allowed_hooks
        Hook contracts of Uniswap V4 whose pools may be used; all others are refused.
    remembered
        Tells token ids that a wallet was seen to hold, where a family's position manager does not list them. It saves
        searching logs; every id is proven on chain.

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
        UniswapV4Adapter(allowed_hooks, remembered=remembered),
        PancakeInfinityAdapter(remembered=remembered),
        LiquidityBookAdapter(),
        LiquidityBookV20Adapter(),
    )
    return {adapter.family: adapter for adapter in families}
