"""Camelot V3 (Algebra 1.9): Algebra's factory from the published bytecode, pools and position manager of ours."""

from collections.abc import Mapping
from dataclasses import dataclass

from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.algebra_v1 import VAULT, pool_by_pair
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import ZERO, V3Shape, answer_of
from alm_localnet.rpc import RpcClient


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCamelotV3(V3Shape):
    """Camelot V3. A pool has a fee for each direction, which stands until it is set."""

    family: str = "camelot_v3"
    desk: str = "0x7ade7000000000000000000000000000000000a8"
    desk_contract: str = "DeskAlgebra"

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install factory, deployer and position manager; there is no quoter and no router."""
        factory, deployer = contracts["factory"], contracts["deployer"]
        install(rpc, operator, deployer, code.creation("CamelotPoolDeployer"))
        install(rpc, operator, factory, code.creation("AlgebraFactory"), "(address,address)", deployer, VAULT)
        rpc.transact(operator, deployer, calldata("setFactory(address)", factory))
        manager, words = code.creation("CamelotPositionManager"), (factory, wrapped_native, ZERO, deployer)
        install(rpc, operator, contracts["position_manager"], manager, "(address,address,address,address)", *words)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create the pool of a pair at a price, with the key's tick spacing and its fee for both directions, if any."""
        pool = pool_by_pair(rpc, operator, contracts["factory"], key)
        if key.tick_spacing not in (None, answer_of(rpc, pool, "tickSpacing()", output="int24")):
            rpc.transact(operator, pool, calldata("setTickSpacing(int24)", key.tick_spacing))
        rpc.transact(operator, pool, calldata("initialize(uint160)", sqrt_price_x96))
        if key.fee_pips is not None:
            self.set_fees(rpc, operator, pool, key.fee_pips, key.fee_pips)
        return pool

    def set_fees(self, rpc: RpcClient, operator: str, pool: str, zero_to_one_pips: int, one_to_zero_pips: int) -> None:
        """Give a pool other fees for all swaps from now on, one for each direction."""
        rpc.transact(operator, pool, calldata("setFees(uint16,uint16)", zero_to_one_pips, one_to_zero_pips))
