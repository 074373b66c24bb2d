"""What local pools of Uniswap V3's shape have in common: a contract for each, a desk, amounts first in swap events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.rpc import RpcClient

ZERO = "0x" + "00" * 20
OBSERVATIONS = 120
"""Price observations that a new pool has room for: two hours of one a minute."""
V3_SWAP = "Swap(address,address,int256,int256,uint160,uint128,int24)"


def topic(event: str) -> str:
    """Return the first topic of an event.

    Examples
    --------
    >>> topic("Transfer(address,address,uint256)")[:10]
    '0xddf252ad'
    """
    return "0x" + keccak(text=event).hex()


def answer_of(rpc: RpcClient, to: str, signature: str, *values: Any, output: str) -> Any:
    """Return the only output of a view."""
    data = "0x" + calldata(signature, *values).hex()
    return decode([output], bytes.fromhex(rpc.call("eth_call", {"to": to, "data": data}, "latest")[2:]))[0]


def is_empty(rpc: RpcClient, address: str) -> bool:
    """Whether no contract lies at an address."""
    return rpc.call("eth_getCode", address, "latest") in ("0x", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class V3Shape:
    """Desk and swap events of a family.

    Parameters
    ----------
    family
        Name in the registry.
    desk
        Address of its desk.
    desk_contract
        Name of the desk's artifact.
    swap_event
        Signature of the event whose first two data words are the amounts.
    """

    family: str
    desk: str
    desk_contract: str = "DeskV3"
    swap_event: str = V3_SWAP

    @property
    def swap_topic(self) -> str:
        """First topic of the event that a swap leaves."""
        return topic(self.swap_event)

    def install_desk(self, rpc: RpcClient, operator: str, code: Bytecode) -> None:
        """Put the desk at its address unless another deployment of the family did."""
        if is_empty(rpc, self.desk):
            install(rpc, operator, self.desk, code.creation(self.desk_contract))

    def swapped_amounts(self, pool: str, log: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return raw amounts of token0 and token1 that a swap event of this pool moved; positive went into the pool."""
        if log["address"].lower() != pool.lower() or log["topics"][0] != self.swap_topic:
            return None
        amount0, amount1 = decode(["int256", "int256"], bytes.fromhex(log["data"][2:])[:64])
        return amount0, amount1

    def log_filter(self, contracts: Mapping[str, str], pools: Sequence[str]) -> Mapping[str, Any]:
        """Return ``address`` and ``topics`` of ``eth_getLogs`` that find the swaps of these pools."""
        return {"address": list(pools), "topics": [self.swap_topic]}
