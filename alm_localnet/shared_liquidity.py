"""Liquidity of pools that share one contract with others, from its events: nothing else tells what belongs to a pool.

Uniswap V4 and PancakeSwap Infinity emit the same ``ModifyLiquidity`` (``IPoolManager.sol``, ``ICLPoolManager.sol``).
"""

import copy
import math
from collections import defaultdict
from typing import Any, cast

from eth_abi.abi import decode

from alm_localnet.deploy import DeployedChain
from alm_localnet.dexes.v3_shape import topic
from alm_localnet.pools import LocalPool, amounts_of_liquidity

_MODIFIED = topic("ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)")
_FIELDS = ("int24", "int24", "int256", "bytes32")

_Ranges = dict[str, dict[tuple[int, int], int]]


class SharedLiquidity:
    """Net liquidity by pool and range of all pools of a chain that share their contract."""

    def __init__(self, chain: DeployedChain) -> None:
        self._rpc = chain.rpc
        self._pools = [pool for pool in chain.pools if pool.shared]
        self._ranges: _Ranges = {pool.address: defaultdict(int) for pool in self._pools}
        self._next_block = 0

    def read_events(self, head: int) -> None:
        """Add the events of all blocks up to ``head`` since the last call."""
        if not self._pools:
            return
        query = {
            "fromBlock": hex(self._next_block),
            "toBlock": hex(head),
            "address": sorted({pool.deployment.contracts["pool_manager"] for pool in self._pools}),
            "topics": [_MODIFIED, [pool.address for pool in self._pools]],
        }
        for log in self._rpc.call("eth_getLogs", query):
            self._add(log)
        self._next_block = head + 1

    def amounts(self, pool: LocalPool, price: float) -> tuple[float, float]:
        """Raw base and quote behind all liquidity of a pool at a price; fees not collected are not in it."""
        root = math.sqrt(pool.raw_price(price))
        sums = [0.0, 0.0]
        for (lower, upper), liquidity in self._ranges[pool.address].items():
            for side, amount in enumerate(amounts_of_liquidity(root, lower, upper)):
                sums[side] += liquidity * amount
        return (sums[0], sums[1]) if pool.base_is_token0 else (sums[1], sums[0])

    def saved(self) -> object:
        """State to give to :meth:`restore`."""
        return self._next_block, copy.deepcopy(self._ranges)

    def restore(self, state: object) -> None:
        """Go back to a saved state."""
        next_block, ranges = cast("tuple[int, _Ranges]", state)
        self._next_block, self._ranges = next_block, copy.deepcopy(ranges)

    def _add(self, log: dict[str, Any]) -> None:
        lower, upper, delta, _ = decode(_FIELDS, bytes.fromhex(log["data"][2:]))
        self._ranges[log["topics"][1].lower()][lower, upper] += delta
