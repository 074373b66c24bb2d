"""PancakeSwap Infinity, concentrated pools: own contracts with its ABI over the published code of Uniswap V4."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.model.errors import InvalidInput
from alm_localnet.contracts import Bytecode, calldata, install, selector
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.uniswap_v4 import REGISTER, swapped_amounts
from alm_localnet.dexes.v3_shape import ZERO, is_empty, topic
from alm_localnet.rpc import RpcClient

_KEY = "(address,address,address,address,uint24,bytes32)"
_CORE = "0x7adE70000000000000000000000000000000C04E"
_CORE_VIEW = "0x7AdE70000000000000000000000000000000C04F"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalInfinity:
    """PancakeSwap Infinity. All pools live in the CL pool manager, all tokens pass through the vault."""

    family: str = "infinity"
    desk: str = "0x7AdE7000000000000000000000000000000000F1"
    swap_event: str = "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24,uint16)"

    @property
    def swap_topic(self) -> str:
        """First topic of the event that a swap leaves."""
        return topic(self.swap_event)

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install a deployment with a Permit2 of its own, and the core that does its arithmetic."""
        vault, manager, permit2 = contracts["vault"], contracts["pool_manager"], contracts["permit2"]
        if is_empty(rpc, permit2):
            rpc.call("anvil_setCode", permit2, code.runtime("Permit2"))
        install(rpc, operator, _CORE, code.creation("PoolManager"), "(address)", operator)
        install(rpc, operator, _CORE_VIEW, code.creation("StateView"), "(address)", _CORE)
        install(rpc, operator, vault, code.creation("InfinityVault"), "(address)", _CORE)
        three = "(address,address,address)"
        install(rpc, operator, manager, code.creation("InfinityPoolManager"), three, vault, _CORE, _CORE_VIEW)
        positions = code.creation("InfinityPositionManager")
        install(rpc, operator, contracts["position_manager"], positions, three, vault, manager, permit2)
        rpc.transact(operator, vault, calldata("registerApp(address)", manager))
        rpc.transact(operator, _CORE, calldata("setProtocolFeeController(address)", manager))
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
        manager, parameters = contracts["pool_manager"], (key.tick_spacing << 16).to_bytes(32, "big")
        words = (key.token0, key.token1, ZERO, manager, key.fee_pips, parameters)
        rpc.transact(operator, manager, calldata(f"initialize({_KEY},uint160)", words, sqrt_price_x96))
        packed = encode([_KEY], [words])
        market = (
            *(manager, contracts["vault"], manager, selector("lock(bytes)")),
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
