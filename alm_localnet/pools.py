"""Pools of the localnet and the arithmetic of seeding them. Floats are fit here: nothing of it is our capital."""

import math
from dataclasses import dataclass

from eth_abi.abi import encode

from alm_localnet.config import ChainPreset, PairPreset, PoolPreset, TokenPreset
from alm_localnet.contracts import calldata
from alm_localnet.rpc import RpcClient

Q96 = 2**96
MAX_TICK = 887272


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPool:
    """One deployed pool. ``ranges`` are the background positions ``(tick_lower, tick_upper, liquidity)``."""

    chain_id: int
    pair: PairPreset
    preset: PoolPreset
    address: str
    base: TokenPreset
    quote: TokenPreset
    tvl_usd: float
    daily_volume_usd: float
    ranges: tuple[tuple[int, int, int], ...] = ()

    @property
    def base_is_token0(self) -> bool:
        """Token order follows the addresses."""
        return int(self.base.address, 16) < int(self.quote.address, 16)

    @property
    def token0(self) -> TokenPreset:
        """Token with the lower address."""
        return self.base if self.base_is_token0 else self.quote

    @property
    def token1(self) -> TokenPreset:
        """Token with the higher address."""
        return self.quote if self.base_is_token0 else self.base

    @property
    def fee_frac(self) -> float:
        """Swap fee as a fraction."""
        return self.preset.fee_pips / 1e6

    def raw_price(self, price: float) -> float:
        """Raw token1 per raw token0 at a price in quote per base."""
        if self.base_is_token0:
            return price * 10.0 ** (self.quote.decimals - self.base.decimals)
        return 10.0 ** (self.base.decimals - self.quote.decimals) / price

    def price(self, sqrt_price_x96: int) -> float:
        """Price in quote per base of a raw square-root price."""
        raw = (sqrt_price_x96 / Q96) ** 2
        return raw / self.raw_price(1.0) if self.base_is_token0 else self.raw_price(1.0) / raw

    def sqrt_price_x96(self, price: float) -> int:
        """Raw square-root price at a price in quote per base."""
        return int(math.sqrt(self.raw_price(price)) * Q96)

    def liquidity_at(self, price: float) -> int:
        """Background liquidity in range at a price."""
        tick = math.floor(math.log(self.raw_price(price), 1.0001))
        return sum(liquidity for lower, upper, liquidity in self.ranges if lower <= tick < upper)


def seeded_ranges(pool: LocalPool, price: float, quote_usd: float) -> tuple[tuple[int, int, int], ...]:
    """Background positions worth ``pool.tvl_usd`` around a price, with the pair's widths and shares."""
    spacing = pool.preset.tick_spacing
    ranges = list[tuple[int, int, int]]()
    for half_width, share in pool.pair.ranges:
        bounds = sorted(
            math.log(pool.raw_price(price * edge), 1.0001) for edge in (1 - half_width, 1 / (1 - half_width))
        )
        lower = max(math.floor(bounds[0] / spacing), math.ceil(-MAX_TICK / spacing)) * spacing
        upper = min(math.ceil(bounds[1] / spacing), math.floor(MAX_TICK / spacing)) * spacing
        unit = _value_in_quote(pool, price, lower, upper)
        ranges.append((lower, upper, int(pool.tvl_usd * share / quote_usd / unit)))
    return tuple(ranges)


def create_pool(
    rpc: RpcClient, sender: str, chain: ChainPreset, pool: LocalPool, price: float, cardinality: int
) -> str:
    """Create and initialise a pool through the factory and return its address."""
    key = (pool.token0.address, pool.token1.address, pool.preset.fee_pips)
    rpc.transact(sender, chain.factory, calldata("createPool(address,address,uint24)", *key))
    answer = rpc.call(
        "eth_call",
        {"to": chain.factory, "data": "0x" + calldata("getPool(address,address,uint24)", *key).hex()},
        "latest",
    )
    address = "0x" + answer[-40:]
    rpc.transact(sender, address, calldata("initialize(uint160)", pool.sqrt_price_x96(price)))
    rpc.transact(sender, address, calldata("increaseObservationCardinalityNext(uint16)", cardinality))
    return address


def provide_calldata(pools: list[LocalPool]) -> bytes:
    """Calldata of the trader contract that opens all background positions."""
    rows = [(pool.address, *entry) for pool in pools for entry in pool.ranges]
    selector = calldata("provide((address,int24,int24,uint128)[])", [])[:4]
    return selector + encode(["(address,int24,int24,uint128)[]"], [rows])


def _value_in_quote(pool: LocalPool, price: float, lower: int, upper: int) -> float:
    """Value of one unit of liquidity in quote tokens (whitepaper 6.29, 6.30)."""
    root = math.sqrt(pool.raw_price(price))
    root_lower, root_upper = 1.0001 ** (lower / 2), 1.0001 ** (upper / 2)
    root = min(max(root, root_lower), root_upper)
    amount0 = (1 / root - 1 / root_upper) / 10.0**pool.token0.decimals
    amount1 = (root - root_lower) / 10.0**pool.token1.decimals
    base, quote = (amount0, amount1) if pool.base_is_token0 else (amount1, amount0)
    return base * price + quote
