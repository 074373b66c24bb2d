"""What ratio of the two tokens a set of target ranges needs, as a function of the price.

With ``u`` the square root of the price, a range in play needs ``L (1/u - 1/b)`` of token0 and ``L (u - a)`` of token1.
Summed over several ranges, both needs stay affine in ``1/u`` and ``u``: that is what makes the swap amount a root of
one quadratic (:mod:`alm_core.math.zap`). Roots are in units of the pool (not X96), as :class:`~decimal.Decimal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from alm_core.math.tick import Q96
from alm_core.model.errors import InvalidInput

PRECISION = 90
"""Decimal digits carried: roots span 40 orders of magnitude and amounts 38, and an amount must come out to the unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRange:
    """One range that is to receive a share of the wallet, at the price of its own pool.

    Parameters
    ----------
    share_frac
        Share of the value placed; only its proportion to the other targets matters.
    moves_with_swap
        True where the swap goes through this very pool, so that its price moves too.
    """

    sqrt_price_x96: int
    sqrt_lower_x96: int
    sqrt_upper_x96: int
    share_frac: float = 1.0
    moves_with_swap: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.sqrt_lower_x96 < self.sqrt_upper_x96:
            raise InvalidInput(f"target range [{self.sqrt_lower_x96}, {self.sqrt_upper_x96}] is empty")
        if self.sqrt_price_x96 <= 0 or not 0 < self.share_frac < float("inf"):
            raise InvalidInput(f"target needs a price and a positive share: {self.sqrt_price_x96}, {self.share_frac}")

    def need_per_liquidity(self, sqrt_price: Decimal) -> tuple[Decimal, Decimal]:
        """Return token0 and token1 per unit of liquidity at a square-root price."""
        lower, upper = Decimal(self.sqrt_lower_x96) / Q96, Decimal(self.sqrt_upper_x96) / Q96
        clamped = min(max(sqrt_price, lower), upper)
        return 1 / clamped - 1 / upper, clamped - lower

    def liquidity_weight(self) -> Decimal:
        """Return the liquidity that carries the share's value at the pinned price."""
        price = Decimal(self.sqrt_price_x96) / Q96
        need0, need1 = self.need_per_liquidity(price)
        return Decimal(self.share_frac) / (need0 * price * price + need1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Affine need: ``token0 = slope / u + const0`` and ``token1 = slope * u + const1``."""

    slope: Decimal
    const0: Decimal
    const1: Decimal

    def at(self, sqrt_price: Decimal) -> tuple[Decimal, Decimal]:
        """Return token0 and token1 needed at a square-root price."""
        return self.slope / sqrt_price + self.const0, self.slope * sqrt_price + self.const1


def need_around(targets: Sequence[TargetRange], sqrt_price: Decimal) -> Need:
    """Return the joint need that is valid from ``sqrt_price`` to the next bound of a moving range."""
    slope = const0 = const1 = Decimal(0)
    for target in targets:
        weight = target.liquidity_weight()
        lower, upper = Decimal(target.sqrt_lower_x96) / Q96, Decimal(target.sqrt_upper_x96) / Q96
        if target.moves_with_swap and lower < sqrt_price < upper:
            slope += weight
            const0 -= weight / upper
            const1 -= weight * lower
            continue
        fixed = sqrt_price if target.moves_with_swap else Decimal(target.sqrt_price_x96) / Q96
        need0, need1 = target.need_per_liquidity(fixed)
        const0 += weight * need0
        const1 += weight * need1
    return Need(slope=slope, const0=const0, const1=const1)


def split_amounts(amount0: int, amount1: int, targets: Sequence[TargetRange]) -> tuple[tuple[int, int], ...]:
    """Divide the wallet's amounts over several targets in proportion to what each needs; rests stay in the wallet.

    Examples
    --------
    >>> low = TargetRange(sqrt_price_x96=Q96, sqrt_lower_x96=Q96 // 4, sqrt_upper_x96=Q96 // 2, share_frac=1.0)
    >>> high = TargetRange(sqrt_price_x96=Q96, sqrt_lower_x96=Q96 * 2, sqrt_upper_x96=Q96 * 4, share_frac=1.0)
    >>> split_amounts(100, 70, [low, high])
    ((0, 70), (100, 0))
    """
    with localcontext(prec=PRECISION):
        needs = [_weighted_need(target) for target in targets]
        total0, total1 = (sum((need[side] for need in needs), Decimal(0)) for side in (0, 1))
        return tuple((_part(amount0, need0, total0), _part(amount1, need1, total1)) for need0, need1 in needs)


def _weighted_need(target: TargetRange) -> tuple[Decimal, Decimal]:
    need0, need1 = target.need_per_liquidity(Decimal(target.sqrt_price_x96) / Q96)
    weight = target.liquidity_weight()
    return weight * need0, weight * need1


def _part(amount: int, need: Decimal, total: Decimal) -> int:
    return min(int(amount * need / total), amount) if total else 0
