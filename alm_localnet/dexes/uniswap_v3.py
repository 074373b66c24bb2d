"""Uniswap V3 from the published bytecode: factory, position manager, QuoterV2 and SwapRouter."""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from alm_core.model.errors import InvalidInput
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import OBSERVATIONS, ZERO, V3Shape, answer_of
from alm_localnet.rpc import RpcClient

_CREATE = "createPool(address,address,uint24)"
_GET = "getPool(address,address,uint24)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUniswapV3(V3Shape):
    """Uniswap V3. ``fee_tiers`` are the ``(fee, tick spacing)`` that governance added after the deployment."""

    family: str = "uniswap_v3"
    desk: str = "0x7ADe7000000000000000000000000000000000a3"
    fee_tiers: tuple[tuple[int, int], ...] = ((100, 1),)

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install a deployment; quoter and router where the registry names them."""
        factory = contracts["factory"]
        install(rpc, operator, factory, code.creation("UniswapV3Factory"))
        for tier in self.fee_tiers:
            rpc.transact(operator, factory, calldata("enableFeeAmount(uint24,int24)", *tier))
        core = (factory, wrapped_native)
        manager = code.creation("NonfungiblePositionManager")
        install(rpc, operator, contracts["position_manager"], manager, "(address,address,address)", *core, ZERO)
        for role, name in (("quoter", "QuoterV2"), ("router", "SwapRouter")):
            if role in contracts:
                install(rpc, operator, contracts[role], code.creation(name), "(address,address)", *core)
        self.install_desk(rpc, operator, code)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool of a fee tier at a price, with room for observations."""
        return create_pool_by_fee(rpc, operator, contracts["factory"], key, sqrt_price_x96)


def create_pool_by_fee(rpc: RpcClient, operator: str, factory: str, key: PoolKey, sqrt_price_x96: int) -> str:
    """Create a pool through a factory that knows pools by fee, initialise it and return its checksummed address.

    Raises
    ------
    InvalidInput
        If the key has no fee.
    """
    if key.fee_pips is None:
        raise InvalidInput(f"a pool of {factory} has its fee in the key; {key} has none")
    words = (key.token0, key.token1, key.fee_pips)
    rpc.transact(operator, factory, calldata(_CREATE, *words))
    pool = to_checksum_address(answer_of(rpc, factory, _GET, *words, output="address"))
    rpc.transact(operator, pool, calldata("initialize(uint160)", sqrt_price_x96))
    rpc.transact(operator, pool, calldata("increaseObservationCardinalityNext(uint16)", OBSERVATIONS))
    return pool
