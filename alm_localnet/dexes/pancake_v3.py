"""PancakeSwap V3 from contracts of ours with its ABI: no package holds its deployer and position manager."""

from collections.abc import Mapping
from dataclasses import dataclass

from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.uniswap_v3 import create_pool_by_fee
from alm_localnet.dexes.v3_shape import ZERO, V3Shape
from alm_localnet.rpc import RpcClient


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPancakeV3(V3Shape):
    """PancakeSwap V3: the protocol takes about a third of the fees, as on the real chains."""

    family: str = "pancake_v3"
    desk: str = "0x7ADe7000000000000000000000000000000000a5"
    swap_event: str = "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)"

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install factory, deployer and position manager; there is no quoter and no router."""
        factory, deployer = contracts["factory"], contracts["deployer"]
        install(rpc, operator, deployer, code.creation("PancakeV3PoolDeployer"))
        install(rpc, operator, factory, code.creation("PancakeV3Factory"), "(address)", deployer)
        rpc.transact(operator, deployer, calldata("setFactoryAddress(address)", factory))
        manager, words = code.creation("PancakePositionManager"), (deployer, factory, wrapped_native, ZERO)
        install(rpc, operator, contracts["position_manager"], manager, "(address,address,address,address)", *words)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool of a fee tier at a price, with room for observations."""
        return create_pool_by_fee(rpc, operator, contracts["factory"], key, sqrt_price_x96)
