"""Aerodrome's Slipstream from contracts of ours with its ABI: no package holds its bytecode.

Pools are minimal proxies of the implementation that the first generation uses on Base, so a pool of its factory has the
address it has there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from alm_core.model.errors import InvalidInput
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import OBSERVATIONS, ZERO, V3Shape, answer_of, is_empty
from alm_localnet.rpc import RpcClient

IMPLEMENTATION = "0xeC8E5342B19977B4eF8892e02D8DAEcfa1315831"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSlipstream(V3Shape):
    """Slipstream. Swap fees are the tick spacing's unless a pool was given its own, which may change at any time."""

    family: str = "slipstream"
    desk: str = "0x7aDe7000000000000000000000000000000000A6"

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install factory, position manager, the module of fees and, once, the implementation of pools."""
        factory = contracts["factory"]
        if is_empty(rpc, IMPLEMENTATION):
            install(rpc, operator, IMPLEMENTATION, code.creation("SlipstreamPool"))
        install(rpc, operator, factory, code.creation("SlipstreamFactory"), "(address,address)", ZERO, IMPLEMENTATION)
        module = fee_module(contracts)
        install(rpc, operator, module, code.creation("SlipstreamFeeModule"), "(address)", factory)
        rpc.transact(operator, factory, calldata("setSwapFeeModule(address)", module))
        manager, words = code.creation("SlipstreamPositionManager"), (factory, wrapped_native, ZERO)
        install(rpc, operator, contracts["position_manager"], manager, "(address,address,address)", *words)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool of a tick spacing at a price, with room for observations, and give it the key's fee if any."""
        pool = create_pool_by_spacing(rpc, operator, contracts["factory"], key, sqrt_price_x96)
        if key.fee_pips not in (None, answer_of(rpc, pool, "fee()", output="uint24")):
            self.set_fee(rpc, operator, contracts, pool, key.fee_pips)
        return pool

    def set_fee(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], pool: str, fee_pips: int | None
    ) -> None:
        """Give a pool another fee for all swaps from now on; ``None`` takes it back to its tick spacing's."""
        # The module keeps 420 for no fee at all, and 0 for the usual one.
        word = {None: 0, 0: 420}.get(fee_pips, fee_pips)
        rpc.transact(operator, fee_module(contracts), calldata("setCustomFee(address,uint24)", pool, word))


def fee_module(contracts: Mapping[str, str]) -> str:
    """Address of a deployment's fee module: where the registry has none, one that is made of the factory's."""
    return contracts.get("swap_fee_module") or to_checksum_address(f"0x7ade7{contracts['factory'][-35:]}")


def create_pool_by_spacing(rpc: RpcClient, operator: str, factory: str, key: PoolKey, sqrt_price_x96: int) -> str:
    """Create a pool through a factory that knows pools by tick spacing, and return its checksummed address.

    Raises
    ------
    InvalidInput
        If the key has no tick spacing.
    """
    if key.tick_spacing is None:
        raise InvalidInput(f"a pool of {factory} has its tick spacing in the key; {key} has none")
    words = (key.token0, key.token1, key.tick_spacing)
    create = calldata("createPool(address,address,int24,uint160)", *words, sqrt_price_x96)
    rpc.transact(operator, factory, create)
    pool = to_checksum_address(answer_of(rpc, factory, "getPool(address,address,int24)", *words, output="address"))
    rpc.transact(operator, pool, calldata("increaseObservationCardinalityNext(uint16)", OBSERVATIONS))
    return pool
