"""Ticks and square-root prices, bit for bit as Uniswap's ``TickMath.sol``."""

import math
from functools import lru_cache

from alm_core.model.errors import InvalidInput

MIN_TICK = -887272
MAX_TICK = 887272
MIN_SQRT_PRICE_X96 = 4295128739
MAX_SQRT_PRICE_X96 = 1461446703485210103287273052203988822378723970342
"""Exclusive: prices a pool can hold lie below it."""

Q96 = 1 << 96
Q128 = 1 << 128
UINT128_MAX = Q128 - 1
UINT256_MAX = (1 << 256) - 1

# 2^128 / 1.0001^(2^i / 2) for i = 0..19, the constants of TickMath.getSqrtRatioAtTick.
_RATIOS_X128 = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)
_LOG_SQRT_1_0001 = math.log(1.0001) / 2


@lru_cache(maxsize=4096)
def sqrt_price_x96_at_tick(tick: int) -> int:
    """Return ``sqrt(1.0001^tick) * 2^96`` as ``TickMath.getSqrtRatioAtTick`` rounds it.

    Raises
    ------
    InvalidInput
        If the tick lies outside ``[MIN_TICK, MAX_TICK]``.

    Examples
    --------
    >>> sqrt_price_x96_at_tick(0) == Q96
    True
    """
    if not MIN_TICK <= tick <= MAX_TICK:
        raise InvalidInput(f"tick {tick} outside [{MIN_TICK}, {MAX_TICK}]")
    distance = abs(tick)
    ratio_x128 = Q128
    for bit, factor_x128 in enumerate(_RATIOS_X128):
        if distance >> bit & 1:
            ratio_x128 = ratio_x128 * factor_x128 >> 128
    if tick > 0:
        ratio_x128 = UINT256_MAX // ratio_x128
    return (ratio_x128 + (1 << 32) - 1) >> 32


def tick_at_sqrt_price_x96(sqrt_price_x96: int) -> int:
    """Return the greatest tick whose square-root price is not above the given one (``getTickAtSqrtRatio``).

    Raises
    ------
    InvalidInput
        If no pool can hold that price.

    Examples
    --------
    >>> tick_at_sqrt_price_x96(Q96 - 1)
    -1
    """
    if not MIN_SQRT_PRICE_X96 <= sqrt_price_x96 < MAX_SQRT_PRICE_X96:
        raise InvalidInput(f"sqrt_price_x96 {sqrt_price_x96} outside what a pool can hold")
    estimate = math.floor((math.log(sqrt_price_x96) - math.log(Q96)) / _LOG_SQRT_1_0001)
    tick = min(max(estimate, MIN_TICK), MAX_TICK - 1)
    # The logarithm is right to far less than one tick; the exact comparison settles the boundary.
    while sqrt_price_x96_at_tick(tick) > sqrt_price_x96:
        tick -= 1
    while sqrt_price_x96_at_tick(tick + 1) <= sqrt_price_x96:
        tick += 1
    return tick


def tick_floor(tick: int, tick_spacing: int) -> int:
    """Return the nearest usable tick at or below.

    Examples
    --------
    >>> tick_floor(-1, 10), tick_floor(19, 10)
    (-10, 10)
    """
    return tick // tick_spacing * tick_spacing


def tick_ceil(tick: int, tick_spacing: int) -> int:
    """Return the nearest usable tick at or above.

    Examples
    --------
    >>> tick_ceil(-19, 10), tick_ceil(1, 10)
    (-10, 10)
    """
    return -(-tick // tick_spacing) * tick_spacing


def usable_ticks(tick_spacing: int) -> tuple[int, int]:
    """Return the lowest and the highest tick a position may use.

    Examples
    --------
    >>> usable_ticks(60)
    (-887220, 887220)
    """
    return tick_ceil(MIN_TICK, tick_spacing), tick_floor(MAX_TICK, tick_spacing)
