"""DEX families: one folder each, with the same file names (abi, adapter, plans, pools, positions).

A new family is a folder like ``uniswap_v3`` and a line in :func:`adapters`. Families that are only read have a line in
:func:`alm_resources.dex.readers.pool_readers`.
"""

from alm_core.model.ports import DexAdapter
from alm_resources.dex.uniswap_v3 import UniswapV3Adapter


def adapters() -> dict[str, DexAdapter]:
    """Return the adapter of every family, by the name the registry uses.

    Examples
    --------
    >>> sorted(adapters())
    ['uniswap_v3']
    """
    families: tuple[DexAdapter, ...] = (UniswapV3Adapter(),)
    return {adapter.family: adapter for adapter in families}
