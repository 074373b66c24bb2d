"""Pools of every mix of decimals in both orders, and ranges around the price, above it and below it."""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from alm_core.math.bin_ranges import edge_tick, place_at_tick
from alm_core.math.ratio import TargetRange
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.dex_ports import DexAdapter
from alm_core.model.market import PoolState
from alm_core.model.pools import Pool, Token
from alm_tests.chain.conformance.deployments import Deployment
from alm_tests.chain.dex_chain import DexChain


class Coin(NamedTuple):
    """A token of the tests: its place among the addresses, decimals, and what one is worth."""

    place: int
    symbol: str
    decimals: int
    usd: int

    @property
    def address(self) -> str:
        return "0x" + f"{self.place}0".ljust(39, "0") + str(self.place)

    def raw(self, usd: Fraction) -> int:
        return int(usd / self.usd * 10**self.decimals)


COINS = {
    coin.symbol: coin
    for coin in (
        Coin(1, "USD", 6, 1),
        Coin(2, "ETH", 18, 2000),
        Coin(3, "BTC", 8, 60_000),
        Coin(4, "EUR", 6, 1),
        Coin(5, "SOL", 18, 100),
        Coin(6, "CHF", 6, 1),
        Coin(7, "LINK", 18, 10),
    )
}
# Decimals of token0 and token1, the tokens from the lower address to the higher, and which one is the base.
MARKETS: dict[str, tuple[str, str, bool]] = {
    "6/6": ("USD", "EUR", True),
    "6/6 quoted in token0": ("USD", "CHF", False),
    "6/18": ("USD", "ETH", False),
    "18/6": ("ETH", "EUR", True),
    "8/18": ("BTC", "SOL", True),
    "18/8": ("ETH", "BTC", False),
    "18/18": ("ETH", "SOL", True),
    "18/18 quoted in token0": ("SOL", "LINK", False),
}
SIDES = ("in range", "below", "above")
"""Where the price lies when a position is opened: in its range, below it, above it."""
BACKGROUND_USD = 10**7
PLACED_USD = Fraction("12345.678901234567")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A chain with a pool for each market."""

    chain: DexChain
    pools: dict[str, Pool]


def world_of(deployment: Deployment, chain: DexChain) -> World:
    """Make tokens and pools with liquidity over all prices, or as far as one transaction can give it."""
    tokens = {coin.symbol: chain.token(coin.address, coin.symbol, coin.decimals) for coin in COINS.values()}
    pools = {
        name: _pool(deployment, chain, tokens[symbol0], tokens[symbol1], base_is_token0=base_is_token0)
        for name, (symbol0, symbol1, base_is_token0) in MARKETS.items()
    }
    return World(chain=chain, pools=pools)


def _pool(deployment: Deployment, chain: DexChain, token0: Token, token1: Token, *, base_is_token0: bool) -> Pool:
    amount0, amount1 = (COINS[token.symbol].raw(Fraction(BACKGROUND_USD)) for token in (token0, token1))
    # Not at a tick: the price of a euro would be 1 exactly.
    sqrt_price_x96 = math.isqrt(amount1 * Q96**2 * 10_003 // (amount0 * 10_000))
    key = deployment.key(token0.address, token1.address)
    pool = chain.pool(token0, token1, key, sqrt_price_x96, base_is_token0=base_is_token0)
    edge = 880_000 // pool.tick_spacing * pool.tick_spacing
    chain.provide(pool, -edge, edge, math.isqrt(amount0 * amount1))
    return pool


def place_of(state: PoolState) -> int:
    """Number of the stretch between usable ticks, or of the bin, that holds the price."""
    pool = state.pool
    return place_at_tick(pool.bin_step, state.tick) if pool.bin_step else state.tick // pool.tick_spacing


def edge_of(pool: Pool, place: int) -> int:
    """Tick of a stretch's lower edge."""
    return edge_tick(pool.bin_step, place) if pool.bin_step else place * pool.tick_spacing


def range_of(state: PoolState, side: str) -> tuple[int, int]:
    """Six stretches with the price in their middle, two below them or two above."""
    start = place_of(state) + {"in range": -3, "below": 2, "above": -8}[side]
    return edge_of(state.pool, start), edge_of(state.pool, start + 6)


def amounts_of(pool: Pool) -> tuple[int, int]:
    """The same value of both tokens, with odd last digits."""
    amount0, amount1 = (COINS[token.symbol].raw(PLACED_USD) for token in (pool.token0, pool.token1))
    return amount0, amount1


def trade_through(chain: DexChain, state: PoolState, round_no: int) -> None:
    """Move the price across every range of these tests, beyond both ends, and back to near where it was."""
    pool, place = state.pool, place_of(state)
    chain.move_price(pool, sqrt_price_x96_at_tick(edge_of(pool, place + 10)))
    chain.move_price(pool, sqrt_price_x96_at_tick(edge_of(pool, place - 10)))
    chain.move_price(pool, state.sqrt_price_x96 * (10_000 + (-1) ** round_no) // 10_000)


def left_over(adapter: DexAdapter, state: PoolState, ticks: tuple[int, int]) -> float:
    """Part of the value of two amounts, in the ratio that the range needs, which an open leaves in the wallet."""
    target = TargetRange(
        sqrt_price_x96=state.sqrt_price_x96,
        sqrt_lower_x96=sqrt_price_x96_at_tick(ticks[0]),
        sqrt_upper_x96=sqrt_price_x96_at_tick(ticks[1]),
    )
    need0, need1 = (Fraction(need) for need in target.need_per_liquidity(Decimal(target.sqrt_price_x96) / Q96))
    price = Fraction(state.sqrt_price_x96, Q96) ** 2
    scale = COINS[state.pool.token1.symbol].raw(PLACED_USD) / (need0 * price + need1)
    amount0, amount1 = int(need0 * scale), int(need1 * scale)
    quote = adapter.quote_liquidity(state, *ticks, amount0, amount1)
    return float(((amount0 - quote.amount0) * price + amount1 - quote.amount1) / (amount0 * price + amount1))
