"""Liquidity Book in its three versions, from stand-ins with the real ABI and arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address

from alm_core.math.bin_ranges import bin_of_place, place_at_sqrt_price_x96
from alm_core.model.errors import InvalidInput
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.dexes.dex import PoolKey
from alm_localnet.dexes.v3_shape import ZERO, answer_of, is_empty, topic
from alm_localnet.rpc import RpcClient

PRESETS: dict[int, tuple[int, ...]] = {
    1: (20_000, 10, 120, 5_000, 2_000_000, 1_000, 100_000),
    2: (15_000, 10, 120, 5_000, 500_000, 1_000, 250_000),
    5: (8_000, 30, 600, 5_000, 120_000, 1_000, 300_000),
    10: (10_000, 30, 600, 5_000, 40_000, 1_000, 350_000),
    15: (10_000, 30, 600, 5_000, 30_000, 1_000, 350_000),
    20: (10_000, 30, 600, 5_000, 20_000, 2_000, 350_000),
    25: (8_000, 30, 600, 5_000, 7_500, 2_000, 300_000),
    50: (8_000, 120, 1_200, 5_000, 4_000, 2_500, 250_000),
    100: (8_000, 300, 1_200, 5_000, 1_000, 2_500, 150_000),
}
"""Of each bin step: base factor, filter and decay period, reduction, variable fee, protocol share, most volatility."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLiquidityBook:
    """Liquidity Book 2.1 and 2.2: fees stay in the bins.

    Parameters
    ----------
    x_is_token0
        How pairs are created: the real ones have their tokens in either order.
    tells_hooks
        Whether pairs are of 2.2, which have ``getLBHooksParameters``.
    """

    family: str = "liquidity_book"
    desk: str = "0x7ADE700000000000000000000000000000000021"
    swap_event: str = "Swap(address,address,uint24,bytes32,bytes32,uint24,bytes32,bytes32)"
    x_is_token0: bool = True
    tells_hooks: bool = True

    @property
    def swap_topic(self) -> str:
        """First topic of the event that a swap leaves, one in each bin."""
        return topic(self.swap_event)

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install factory and router of a deployment, with presets for every bin step, and the desk once."""
        factory, router = contracts["factory"], contracts["router"]
        install(rpc, operator, factory, code.creation("LBFactory"), "(bool)", self.tells_hooks)
        values = (factory, ZERO, wrapped_native)
        install(rpc, operator, router, code.creation("LBRouter"), "(address,address,address)", *values)
        for step, preset in PRESETS.items():
            signature = "setPreset(uint16,uint16,uint16,uint16,uint16,uint24,uint16,uint24,bool)"
            rpc.transact(operator, factory, calldata(signature, step, *preset, True))
        _install_desk(rpc, operator, code, self.desk)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pair whose active bin holds the price, and return its address.

        Raises
        ------
        InvalidInput
            If the key has no bin step.
        """
        return _create_pair(rpc, operator, contracts["factory"], key, sqrt_price_x96, x_is_token0=self.x_is_token0)

    def swapped_amounts(self, pool: str, log: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return raw amounts of token0 and token1 that a swap moved in one bin; positive went into the pool."""
        if not _is_of(pool, log, self.swap_topic):
            return None
        types = ["uint24", "uint256", "uint256", "uint24", "uint256", "uint256"]
        _, into, out, _, _, protocol = decode(types, bytes.fromhex(log["data"][2:]))
        # The event has what stays in the bin; the protocol's part came in as well.
        (in_x, in_y), (out_x, out_y), (fee_x, fee_y) = (_halves(word) for word in (into, out, protocol))
        return _sorted(in_x + fee_x - out_x, in_y + fee_y - out_y, x_is_token0=self.x_is_token0)

    def log_filter(self, contracts: Mapping[str, str], pools: Sequence[str]) -> Mapping[str, Any]:
        """Return ``address`` and ``topics`` of ``eth_getLogs`` that find the swaps of these pools."""
        return {"address": list(pools), "topics": [self.swap_topic]}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLiquidityBookV20:
    """Liquidity Book 2.0: fees lie beside the bins. ``x_is_token0`` as for :class:`LocalLiquidityBook`."""

    family: str = "liquidity_book_v20"
    desk: str = "0x7adE700000000000000000000000000000000020"
    swap_event: str = "Swap(address,address,uint256,bool,uint256,uint256,uint256,uint256)"
    x_is_token0: bool = False

    @property
    def swap_topic(self) -> str:
        """First topic of the event that a swap leaves, one in each bin."""
        return topic(self.swap_event)

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Install factory and router of a deployment, with presets for every bin step, and the desk once."""
        factory, router = contracts["factory"], contracts["router"]
        install(rpc, operator, factory, code.creation("LBFactoryLegacy"))
        install(rpc, operator, router, code.creation("LBRouterLegacy"), "(address,address)", factory, wrapped_native)
        for step, preset in PRESETS.items():
            signature = "setPreset(uint16,uint16,uint16,uint16,uint16,uint24,uint16,uint24,uint16)"
            rpc.transact(operator, factory, calldata(signature, step, *preset, 120))
        _install_desk(rpc, operator, code, self.desk)

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pair whose active bin holds the price, and return its address.

        Raises
        ------
        InvalidInput
            If the key has no bin step.
        """
        return _create_pair(rpc, operator, contracts["factory"], key, sqrt_price_x96, x_is_token0=self.x_is_token0)

    def swapped_amounts(self, pool: str, log: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return raw amounts of token0 and token1 that a swap moved in one bin; positive went into the pool."""
        if not _is_of(pool, log, self.swap_topic):
            return None
        types = ["bool", "uint256", "uint256", "uint256", "uint256"]
        for_y, into, out, _, fees = decode(types, bytes.fromhex(log["data"][2:]))
        x, y = (into + fees, -out) if for_y else (-out, into + fees)
        return _sorted(x, y, x_is_token0=self.x_is_token0)

    def log_filter(self, contracts: Mapping[str, str], pools: Sequence[str]) -> Mapping[str, Any]:
        """Return ``address`` and ``topics`` of ``eth_getLogs`` that find the swaps of these pools."""
        return {"address": list(pools), "topics": [self.swap_topic]}


def _install_desk(rpc: RpcClient, operator: str, code: Bytecode, desk: str) -> None:
    if is_empty(rpc, desk):
        install(rpc, operator, desk, code.creation("DeskBook"))


def _create_pair(
    rpc: RpcClient, operator: str, factory: str, key: PoolKey, sqrt_price_x96: int, *, x_is_token0: bool
) -> str:
    if key.bin_step is None:
        raise InvalidInput(f"a pair of Liquidity Book has a bin step in its key; {key} has not")
    place = place_at_sqrt_price_x96(key.bin_step, sqrt_price_x96)
    active_id = bin_of_place(place, token0_is_x=x_is_token0)
    tokens = (key.token0, key.token1) if x_is_token0 else (key.token1, key.token0)
    rpc.transact(
        operator, factory, calldata("createLBPair(address,address,uint24,uint16)", *tokens, active_id, key.bin_step)
    )
    asked = "getLBPairInformation(address,address,uint256)"
    known = answer_of(rpc, factory, asked, *tokens, key.bin_step, output="(uint16,address,bool,bool)")
    return str(to_checksum_address(known[1]))


def _is_of(pool: str, log: Mapping[str, Any], swap_topic: str) -> bool:
    return log["address"].lower() == pool.lower() and log["topics"][0] == swap_topic


def _halves(word: int) -> tuple[int, int]:
    return word % 2**128, word >> 128


def _sorted(x: int, y: int, *, x_is_token0: bool) -> tuple[int, int]:
    return (x, y) if x_is_token0 else (y, x)
