"""Uniswap V4 from the published bytecode: pool manager, position manager, StateView and V4Quoter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from alm_core.model.errors import InvalidInput
from alm_localnet.contracts import Bytecode, calldata, install, selector
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import ZERO, is_empty, topic
from alm_localnet.rpc import RpcClient

_KEY = "(address,address,uint24,int24,address)"
REGISTER = "register((address,address,address,bytes4,bytes4,bytes4,bytes))"
"""Tells a desk a pool: contracts with pools, tokens and prices, selectors to lock, swap and change, the encoded key."""
_UNSUBSCRIBE_GAS = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUniswapV4:
    """Uniswap V4. All pools live in the pool manager; the desk has to be told their keys."""

    family: str = "uniswap_v4"
    desk: str = "0x7AdE7000000000000000000000000000000000F4"
    swap_event: str = "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)"

    @property
    def swap_topic(self) -> str:
        """First topic of the event that a swap leaves."""
        return topic(self.swap_event)

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install a deployment, the quoter where the registry names it."""
        manager, permit2 = contracts["pool_manager"], contracts["permit2"]
        if is_empty(rpc, permit2):
            rpc.call("anvil_setCode", permit2, code.runtime("Permit2"))
        install(rpc, operator, manager, code.creation("PoolManager"), "(address)", operator)
        types = "(address,address,uint256,address,address)"
        values = (manager, permit2, _UNSUBSCRIBE_GAS, ZERO, wrapped_native)
        install(rpc, operator, contracts["position_manager"], code.creation("PositionManager"), types, *values)
        for role, name in (("state_view", "StateView"), ("quoter", "V4Quoter")):
            if role in contracts:
                install(rpc, operator, contracts[role], code.creation(name), "(address)", manager)
        if is_empty(rpc, self.desk):
            install(rpc, operator, self.desk, code.creation("DeskV4"))

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool at a price, tell the desk its key, and return the pool's id.

        Raises
        ------
        InvalidInput
            If the key has no fee or no tick spacing.
        """
        if key.fee_pips is None or key.tick_spacing is None:
            raise InvalidInput(f"a pool of {self.family} has fee and tick spacing in its key; {key} has not")
        words = (key.token0, key.token1, key.fee_pips, key.tick_spacing, ZERO)
        manager = contracts["pool_manager"]
        rpc.transact(operator, manager, calldata(f"initialize({_KEY},uint160)", words, sqrt_price_x96))
        packed = encode([_KEY], [words])
        market = (
            *(manager, manager, contracts["state_view"], selector("unlock(bytes)")),
            selector(f"swap({_KEY},(bool,int256,uint160),bytes)"),
            selector(f"modifyLiquidity({_KEY},(int24,int24,int256,bytes32),bytes)"),
            packed,
        )
        rpc.transact(operator, self.desk, calldata(REGISTER, market))
        return "0x" + keccak(packed).hex()

    def swapped_amounts(self, pool: str, log: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return raw amounts of token0 and token1 that a swap event of this pool moved; positive went into the pool."""
        return swapped_amounts(self.swap_topic, pool, log)

    def log_filter(self, contracts: Mapping[str, str], pools: Sequence[str]) -> Mapping[str, Any]:
        """Return ``address`` and ``topics`` of ``eth_getLogs`` that find the swaps of these pools."""
        return {"address": contracts["pool_manager"], "topics": [self.swap_topic, list(pools)]}


def swapped_amounts(swap_topic: str, pool: str, log: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return what a swap moved into the pool; the events tell what the swapper got, so that signs turn."""
    if len(log["topics"]) != 3 or log["topics"][0] != swap_topic or log["topics"][1].lower() != pool.lower():
        return None
    amount0, amount1 = decode(["int128", "int128"], bytes.fromhex(log["data"][2:])[:64])
    return -amount0, -amount1
