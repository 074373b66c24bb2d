"""Algebra Integral as Blackhole runs it, from the published bytecode."""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.algebra_v1 import install_algebra_periphery
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import V3Shape, answer_of
from alm_localnet.rpc import RpcClient

ENTRY_POINT = "0x7AdE7000000000000000000000000000000000E3"
"""Where custom deployers make pools; no registry needs to know it."""
_ROLES = ("CUSTOM_POOL_DEPLOYER", "POOLS_ADMINISTRATOR")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAlgebraIntegral(V3Shape):
    """Algebra Integral without plugins, so with a fee that stands until it is set.

    Where the deployment has a ``custom_deployer``, pools come from it through an entry point, as Blackhole's do:
    ``poolByPair`` does not know them and the position manager must be told the deployer. Else they are the factory's.
    """

    family: str = "algebra_integral"
    desk: str = "0x7ADE7000000000000000000000000000000000a2"
    desk_contract: str = "DeskAlgebra"

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install a deployment; quoter, router, entry point and custom deployer where the registry names them."""
        factory, deployer = contracts["factory"], contracts["deployer"]
        # Each takes the other's address and calls nothing of it while it is constructed.
        install(rpc, operator, factory, code.creation("IntegralFactory"), "(address)", deployer)
        install(rpc, operator, deployer, code.creation("IntegralPoolDeployer"), "(address)", factory)
        install_algebra_periphery(rpc, operator, code, contracts, wrapped_native, "Integral")
        if "custom_deployer" in contracts:
            entry = contracts.get("entry_point", ENTRY_POINT)
            install(rpc, operator, entry, code.creation("IntegralEntryPoint"), "(address)", factory)
            for role in _ROLES:
                rpc.transact(operator, factory, calldata("grantRole(bytes32,address)", keccak(text=role), entry))
            custom = code.creation("CustomPoolDeployer")
            install(rpc, operator, contracts["custom_deployer"], custom, "(address)", entry)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create the pool of a pair at a price, with the key's fee and tick spacing if it has them."""
        factory, custom, words = contracts["factory"], contracts.get("custom_deployer"), (key.token0, key.token1)
        if custom:
            rpc.transact(operator, custom, calldata("createPool(address,address)", *words))
            found = answer_of(
                rpc, factory, "customPoolByPair(address,address,address)", custom, *words, output="address"
            )
        else:
            rpc.transact(operator, factory, calldata("createPool(address,address,bytes)", *words, b""))
            found = answer_of(rpc, factory, "poolByPair(address,address)", *words, output="address")
        pool = to_checksum_address(found)
        rpc.transact(operator, pool, calldata("initialize(uint160)", sqrt_price_x96))
        if key.tick_spacing not in (None, answer_of(rpc, pool, "tickSpacing()", output="int24")):
            _set(rpc, operator, custom, pool, "setTickSpacing", "int24", key.tick_spacing)
        if key.fee_pips is not None and key.fee_pips != answer_of(rpc, pool, "fee()", output="uint16"):
            self.set_fee(rpc, operator, contracts, pool, key.fee_pips)
        return pool

    def set_fee(self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], pool: str, fee_pips: int) -> None:
        """Give a pool another fee for all swaps from now on, as a plugin would; up to 65,535."""
        _set(rpc, operator, contracts.get("custom_deployer"), pool, "setFee", "uint16", fee_pips)


def _set(rpc: RpcClient, operator: str, custom: str | None, pool: str, name: str, kind: str, value: int | None) -> None:
    if custom:
        rpc.transact(operator, custom, calldata(f"{name}(address,{kind})", pool, value))
    else:
        rpc.transact(operator, pool, calldata(f"{name}({kind})", value))
