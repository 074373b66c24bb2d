"""Every DEX family as real deployments: the one place of the tests where a family is added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alm_core.model.dex_ports import DexAdapter
from alm_localnet.config import PERMIT2
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
from alm_resources.dex.algebra_integral import AlgebraIntegralAdapter
from alm_resources.dex.algebra_v1 import AlgebraV1Adapter, CamelotV3Adapter
from alm_resources.dex.liquidity_book.adapter import LiquidityBookAdapter, LiquidityBookV20Adapter
from alm_resources.dex.pancake_infinity import PancakeInfinityAdapter
from alm_resources.dex.ramses_v3 import RamsesV3Adapter
from alm_resources.dex.slipstream import SlipstreamAdapter
from alm_resources.dex.uniswap_v3 import PancakeV3Adapter, PangolinV3Adapter, UniswapV3Adapter
from alm_resources.dex.uniswap_v4 import UniswapV4Adapter
from alm_resources.registry import load_registry
from alm_tests.chain.dex_chain import DexChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment of the registry with the key its pools get here.

    Parameters
    ----------
    dex, chain_id
        What the registry calls it, and where it is.
    local, adapter
        Both sides of its family.
    fee_pips, tick_spacing, bin_step
        Of the pools; ``None`` where the family has no use for it.
    more
        Contracts by role that the registry has for the whole chain.
    """

    dex: str
    chain_id: int
    local: LocalDex
    adapter: type[DexAdapter]
    fee_pips: int | None = None
    tick_spacing: int | None = None
    bin_step: int | None = None
    more: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def family(self) -> str:
        """Name in the registry."""
        return self.local.family

    def chain(self, folder: Path) -> DexChain:
        """Start a chain that has the deployment at its real addresses."""
        contracts = {**load_registry(None).dexes[self.dex, self.chain_id].addresses, **self.more}
        return DexChain(folder, self.local, self.adapter(), contracts, self.chain_id)

    def key(self, token0: str, token1: str) -> PoolKey:
        """Key of a pool of two tokens."""
        return PoolKey(
            token0=token0,
            token1=token1,
            fee_pips=self.fee_pips,
            tick_spacing=self.tick_spacing,
            bin_step=self.bin_step,
        )


DEPLOYMENTS: dict[str, Deployment] = {
    "Uniswap V3": Deployment(
        dex="uni-v3", chain_id=1, local=LocalUniswapV3(), adapter=UniswapV3Adapter, fee_pips=500, tick_spacing=10
    ),
    "PancakeSwap V3": Deployment(
        dex="pcs-v3", chain_id=56, local=LocalPancakeV3(), adapter=PancakeV3Adapter, fee_pips=500, tick_spacing=10
    ),
    "Pangolin V3": Deployment(
        dex="pangolin-v3",
        chain_id=43114,
        local=LocalPangolinV3(),
        adapter=PangolinV3Adapter,
        fee_pips=2500,
        tick_spacing=50,
    ),
    "QuickSwap": Deployment(
        dex="quickswap-v3", chain_id=137, local=LocalAlgebraV1(), adapter=AlgebraV1Adapter, tick_spacing=60
    ),
    "Camelot": Deployment(
        dex="camelot-v3", chain_id=42161, local=LocalCamelotV3(), adapter=CamelotV3Adapter, tick_spacing=60
    ),
    "Blackhole": Deployment(
        dex="blackhole-v3.200",
        chain_id=43114,
        local=LocalAlgebraIntegral(),
        adapter=AlgebraIntegralAdapter,
        fee_pips=400,
        tick_spacing=200,
    ),
    "Slipstream": Deployment(
        dex="aero-v3", chain_id=8453, local=LocalSlipstream(), adapter=SlipstreamAdapter, tick_spacing=50
    ),
    "Ramses V3": Deployment(
        dex="ramses-v3", chain_id=999, local=LocalRamsesV3(), adapter=RamsesV3Adapter, tick_spacing=10
    ),
    "Uniswap V4": Deployment(
        dex="uni-v4",
        chain_id=8453,
        local=LocalUniswapV4(),
        adapter=UniswapV4Adapter,
        fee_pips=500,
        tick_spacing=10,
        more={"permit2": PERMIT2},
    ),
    "Infinity": Deployment(
        dex="pcs-v4",
        chain_id=56,
        local=LocalInfinity(),
        adapter=PancakeInfinityAdapter,
        fee_pips=500,
        tick_spacing=10,
    ),
    "Liquidity Book 2.2": Deployment(
        dex="joe-v2.2", chain_id=43114, local=LocalLiquidityBook(), adapter=LiquidityBookAdapter, bin_step=10
    ),
    "Liquidity Book 2.1": Deployment(
        dex="joe-v2.1",
        chain_id=42161,
        local=LocalLiquidityBook(x_is_token0=False, tells_hooks=False),
        adapter=LiquidityBookAdapter,
        bin_step=20,
    ),
    "Liquidity Book 2.0": Deployment(
        dex="joe-v2", chain_id=43114, local=LocalLiquidityBookV20(), adapter=LiquidityBookV20Adapter, bin_step=10
    ),
}
"""By the name of what runs it; the variants of Liquidity Book have their tokens in either order."""
