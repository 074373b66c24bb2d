"""The one crossing between the chain's view (token0, token1, raw integers) and the pair's (base, quote, floats)."""

import math
from fractions import Fraction

from alm_core.math.bin_ranges import edge_at_or_above, edge_at_or_below
from alm_core.math.tick import (
    MAX_SQRT_PRICE_X96,
    MIN_SQRT_PRICE_X96,
    Q96,
    sqrt_price_x96_at_tick,
    tick_at_sqrt_price_x96,
    tick_ceil,
    tick_floor,
    usable_ticks,
)
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool, Token
from alm_core.model.signals import PriceRange


def price_at_sqrt_price_x96(pool: Pool, sqrt_price_x96: int) -> float:
    """Return quote per base at a square-root price of the pool."""
    return _pair_price(pool, (sqrt_price_x96 / Q96) ** 2)


def price_at_tick(pool: Pool, tick: int) -> float:
    """Return quote per base at a tick of the pool."""
    return _pair_price(pool, 1.0001**tick)


def sqrt_price_x96_from_price(pool: Pool, price: float) -> int:
    """Return the square-root price, rounded down, at which the pool trades ``price`` quote per base.

    Raises
    ------
    InvalidInput
        If the price is not finite and positive, or no pool can hold it.
    """
    if not (math.isfinite(price) and price > 0):
        raise InvalidInput(f"price {price} of pool {pool.pool_id} is not a positive finite number")
    quote, base = price.as_integer_ratio()
    token1, token0 = (quote, base) if pool.base_is_token0 else (base, quote)
    token1, token0 = token1 * 10**pool.token1.decimals, token0 * 10**pool.token0.decimals
    sqrt_price_x96 = math.isqrt((token1 << 192) // token0)
    if not MIN_SQRT_PRICE_X96 <= sqrt_price_x96 < MAX_SQRT_PRICE_X96:
        raise InvalidInput(f"price {price} of pool {pool.pool_id} is beyond what a pool can hold")
    return sqrt_price_x96


def usable_tick_at_or_below(pool: Pool, tick: int) -> int:
    """Return the nearest tick at or below that ranges of a pool may have: an edge where the pool has bins."""
    if pool.bin_step is not None:
        return edge_at_or_below(pool.bin_step, tick)
    return max(tick_floor(tick, pool.tick_spacing), usable_ticks(pool.tick_spacing)[0])


def usable_tick_at_or_above(pool: Pool, tick: int) -> int:
    """Return the nearest tick at or above that ranges of a pool may have: an edge where the pool has bins."""
    if pool.bin_step is not None:
        return edge_at_or_above(pool.bin_step, tick)
    return min(tick_ceil(tick, pool.tick_spacing), usable_ticks(pool.tick_spacing)[1])


def ticks_for_range(pool: Pool, price_range: PriceRange) -> tuple[int, int]:
    """Return the narrowest usable ticks ``lower < upper`` that enclose a price range of the pair.

    Raises
    ------
    InvalidInput
        If the range is empty, inverted or not positive.
    """
    if not 0 < price_range.lower < price_range.upper:
        raise InvalidInput(f"price range [{price_range.lower}, {price_range.upper}] is empty or not positive")
    ends = sorted(sqrt_price_x96_from_price(pool, price) for price in (price_range.lower, price_range.upper))
    lower = usable_tick_at_or_below(pool, tick_at_sqrt_price_x96(ends[0]))
    upper = usable_tick_at_or_above(pool, _tick_at_or_above(ends[1]))
    if lower >= upper:
        # Both ends lie on one tick, or beyond the last.
        upper = usable_tick_at_or_above(pool, lower + 1)
    if lower >= upper:
        lower = usable_tick_at_or_below(pool, upper - 1)
    return lower, upper


def range_bounds_at_ticks(pool: Pool, tick_lower: int, tick_upper: int) -> tuple[float, float]:
    """Return ``(lower, upper)`` quote per base of a tick range, whichever token is the base."""
    first, second = price_at_tick(pool, tick_lower), price_at_tick(pool, tick_upper)
    return (first, second) if first <= second else (second, first)


def to_float(token: Token, raw: int) -> float:
    """Return a raw amount in units of the token."""
    return raw / 10**token.decimals


def to_raw(token: Token, amount: float) -> int:
    """Return an amount in units of the token as a raw integer, rounded down.

    Raises
    ------
    InvalidInput
        If the amount is negative or not finite.
    """
    if not (math.isfinite(amount) and amount >= 0):
        raise InvalidInput(f"amount {amount} of {token.symbol} is not a finite non-negative number")
    return math.floor(Fraction(amount) * 10**token.decimals)


def split_base_quote(pool: Pool, amount0: int, amount1: int) -> tuple[int, int]:
    """Return raw ``(base, quote)`` from raw ``(amount0, amount1)``; applied to a result it gives the amounts back."""
    return (amount0, amount1) if pool.base_is_token0 else (amount1, amount0)


def _pair_price(pool: Pool, raw_price: float) -> float:
    # Scaled once, so that both orders lose the same accuracy.
    if pool.base_is_token0:
        return raw_price * 10.0 ** (pool.token0.decimals - pool.token1.decimals)
    return 10.0 ** (pool.token1.decimals - pool.token0.decimals) / raw_price


def _tick_at_or_above(sqrt_price_x96: int) -> int:
    tick = tick_at_sqrt_price_x96(sqrt_price_x96)
    return tick if sqrt_price_x96_at_tick(tick) == sqrt_price_x96 else tick + 1
