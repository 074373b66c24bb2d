"""What the embedded world needs of a DEX family: its contracts, its pools, and somebody who trades in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from alm_localnet.contracts import Bytecode, calldata
from alm_localnet.rpc import RpcClient

TRADE = "trade(bytes32,bool,uint256,uint160,uint160)"
"""``pool, zeroForOne, amountIn, lowest, highest``: a swap that stops where the square-root price would leave the band.

``amountIn`` 0 is arbitrage: nothing happens while the price is inside the band, else it is brought to the nearer bound.
"""
PROVIDE = "provide(bytes32,int24,int24,uint128)"
"""``pool, tickLower, tickUpper, liquidity``: background liquidity of the desk itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKey:
    """What a pool is made from. ``token0`` has the lower address; what a family has no use for is ``None``."""

    token0: str
    token1: str
    fee_pips: int | None = None
    tick_spacing: int | None = None
    bin_step: int | None = None


class LocalDex(Protocol):
    """One DEX family on a local chain.

    Its desk is a contract with :data:`TRADE` and :data:`PROVIDE`, pays from its own balance, and only when the
    transaction comes from the account that deployed it.
    """

    @property
    def family(self) -> str:
        """Name in the registry."""
        ...

    @property
    def desk(self) -> str:
        """Address of the family's desk, the same on every chain."""
        ...

    @property
    def swap_topic(self) -> str:
        """First topic of the event that a swap leaves."""
        ...

    def install(
        self, rpc: RpcClient, operator: str, code: Bytecode, contracts: Mapping[str, str], wrapped_native: str
    ) -> None:
        """Put the contracts of a deployment at its addresses, by their roles in the registry, and the desk once."""
        ...

    def create_pool(
        self, rpc: RpcClient, operator: str, contracts: Mapping[str, str], key: PoolKey, sqrt_price_x96: int
    ) -> str:
        """Create a pool at a price and return its checksummed address, or its id of 32 bytes in lower case."""
        ...

    def swapped_amounts(self, pool: str, log: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return raw amounts of token0 and token1 that a swap event of this pool moved; positive went into the pool."""
        ...

    def log_filter(self, contracts: Mapping[str, str], pools: Sequence[str]) -> Mapping[str, Any]:
        """Return ``address`` and ``topics`` of ``eth_getLogs`` that find the swaps of these pools."""
        ...


def pool_word(pool: str) -> bytes:
    """Return a pool's address or id as the word that a desk takes.

    Examples
    --------
    >>> pool_word("0x" + "11" * 20).hex()[:26]
    '00000000000000000000000011'
    """
    return bytes.fromhex(pool.removeprefix("0x")).rjust(32, b"\0")


def trade_data(pool: str, zero_for_one: bool, amount_in: int, lowest_x96: int, highest_x96: int) -> bytes:
    """Calldata of a desk's trade."""
    return calldata(TRADE, pool_word(pool), zero_for_one, amount_in, lowest_x96, highest_x96)


def provide_data(pool: str, tick_lower: int, tick_upper: int, liquidity: int) -> bytes:
    """Calldata of a desk's background liquidity."""
    return calldata(PROVIDE, pool_word(pool), tick_lower, tick_upper, liquidity)
