"""Ramses V3 and Pharaoh V3 from contracts of ours with their ABI: no package holds their bytecode.

Pools come from the constant stub of the real deployer, so a pool has the address it has on the real chain.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.slipstream import create_pool_by_spacing
from alm_localnet.dexes.v3_shape import ZERO, V3Shape, answer_of
from alm_localnet.rpc import RpcClient


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRamsesV3(V3Shape):
    """Ramses V3. The operator is the access hub, which sets fees and the protocol's part of them (5 % at first)."""

    family: str = "ramses_v3"
    desk: str = "0x7ADe7000000000000000000000000000000000a7"
    desk_contract: str = "DeskRamses"

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install factory, deployer and position manager."""
        factory, deployer = contracts["factory"], contracts["deployer"]
        install(rpc, operator, factory, code.creation("RamsesV3Factory"), "(address)", operator)
        install(rpc, operator, deployer, code.creation("RamsesV3PoolDeployer"), "(address)", factory)
        rpc.transact(operator, factory, calldata("initialize(address)", deployer))
        manager, words = code.creation("RamsesPositionManager"), (deployer, wrapped_native, ZERO, operator)
        install(rpc, operator, contracts["position_manager"], manager, "(address,address,address,address)", *words)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool of a tick spacing at a price, with room for observations, and give it the key's fee if any."""
        pool = create_pool_by_spacing(rpc, operator, contracts["factory"], key, sqrt_price_x96)
        if key.fee_pips is not None and key.fee_pips != answer_of(rpc, pool, "fee()", output="uint24"):
            self.set_fee(rpc, operator, contracts, pool, key.fee_pips)
        return pool

    def set_fee(self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], pool: str, fee_pips: int) -> None:
        """Give a pool another fee for all swaps from now on."""
        rpc.transact(operator, contracts["factory"], calldata("setFee(address,uint24)", pool, fee_pips))

    def set_protocol_part(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], pool: str, part_pips: int
    ) -> None:
        """Give the protocol another part of a pool's fees, in millionths; a pool with a gauge gives it all."""
        rpc.transact(operator, contracts["factory"], calldata("setPoolFeeProtocol(address,uint24)", pool, part_pips))
