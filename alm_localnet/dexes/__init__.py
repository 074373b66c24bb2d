"""DEX families of the embedded world: a module each, named as in the registry."""

from functools import cache

from alm_localnet.dexes.algebra_integral import LocalAlgebraIntegral
from alm_localnet.dexes.algebra_v1 import LocalAlgebraV1
from alm_localnet.dexes.camelot_v3 import LocalCamelotV3
from alm_localnet.dexes.dex import LocalDex, PoolKey
from alm_localnet.dexes.infinity import LocalInfinity
from alm_localnet.dexes.liquidity_book import LocalLiquidityBook, LocalLiquidityBookV20
from alm_localnet.dexes.pancake_v3 import LocalPancakeV3
from alm_localnet.dexes.pangolin_v3 import LocalPangolinV3
from alm_localnet.dexes.ramses_v3 import LocalRamsesV3
from alm_localnet.dexes.slipstream import LocalSlipstream
from alm_localnet.dexes.uniswap_v3 import LocalUniswapV3
from alm_localnet.dexes.uniswap_v4 import LocalUniswapV4

__all__ = ["LocalDex", "PoolKey", "local_dex", "local_dexes"]


@cache
def local_dexes() -> dict[str, LocalDex]:
    """Return the local side of every family, by the name the registry uses.

    Examples
    --------
    >>> "uniswap_v3" in local_dexes()
    True
    """
    families: tuple[LocalDex, ...] = (
        LocalUniswapV3(),
        LocalPancakeV3(),
        LocalPangolinV3(),
        LocalAlgebraV1(),
        LocalCamelotV3(),
        LocalAlgebraIntegral(),
        LocalSlipstream(),
        LocalRamsesV3(),
        LocalUniswapV4(),
        LocalInfinity(),
        LocalLiquidityBook(),
        LocalLiquidityBookV20(),
    )
    return {dex.family: dex for dex in families}


def local_dex(name: str, family: str) -> LocalDex:
    """Return the local side of a DEX: that of its family, or of its own version.

    Examples
    --------
    >>> local_dex("uni-v3", "uniswap_v3").family
    'uniswap_v3'
    """
    return _versions().get(name) or local_dexes()[family]


@cache
def _versions() -> dict[str, LocalDex]:
    return {"joe-v2.1": LocalLiquidityBook(tells_hooks=False)}
