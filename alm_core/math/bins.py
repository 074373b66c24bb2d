"""Prices of Liquidity Book's bins, bit for bit as the contracts compute them (joe-v2: PriceHelper, Uint128x128Math).

A price is Y per X in raw units, a 128.128 number. The bin of id 2^23 has price 1.
"""

import math

from alm_core.math.tick import Q128, UINT128_MAX, UINT256_MAX
from alm_core.model.errors import InvalidInput

ID_SHIFT = 1 << 23
MAX_ID = (1 << 24) - 1
BASIS_POINTS = 10_000

_LOG_ONE = 1 << 127
_MOST_EXPONENT = 1 << 21


def bin_base_x128(bin_step: int) -> int:
    """Return the ratio of the prices of neighbouring bins, ``1 + bin_step / 10,000`` (``PriceHelper.getBase``)."""
    return Q128 + (bin_step << 128) // BASIS_POINTS


def price_at_bin(bin_id: int, bin_step: int) -> int:
    """Return the price of a bin (``PriceHelper.getPriceFromId``).

    Raises
    ------
    InvalidInput
        If the id has no price: it is too far from 2^23 for 128.128 bits.

    Examples
    --------
    >>> price_at_bin(ID_SHIFT, 25) == Q128
    True
    """
    exponent = bin_id - ID_SHIFT
    if not 0 <= bin_id <= MAX_ID or abs(exponent) >= _MOST_EXPONENT:
        raise InvalidInput(f"bin {bin_id} of step {bin_step} has no price")
    if not exponent:
        return Q128
    # The base is above 1 and is inverted first, so that squares stay below 256 bits.
    result, squared = Q128, UINT256_MAX // bin_base_x128(bin_step)
    left = abs(exponent)
    while left:
        if left & 1:
            result = result * squared >> 128
        squared = squared * squared >> 128
        left >>= 1
    if not result:
        raise InvalidInput(f"bin {bin_id} of step {bin_step} has no price")
    return UINT256_MAX // result if exponent > 0 else result


def bin_at_price(price_x128: int, bin_step: int) -> int:
    """Return the id that ``PriceHelper.getIdFromPrice`` gives; at the price of a bin it may be the one beside.

    Raises
    ------
    InvalidInput
        If the price is not positive or has no id.

    Examples
    --------
    >>> bin_at_price(Q128, 25) == ID_SHIFT
    True
    """
    if not 0 < price_x128 <= UINT256_MAX:
        raise InvalidInput(f"price {price_x128} is not one of 128.128 bits")
    log, step = _log2_x128(price_x128), _log2_x128(bin_base_x128(bin_step))
    # Solidity rounds the quotient to zero.
    distance = abs(log) // step
    bin_id = ID_SHIFT + (distance if log >= 0 else -distance)
    if not 0 <= bin_id <= MAX_ID:
        raise InvalidInput(f"price {price_x128} has no bin of step {bin_step}")
    return bin_id


def sqrt_price_x128(bin_id: int, bin_step: int, *, token0_is_x: bool) -> int:
    """Return the square root of a bin's price of token1 per token0, as a 128.128 number rounded down."""
    root = math.isqrt(price_at_bin(bin_id, bin_step) << 128)
    return root if token0_is_x else (1 << 256) // root


def _log2_x128(value: int) -> int:
    """``Uint128x128Math.log2``: binary logarithm by repeated squaring with 127 bits."""
    if value == 1:
        return -128
    value >>= 1
    sign = 1 if value >= _LOG_ONE else -1
    if sign < 0:
        value = _LOG_ONE * _LOG_ONE // value
    whole = (value >> 127).bit_length() - 1
    result, rest = whole << 127, value >> whole
    if rest != _LOG_ONE:
        delta = 1 << 126
        while delta:
            rest = rest * rest >> 127
            if rest > UINT128_MAX:
                result += delta
                rest >>= 1
            delta >>= 1
    return sign * result << 1
