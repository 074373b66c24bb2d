"""Amounts over bins so that a range has one liquidity throughout, as a V3 position has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from alm_core.math.bin_shares import PRECISION
from alm_core.math.bins import bin_base_x128, sqrt_price_x128
from alm_core.math.tick import Q128
from alm_core.model.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class BinSpread:
    """What goes where: bins from low to high price, of each token the part of 1e18 and the amount for each.

    The parts of a token sum to exactly 1e18, or are all 0 where none of it is placed.
    """

    bin_ids: tuple[int, ...]
    parts0: tuple[int, ...]
    parts1: tuple[int, ...]
    amount0: int
    amount1: int
    liquidity: int

    def amounts_in(self, place: int) -> tuple[int, int]:
        """Return the amounts that the contract puts into the bin at an index."""
        return self.amount0 * self.parts0[place] // PRECISION, self.amount1 * self.parts1[place] // PRECISION


def spread_over_bins(
    bin_ids: Sequence[int],
    bin_step: int,
    *,
    token0_is_x: bool,
    active_id: int,
    composition: tuple[int, int],
    amount0: int,
    amount1: int,
) -> BinSpread:
    r"""Return the greatest equal liquidity over bins that two amounts allow.

    Parameters
    ----------
    bin_ids
        Bins beside each other, from low to high price of token1 per token0.
    bin_step, token0_is_x
        Of the pair.
    active_id, composition
        The bin that holds both tokens, and its reserves of token0 and token1: it is given both in that ratio, so that
        no composition fee is due. An empty one is given both in equal value.
    amount0, amount1
        Most of each token, raw.

    Notes
    -----
    A bin is a range from :math:`P / \sqrt r` to :math:`P \sqrt r`, so liquidity :math:`L` is
    :math:`L d / \sqrt P` of token0 above the price and :math:`L d \sqrt P` of token1 below it, with
    :math:`d = r^{1/4} - r^{-1/4}`; both are worth the same at :math:`P`, which is all that counts in the active bin.

    Raises
    ------
    InvalidInput
        If a bin would get nothing at all: the contract would revert.
    """
    needs = [
        _need_x128(bin_id, bin_step, token0_is_x=token0_is_x, active_id=active_id, composition=composition)
        for bin_id in bin_ids
    ]
    sums = sum(need[0] for need in needs), sum(need[1] for need in needs)
    limits = [amount * Q128 // whole for amount, whole in zip((amount0, amount1), sums, strict=True) if whole]
    liquidity = min(limits)
    used0, used1 = (-(-liquidity * whole // Q128) for whole in sums)
    spread = BinSpread(
        bin_ids=tuple(bin_ids),
        parts0=_parts([need[0] for need in needs], sums[0]),
        parts1=_parts([need[1] for need in needs], sums[1]),
        amount0=used0,
        amount1=used1,
        liquidity=liquidity,
    )
    _refuse_empty_bins(spread, amount0, amount1)
    return spread


def liquidity_of_bin(amounts: tuple[int, int], bin_id: int, bin_step: int, *, token0_is_x: bool) -> int:
    """Return the V3 liquidity that a range of a bin's width and value has, rounded down."""
    root = sqrt_price_x128(bin_id, bin_step, token0_is_x=token0_is_x)
    value_x128 = (amounts[0] * root >> 128) * root + (amounts[1] << 128)
    return (value_x128 << 128) // (root * _width_x128(bin_step))


def _need_x128(
    bin_id: int, bin_step: int, *, token0_is_x: bool, active_id: int, composition: tuple[int, int]
) -> tuple[int, int]:
    """Return token0 and token1 that one unit of liquidity is in a bin."""
    root, width = sqrt_price_x128(bin_id, bin_step, token0_is_x=token0_is_x), _width_x128(bin_step)
    all0, all1 = (width << 128) // root, width * root >> 128
    if bin_id != active_id:
        return (all0, 0) if (bin_id > active_id) == token0_is_x else (0, all1)
    reserve0, reserve1 = composition
    if not reserve0 and not reserve1:
        return all0 // 2, all1 // 2
    # Both in units of token1 with 256 bits of fraction: dust of a cheap token0 has a value too.
    value0, value1 = reserve0 * root * root, reserve1 << 256
    return all0 * value0 // (value0 + value1), all1 * value1 // (value0 + value1)


def _parts(needs: Sequence[int], whole: int) -> tuple[int, ...]:
    """Return parts of 1e18 in proportion; each cumulated sum is rounded, so that the whole comes out exactly."""
    if not whole:
        return (0,) * len(needs)
    parts: list[int] = []
    cumulated = given = 0
    for need in needs:
        cumulated += need
        parts.append(cumulated * PRECISION // whole - given)
        given += parts[-1]
    return tuple(parts)


def _refuse_empty_bins(spread: BinSpread, amount0: int, amount1: int) -> None:
    for index, bin_id in enumerate(spread.bin_ids):
        if spread.amounts_in(index) == (0, 0):
            raise InvalidInput(
                f"{amount0} and {amount1} are too little for {len(spread.bin_ids)} bins: none in {bin_id}"
            )


@cache
def _width_x128(bin_step: int) -> int:
    """Return ``r^(1/4) - r^(-1/4)`` with 128 bits of fraction."""
    quarter = math.isqrt(math.isqrt(bin_base_x128(bin_step) << 384))
    return quarter - (1 << 256) // quarter
