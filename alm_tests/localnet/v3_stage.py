"""A node with two tokens and any deployments of V3-shaped families, for the tests of the contracts themselves."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from eth_abi.abi import decode

from alm_core.model.errors import SourceRejected
from alm_localnet.anvil import AnvilNode
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes import LocalDex, PoolKey
from alm_localnet.dexes.camelot_v3 import LocalCamelotV3
from alm_localnet.dexes.dex import provide_data, trade_data
from alm_localnet.dexes.pancake_v3 import LocalPancakeV3
from alm_localnet.dexes.ramses_v3 import LocalRamsesV3
from alm_localnet.dexes.slipstream import LocalSlipstream
from alm_localnet.dexes.uniswap_v3 import LocalUniswapV3
from alm_localnet.node import install_node_modules

WRAPPED = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
TOKENS = ("0x1000000000000000000000000000000000000001", "0x2000000000000000000000000000000000000002")
LATE = 2**40
MOST = 2**160 - 1
LOTS = 10**30
_GAS = {"gas": hex(10_000_000), "maxFeePerGas": hex(10**11), "maxPriorityFeePerGas": "0x0"}
REVERTED = "execution reverted"
Q96, Q128 = 2**96, 2**128
UNISWAP, PANCAKE, SLIPSTREAM = LocalUniswapV3(), LocalPancakeV3(), LocalSlipstream()
RAMSES, CAMELOT = LocalRamsesV3(), LocalCamelotV3()
MINT_BY_FEE = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
DECREASE = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
COLLECT = "collect((uint256,address,uint128,uint128))"
V3_POSITION = "uint96,address,address,address,uint24,int24,int24,uint128,uint256,uint256,uint128,uint128"
ALL_OWED = (2**128 - 1, 2**128 - 1)


def deployments(dex_id: str) -> dict[int, dict[str, str]]:
    data = tomllib.loads((files("alm_resources.registry") / "data" / "dexes.toml").read_text("utf-8"))
    (found,) = [dex for dex in data["dexes"] if dex["id"] == dex_id]
    return {int(chain): contracts for chain, contracts in found["contracts"].items()}


CONTRACTS: Mapping[LocalDex, dict[str, str]] = {
    UNISWAP: deployments("uni-v3")[1],
    PANCAKE: deployments("pcs-v3")[56],
    SLIPSTREAM: deployments("aero-v3")[8453],
    RAMSES: deployments("pharaoh-v3")[43114],
    CAMELOT: deployments("camelot-v3")[42161],
}


def manager_of(dex: LocalDex) -> str:
    return CONTRACTS[dex]["position_manager"]


class Stage:
    """Account 0 deploys and trades, 1 holds positions, 2 is a stranger."""

    def __init__(self, folder: Path) -> None:
        modules = install_node_modules()
        self.code = Bytecode(modules)
        self.node = AnvilNode(modules.anvil(), 31337, 1_790_000_000, 10**9, folder)
        self.node.wait_until_ready()
        self.rpc = self.node.rpc
        self._pools: dict[tuple[Any, ...], str] = {}
        # Time stands unless a test lets it pass, so that what is done to two pools in turn is done at one moment.
        self.rpc.call("anvil_setBlockTimestampInterval", 0)
        self.trader, self.wallet, self.stranger = self.rpc.call("eth_accounts")
        install(self.rpc, self.trader, WRAPPED, self.code.creation("WETH9"))
        for token in TOKENS:
            words = ("T", "T", 18, False)
            install(self.rpc, self.trader, token, self.code.creation("Token"), "(string,string,uint8,bool)", *words)

    def stop(self) -> None:
        self.rpc.close()
        self.node.stop()

    def install(self, dex: LocalDex, contracts: dict[str, str]) -> None:
        """Install a deployment, and give its desk and the wallet tokens."""
        dex.install(self.rpc, self.trader, self.code, contracts, WRAPPED)
        for token in TOKENS:
            for account in (dex.desk, self.wallet):
                self.rpc.transact(self.trader, token, calldata("mint(address,uint256)", account, LOTS))
            approve = calldata("approve(address,uint256)", contracts["position_manager"], LOTS)
            self.rpc.transact(self.wallet, token, approve)

    def pool(self, dex: LocalDex, contracts: dict[str, str], price: int, **key: int) -> str:
        """Create a pool of the two tokens, or take the one that an earlier test created."""
        name = (dex.family, *sorted(key.items()))
        if name not in self._pools:
            full = PoolKey(token0=TOKENS[0], token1=TOKENS[1], **key)
            self._pools[name] = dex.create_pool(self.rpc, self.trader, contracts, full, price)
        return self._pools[name]

    def provide(self, dex: LocalDex, pool: str, lower: int, upper: int, liquidity: int) -> None:
        self.rpc.transact(self.trader, dex.desk, provide_data(pool, lower, upper, liquidity))

    def swap(self, dex: LocalDex, pool: str, amount: int, *, zero_for_one: bool) -> dict[str, Any]:
        return self.rpc.transact(self.trader, dex.desk, trade_data(pool, zero_for_one, amount, 0, MOST))

    def pass_time(self, seconds: int) -> None:
        """Mine a block so much later than the last."""
        head = int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self.rpc.call("evm_setNextBlockTimestamp", head + seconds)
        self.rpc.call("evm_mine")

    def send(self, sender: str, to: str, data: bytes) -> dict[str, Any]:
        """Send whether it reverts or not, and return the receipt."""
        return self.rpc.call("eth_sendTransactionSync", {"from": sender, "to": to, "data": "0x" + data.hex(), **_GAS})

    def read(self, to: str, signature: str, outputs: str, *values: Any) -> tuple[Any, ...]:
        """Call a view; ``outputs`` are the types of what it returns, comma-separated."""
        data = "0x" + calldata(signature, *values).hex()
        return decode(
            outputs.split(","), bytes.fromhex(self.rpc.call("eth_call", {"to": to, "data": data}, "latest")[2:])
        )

    def refusal(self, sender: str, to: str, data: bytes) -> str:
        """What a call is refused with."""
        try:
            self.rpc.call("eth_call", {"from": sender, "to": to, "data": "0x" + data.hex()}, "latest")
        except SourceRejected as error:
            return str(error)
        return "not refused"
