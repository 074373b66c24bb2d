"""A market at a moment as live code reads it, put together from a price and the figures of its pools.

Tapes of the scoreboard, markets that are made day by day and histories with holes differ in where the figures come
from; how a snapshot is made of them is the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import overload

import numpy as np

from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import tick_at_sqrt_price_x96
from alm_core.model.candles import FloatArray
from alm_core.model.market import Block, ChainState, MarketSnapshot, PoolMarket, PoolState
from alm_core.model.pools import Pool, Token

CHAIN_ID = 137
NATIVE_USD = 0.5
TVL_PER_ACTIVE = 0.1
"""TVL of a pool over the full-range value of its active liquidity; only the reference's policy looks at TVL."""
PAIR = "WETH-USDC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain and what gas costs there; ``native_usd`` is the price of the coin it is paid in."""

    chain_id: int
    base_fee_wei: int
    priority_fee_wei: int
    native_usd: float


POLYGON = Chain(chain_id=CHAIN_ID, base_fee_wei=100 * 10**9, priority_fee_wei=30 * 10**9, native_usd=NATIVE_USD)

_BASE = Token(
    chain_id=CHAIN_ID, address="0x" + "b" * 40, symbol="WETH", decimals=18, asset_class="volatile", issuer="none"
)
_QUOTE = Token(
    chain_id=CHAIN_ID, address="0x" + "c" * 40, symbol="USDC", decimals=6, asset_class="stable", issuer="circle"
)
POOL = Pool(
    chain_id=CHAIN_ID,
    address="0x" + "a" * 40,
    dex="uni-v3",
    family="uniswap_v3",
    factory="0x" + "f" * 40,
    position_manager="0x" + "e" * 40,
    token0=_BASE,
    token1=_QUOTE,
    fee_pips=500,
    tick_spacing=10,
    base_is_token0=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAt:
    """A pool at a moment. ``price`` is quote per base; ``growth0_x128`` and ``growth1_x128`` are fees since ever."""

    pool: Pool
    price: float
    liquidity: int
    growth0_x128: int
    growth1_x128: int
    tvl_usd: float
    volume_24h_usd: float | None = None


@overload
def liquidity_worth(pool: Pool, active_usd: float, price: float) -> float: ...
@overload
def liquidity_worth(pool: Pool, active_usd: FloatArray | float, price: FloatArray) -> FloatArray: ...
def liquidity_worth(pool: Pool, active_usd: FloatArray | float, price: FloatArray | float) -> FloatArray | float:
    """Return the liquidity whose full-range value is ``active_usd``; the base must be token0, the quote a dollar."""
    base, quote = 10**pool.base.decimals, 10**pool.quote.decimals
    # 2 L sqrt(P) in raw quote is the active value.
    return active_usd / 2.0 * quote / np.sqrt(price * (quote / base))


def fees_per_liquidity(
    pool: Pool, fees_base: FloatArray, fees_quote: FloatArray, liquidity: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return by how much fees in whole tokens raise both fee growths, in raw units."""
    return fees_base * 10**pool.base.decimals / liquidity, fees_quote * 10**pool.quote.decimals / liquidity


def block_at(chain: Chain, at: datetime) -> Block:
    """Return the block of a moment; a block takes two seconds."""
    return Block(chain_id=chain.chain_id, number=int(at.timestamp()) // 2, block_hash="0x" + "1" * 64, block_at=at)


def snapshot_at(at: datetime, pools: Iterable[PoolAt], chain: Chain = POLYGON) -> MarketSnapshot:
    """Return the snapshot of pools of one chain, whose quote is worth a dollar; we hold nothing."""
    there, block = tuple(pools), block_at(chain, at)
    return MarketSnapshot(
        pair=PAIR,
        epoch_at=at,
        quote_usd=1.0,
        chains=(
            ChainState(
                block=block,
                base_fee_wei=chain.base_fee_wei,
                priority_fee_wei=chain.priority_fee_wei,
                native_usd=chain.native_usd,
            ),
        ),
        pools=tuple(_state(one, block) for one in there),
        markets=tuple(_figures(one, at) for one in there),
        holdings=(),
    )


def _state(one: PoolAt, block: Block) -> PoolState:
    sqrt_price = sqrt_price_x96_from_price(one.pool, one.price)
    return PoolState(
        pool=one.pool,
        block=block,
        sqrt_price_x96=sqrt_price,
        tick=tick_at_sqrt_price_x96(sqrt_price),
        liquidity=one.liquidity,
        fee_pips=one.pool.fee_pips or 0,
        fee_growth_global0_x128=one.growth0_x128,
        fee_growth_global1_x128=one.growth1_x128,
        source="tape",
    )


def _figures(one: PoolAt, at: datetime) -> PoolMarket:
    return PoolMarket(
        pool_id=one.pool.pool_id,
        source="tape",
        fetched_at=at,
        volume_24h_usd=one.volume_24h_usd,
        tvl_usd=one.tvl_usd,
        fee_frac=(one.pool.fee_pips or 0) / 1e6,
        base_usd=one.price,
        quote_usd=1.0,
    )
