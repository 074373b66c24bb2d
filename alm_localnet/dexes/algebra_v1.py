"""Algebra 1.0 as QuickSwap runs it, from the published bytecode. The fee follows the pool's own volatility."""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from alm_core.model.errors import InvalidInput
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import ZERO, V3Shape, answer_of
from alm_localnet.rpc import RpcClient

VAULT = "0x7ade700000000000000000000000000000000FEE"
"""Gets the community's part of fees, which is nothing until governance says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAlgebraV1(V3Shape):
    """QuickSwap V3."""

    family: str = "algebra_v1"
    desk: str = "0x7aDe7000000000000000000000000000000000a1"
    desk_contract: str = "DeskAlgebra"

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install a deployment; quoter and router where the registry names them."""
        factory, deployer = contracts["factory"], contracts["deployer"]
        install(rpc, operator, deployer, code.creation("AlgebraPoolDeployer"))
        install(rpc, operator, factory, code.creation("AlgebraFactory"), "(address,address)", deployer, VAULT)
        rpc.transact(operator, deployer, calldata("setFactory(address)", factory))
        install_algebra_periphery(rpc, operator, code, contracts, wrapped_native, "Algebra")
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create the pool of a pair at a price.

        Raises
        ------
        InvalidInput
            If the key asks for a tick spacing that these pools do not have; all of them have the same.
        """
        factory = contracts["factory"]
        pool = pool_by_pair(rpc, operator, factory, key)
        spacing = answer_of(rpc, pool, "tickSpacing()", output="int24")
        if key.tick_spacing not in (None, spacing):
            raise InvalidInput(f"pools of {factory} have a tick spacing of {spacing}, not {key.tick_spacing}")
        rpc.transact(operator, pool, calldata("initialize(uint160)", sqrt_price_x96))
        return pool


def pool_by_pair(rpc: RpcClient, operator: str, factory: str, key: PoolKey) -> str:
    """Create the only pool of a pair and return its checksummed address; it has no price yet."""
    words = (key.token0, key.token1)
    rpc.transact(operator, factory, calldata("createPool(address,address)", *words))
    return to_checksum_address(answer_of(rpc, factory, "poolByPair(address,address)", *words, output="address"))


def install_algebra_periphery(
    rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str, prefix: str
) -> None:
    """Install position manager, quoter and router of an Algebra deployment; ``prefix`` names their bytecode."""
    factory, deployer = contracts["factory"], contracts["deployer"]
    manager = code.creation(f"{prefix}PositionManager")
    words = (factory, wrapped_native, ZERO, deployer)
    install(rpc, operator, contracts["position_manager"], manager, "(address,address,address,address)", *words)
    for role, name in (("quoter", "QuoterV2"), ("router", "SwapRouter")):
        if role in contracts:
            core = (factory, wrapped_native, deployer)
            install(
                rpc, operator, contracts[role], code.creation(f"{prefix}{name}"), "(address,address,address)", *core
            )
