"""Pangolin V3 from the bytecode of its older name, Elixir: same contracts, other names in callbacks and fee tiers.

Pools are minimal proxies of one implementation. The position manager computes their addresses with the proxy's hash,
which its bytecode holds for the implementation of another chain: here it is replaced by the hash of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.crypto import keccak

from alm_core.model.errors import SourceUnavailable
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.uniswap_v3 import create_pool_by_fee
from alm_localnet.dexes.v3_shape import ZERO, V3Shape
from alm_localnet.rpc import RpcClient

IMPLEMENTATION = "0x7AdE7000000000000000000000000000000e0002"
_PACKAGED_HASH = bytes.fromhex("41a723f9e6457830b1b7a44df4435fab88581d073226894b33131815dd674c22")
_NO_REWARDER = ZERO
"""Only ``claimReward`` calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPangolinV3(V3Shape):
    """Pangolin V3. ``fee_tiers`` are those of Pangolin V3 that Elixir does not bring."""

    family: str = "pangolin_v3"
    desk: str = "0x7AdE7000000000000000000000000000000000A4"
    fee_tiers: tuple[tuple[int, int], ...] = ((100, 1), (2500, 50), (8000, 200))

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install a deployment; there is no bytecode for its quoter and router."""
        factory = contracts["factory"]
        install(rpc, operator, IMPLEMENTATION, code.creation("ElixirPool"))
        install(rpc, operator, factory, code.creation("ElixirFactory"), "(address)", IMPLEMENTATION)
        for tier in self.fee_tiers:
            rpc.transact(operator, factory, calldata("enableFeeAmount(uint24,int24)", *tier))
        types, words = "(address,address,address,address)", (factory, wrapped_native, ZERO, _NO_REWARDER)
        install(rpc, operator, contracts["position_manager"], _manager(code), types, *words)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool of a fee tier at a price, with room for observations."""
        return create_pool_by_fee(rpc, operator, contracts["factory"], key, sqrt_price_x96)


def minimal_proxy(implementation: str) -> bytes:
    """Creation code of a proxy of a contract (EIP-1167, ``Clones.sol`` of OpenZeppelin)."""
    return bytes.fromhex(
        f"3d602d80600a3d3981f3363d3d373d3d3d363d73{implementation.removeprefix('0x')}5af43d82803e903d91602b57fd5bf3"
    )


def _manager(code: Bytecode) -> bytes:
    packaged = code.creation("ElixirPositionManager")
    if packaged.count(_PACKAGED_HASH) != 1:
        raise SourceUnavailable("npm", "the Elixir position manager does not hold the expected pool hash once")
    return packaged.replace(_PACKAGED_HASH, keccak(minimal_proxy(IMPLEMENTATION)))
