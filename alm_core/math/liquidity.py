"""Liquidity and amounts, rounded as ``SqrtPriceMath.sol`` and ``LiquidityAmounts.sol`` round them."""

import math

from alm_core.math.tick import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, Q96, UINT128_MAX
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.errors import InvalidInput

_FRAC_SCALE = 10**12


def amount0_delta(sqrt_a: int, sqrt_b: int, liquidity: int, round_up: bool) -> int:
    """Return token0 between two prices: ``L * 2^96 * (b - a) / (a * b)``, order of the prices does not matter."""
    lower, upper = _ordered(sqrt_a, sqrt_b)
    numerator = (liquidity << 96) * (upper - lower)
    if round_up:
        return _ceil_div(_ceil_div(numerator, upper), lower)
    return numerator // upper // lower


def amount1_delta(sqrt_a: int, sqrt_b: int, liquidity: int, round_up: bool) -> int:
    """Return token1 between two prices: ``L * (b - a) / 2^96``, order of the prices does not matter."""
    lower, upper = _ordered(sqrt_a, sqrt_b)
    product = liquidity * (upper - lower)
    return _ceil_div(product, Q96) if round_up else product // Q96


def liquidity_for_amount0(sqrt_a: int, sqrt_b: int, amount0: int) -> int:
    """Return the liquidity that ``amount0`` buys between two prices, rounded down as the contract does."""
    lower, upper = _ordered(sqrt_a, sqrt_b)
    return _uint128(amount0 * (lower * upper // Q96) // (upper - lower))


def liquidity_for_amount1(sqrt_a: int, sqrt_b: int, amount1: int) -> int:
    """Return the liquidity that ``amount1`` buys between two prices, rounded down as the contract does."""
    lower, upper = _ordered(sqrt_a, sqrt_b)
    return _uint128(amount1 * Q96 // (upper - lower))


def liquidity_for_amounts(sqrt_price: int, sqrt_lower: int, sqrt_upper: int, amount0: int, amount1: int) -> int:
    """Return the greatest liquidity that both amounts allow (``LiquidityAmounts.getLiquidityForAmounts``).

    Raises
    ------
    InvalidInput
        If the range is empty or the result exceeds 128 bits, where the contract reverts.

    Examples
    --------
    >>> liquidity_for_amounts(Q96, Q96 // 2, Q96 * 2, 10**18, 0)
    0
    """
    lower, upper = _ordered(sqrt_lower, sqrt_upper)
    if sqrt_price <= lower:
        return liquidity_for_amount0(lower, upper, amount0)
    if sqrt_price >= upper:
        return liquidity_for_amount1(lower, upper, amount1)
    return min(
        liquidity_for_amount0(sqrt_price, upper, amount0),
        liquidity_for_amount1(lower, sqrt_price, amount1),
    )


def amounts_for_liquidity(
    sqrt_price: int, sqrt_lower: int, sqrt_upper: int, liquidity: int, *, round_up: bool
) -> tuple[int, int]:
    """Return the amounts behind ``liquidity`` at a price: rounded up when minting, down when burning.

    Examples
    --------
    >>> amounts_for_liquidity(Q96, Q96 // 2, Q96 * 2, 1000, round_up=False)
    (500, 500)
    """
    lower, upper = _ordered(sqrt_lower, sqrt_upper)
    price = min(max(sqrt_price, lower), upper)
    return amount0_delta(price, upper, liquidity, round_up), amount1_delta(lower, price, liquidity, round_up)


def price_interval(sqrt_price_x96: int, half_width_frac: float) -> PriceInterval:
    """Return the prices within ``half_width_frac`` (of the price, not of its root) around a square-root price.

    Raises
    ------
    InvalidInput
        If the half width is not in ``[0, 1)``.
    """
    if not 0 <= half_width_frac < 1:
        raise InvalidInput(f"half width {half_width_frac} of a price interval is not in [0, 1)")
    width = round(half_width_frac * _FRAC_SCALE)
    square = sqrt_price_x96 * sqrt_price_x96
    lower = math.isqrt(square * (_FRAC_SCALE - width) // _FRAC_SCALE)
    upper = math.isqrt(square * (_FRAC_SCALE + width) // _FRAC_SCALE)
    return PriceInterval(
        sqrt_lower_x96=max(lower, MIN_SQRT_PRICE_X96), sqrt_upper_x96=min(upper + 1, MAX_SQRT_PRICE_X96 - 1)
    )


def mint_minimums(
    interval: PriceInterval, sqrt_lower: int, sqrt_upper: int, amount0: int, amount1: int
) -> tuple[int, int]:
    """Return minima that a mint of the desired amounts meets at every price of the interval.

    Notes
    -----
    Over the interval token0 either binds, and then all of ``amount0`` but its rounding is used, or token1 binds; then
    the liquidity and with it the token0 used fall with the price, so the upper end is the worst case. Mirrored for
    token1. The rounding allowances are those of ``LiquidityAmounts``: the truncated product of the two roots, and one
    unit of liquidity.
    """
    lower, upper = _ordered(sqrt_lower, sqrt_upper)
    low = min(max(interval.sqrt_lower_x96, lower), upper)
    high = min(max(interval.sqrt_upper_x96, lower), upper)
    return _mint_minimum0(lower, upper, low, high, amount0, amount1), _mint_minimum1(
        lower, low, high, upper, amount0, amount1
    )


def burn_minimums(interval: PriceInterval, sqrt_lower: int, sqrt_upper: int, liquidity: int) -> tuple[int, int]:
    """Return minima that burning ``liquidity`` meets at every price of the interval; exact at its ends."""
    minimum0, _ = amounts_for_liquidity(interval.sqrt_upper_x96, sqrt_lower, sqrt_upper, liquidity, round_up=False)
    _, minimum1 = amounts_for_liquidity(interval.sqrt_lower_x96, sqrt_lower, sqrt_upper, liquidity, round_up=False)
    return minimum0, minimum1


def burn_maximums(interval: PriceInterval, sqrt_lower: int, sqrt_upper: int, liquidity: int) -> tuple[int, int]:
    """Return the most that burning ``liquidity`` pays at any price of the interval."""
    maximum0, _ = amounts_for_liquidity(interval.sqrt_lower_x96, sqrt_lower, sqrt_upper, liquidity, round_up=False)
    _, maximum1 = amounts_for_liquidity(interval.sqrt_upper_x96, sqrt_lower, sqrt_upper, liquidity, round_up=False)
    return maximum0, maximum1


def _mint_minimum0(lower: int, upper: int, low: int, high: int, amount0: int, amount1: int) -> int:
    if high == upper:
        return 0
    lost = _ceil_div(amount0 * Q96, low * upper) + _ceil_div(Q96 * (upper - low), low * upper)
    when_token0_binds = amount0 - lost
    if high == lower:
        return max(when_token0_binds, 0)
    liquidity1 = amount1 * Q96 // (high - lower)
    return max(min(when_token0_binds, amount0_delta(high, upper, liquidity1, round_up=True)), 0)


def _mint_minimum1(lower: int, low: int, high: int, upper: int, amount0: int, amount1: int) -> int:
    if low == lower:
        return 0
    when_token1_binds = amount1 - _ceil_div(high - lower, Q96)
    if low == upper:
        return max(when_token1_binds, 0)
    liquidity0 = amount0 * (low * upper // Q96) // (upper - low)
    return max(min(when_token1_binds, amount1_delta(lower, low, liquidity0, round_up=True)), 0)


def _ordered(sqrt_a: int, sqrt_b: int) -> tuple[int, int]:
    if min(sqrt_a, sqrt_b) <= 0:
        raise InvalidInput(f"square-root prices must be positive: {sqrt_a}, {sqrt_b}")
    return (sqrt_a, sqrt_b) if sqrt_a <= sqrt_b else (sqrt_b, sqrt_a)


def _uint128(liquidity: int) -> int:
    if liquidity > UINT128_MAX:
        raise InvalidInput(f"liquidity {liquidity} exceeds 128 bits")
    return liquidity


def _ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
