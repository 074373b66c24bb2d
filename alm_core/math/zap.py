"""Swap amounts in closed form, so that after the swap the wallet holds the ratio its target ranges need."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from alm_core.math.ratio import PRECISION, Need, TargetRange, need_around
from alm_core.math.tick import Q96
from alm_core.model.errors import InvalidInput

__all__ = ["SwapForRatio", "TargetRange", "swap_for_ratio", "swap_through_pool"]

_PIPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapForRatio:
    """What to swap. ``sell_amount`` 0 with ``success`` means the wallet already fits.

    Parameters
    ----------
    zero_for_one
        True to sell token0.
    sell_amount, buy_amount
        Raw amounts; ``buy_amount`` is what the given price, fee and impact let expect, rounded down.
    success
        False where no swap of this kind reaches the ratio; ``sell_amount`` then is the most that still helps.
    reason
        Why, in words.
    """

    zero_for_one: bool
    sell_amount: int
    buy_amount: int
    success: bool
    reason: str


def swap_for_ratio(
    amount0: int,
    amount1: int,
    targets: Sequence[TargetRange],
    *,
    sqrt_price_x96: int,
    fee_frac: float,
    impact_per_token1: float = 0.0,
) -> SwapForRatio:
    """Return the swap, through a venue outside the target pools, that gives the wallet the targets' ratio.

    Parameters
    ----------
    amount0, amount1
        The wallet's raw amounts.
    targets
        Ranges on this chain, all with the same token0 and token1.
    sqrt_price_x96
        Square-root price of the swap (token1 per token0, raw).
    fee_frac
        Fee of the swap as a fraction of what it pays out.
    impact_per_token1
        Relative shortfall of the average price per raw unit of token1 of value sold.

    Notes
    -----
    Selling ``s`` of token0 at price ``P`` pays ``P (1 - fee) s (1 - k P s)``. With needs ``n0, n1`` the condition
    ``(x0 - s) n1 = (x1 + out) n0`` is ``n0 Q k P s^2 - (n1 + n0 Q) s + (x0 n1 - x1 n0) = 0`` with ``Q = P (1 - fee)``;
    its smaller root is the answer. The other direction is the same with the tokens exchanged.
    """
    _refuse_bad(amount0, amount1, targets, fee_frac)
    with localcontext(prec=PRECISION):
        need0, need1 = need_around(_fixed(targets), Decimal(sqrt_price_x96) / Q96).at(Decimal(1))
        price = (Decimal(sqrt_price_x96) / Q96) ** 2
        impact = Decimal(impact_per_token1)
        excess0 = amount0 * need1 - amount1 * need0
        if excess0 >= 0:
            return _linear(True, amount0, excess0, need0, need1, price * _kept(fee_frac), impact * price)
        return _linear(False, amount1, -excess0, need1, need0, _kept(fee_frac) / price, impact)


def swap_through_pool(
    amount0: int,
    amount1: int,
    targets: Sequence[TargetRange],
    *,
    sqrt_price_x96: int,
    liquidity: int,
    fee_pips: int,
    sqrt_limit_lower_x96: int,
    sqrt_limit_upper_x96: int,
) -> SwapForRatio:
    """Return the swap through one V3 pool, its own price impact included, that gives the targets' ratio.

    Parameters
    ----------
    amount0, amount1, targets
        As for :func:`swap_for_ratio`; targets in this pool carry ``moves_with_swap``.
    sqrt_price_x96, fee_pips
        Of the pool, before the swap.
    liquidity
        Active liquidity, constant between the two limits.
    sqrt_limit_lower_x96, sqrt_limit_upper_x96
        Next initialised ticks: beyond them the liquidity is another.

    Notes
    -----
    With ``u`` the root of the price after the swap and ``g = 1 - fee``, token0 sold is ``(L/g)(1/u - 1/S)`` for
    ``L (S - u)`` of token1. Put into ``(x0 - sold) need1(u) = (x1 + bought) need0(u)`` with affine needs this is a
    quadratic in ``u``; where ``u`` crosses the bound of a moving range the needs change piece, and the piece that holds
    the root is found by the sign at its end.
    """
    fee_frac = fee_pips / _PIPS
    _refuse_bad(amount0, amount1, targets, fee_frac)
    if liquidity <= 0:
        return SwapForRatio(
            zero_for_one=True, sell_amount=0, buy_amount=0, success=False, reason="the pool has no active liquidity"
        )
    with localcontext(prec=PRECISION):
        start = Decimal(sqrt_price_x96) / Q96
        curve = _Curve(amount0, amount1, start, Decimal(liquidity), 1 - Decimal(fee_pips) / _PIPS, True)
        if curve.excess0(start, need_around(targets, start)) < 0:
            curve = _Curve(amount0, amount1, start, Decimal(liquidity), 1 - Decimal(fee_pips) / _PIPS, False)
        limit = Decimal(sqrt_limit_lower_x96 if curve.zero_for_one else sqrt_limit_upper_x96) / Q96
        end, reached = _end_price(curve, targets, limit)
        sold, bought = curve.amounts(end)
        return SwapForRatio(
            zero_for_one=curve.zero_for_one,
            sell_amount=int(sold),
            buy_amount=int(bought),
            success=reached,
            reason="ratio reached" if reached else "the ratio lies beyond the liquidity of the current tick",
        )


@dataclass(frozen=True, slots=True)
class _Curve:
    """A wallet that trades along constant liquidity from ``start``."""

    amount0: int
    amount1: int
    start: Decimal
    liquidity: Decimal
    kept: Decimal
    zero_for_one: bool

    def amounts(self, end: Decimal) -> tuple[Decimal, Decimal]:
        token0 = abs(self.liquidity * (1 / end - 1 / self.start))
        token1 = abs(self.liquidity * (self.start - end))
        return (token0 / self.kept, token1) if self.zero_for_one else (token1 / self.kept, token0)

    def excess0(self, end: Decimal, need: Need) -> Decimal:
        sold, bought = self.amounts(end)
        after0 = self.amount0 - sold if self.zero_for_one else self.amount0 + bought
        after1 = self.amount1 + bought if self.zero_for_one else self.amount1 - sold
        need0, need1 = need.at(end)
        return after0 * need1 - after1 * need0

    def root(self, need: Need) -> tuple[Decimal, ...]:
        gross = self.liquidity / self.kept
        k0, k1 = (gross, self.liquidity) if self.zero_for_one else (self.liquidity, gross)
        whole0 = self.amount0 + k0 / self.start
        whole1 = self.amount1 + k1 * self.start
        return _roots(
            whole0 * need.slope + k1 * need.const0,
            whole0 * need.const1 - k0 * need.slope - whole1 * need.const0 + k1 * need.slope,
            -k0 * need.const1 - whole1 * need.slope,
        )


def _end_price(curve: _Curve, targets: Sequence[TargetRange], limit: Decimal) -> tuple[Decimal, bool]:
    sign = 1 if curve.zero_for_one else -1
    at = curve.start
    for stop in _stops(curve, targets, limit):
        need = need_around(targets, (at + stop) / 2)
        if sign * curve.excess0(stop, need) <= 0:
            inside = [root for root in curve.root(need) if min(at, stop) <= root <= max(at, stop)]
            return (inside[0] if inside else stop), True
        at = stop
    return at, False


def _stops(curve: _Curve, targets: Sequence[TargetRange], limit: Decimal) -> list[Decimal]:
    moving = [target for target in targets if target.moves_with_swap]
    bounds = {Decimal(edge) / Q96 for target in moving for edge in (target.sqrt_lower_x96, target.sqrt_upper_x96)}
    if curve.zero_for_one:
        return [*sorted((bound for bound in bounds if limit < bound < curve.start), reverse=True), limit]
    return [*sorted(bound for bound in bounds if curve.start < bound < limit), limit]


def _linear(
    zero_for_one: bool,
    owned: int,
    excess: Decimal,
    need_sold: Decimal,
    need_bought: Decimal,
    net_price: Decimal,
    impact: Decimal,
) -> SwapForRatio:
    curvature = need_sold * net_price * impact
    slope = need_bought + need_sold * net_price
    discriminant = slope * slope - 4 * curvature * excess
    exact = 2 * excess / (slope + discriminant.sqrt()) if discriminant >= 0 else None
    # Beyond half the inverse impact the venue would pay less for more: nothing more is sold there.
    turning = 1 / (2 * impact) if impact else None
    reached = exact is not None and (turning is None or exact <= turning)
    sell = min(int(bound) for bound in (exact, turning, Decimal(owned)) if bound is not None)
    return SwapForRatio(
        zero_for_one=zero_for_one,
        sell_amount=sell,
        buy_amount=int(net_price * sell * (1 - impact * sell)),
        success=reached,
        reason="ratio reached" if reached else "price impact grows faster than the ratio improves",
    )


def _roots(a: Decimal, b: Decimal, c: Decimal) -> tuple[Decimal, ...]:
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return ()
    q = -(b + discriminant.sqrt().copy_sign(b)) / 2
    return tuple(numerator / denominator for numerator, denominator in ((q, a), (c, q)) if denominator)


def _fixed(targets: Sequence[TargetRange]) -> list[TargetRange]:
    return [replace(target, moves_with_swap=False) for target in targets]


def _kept(fee_frac: float) -> Decimal:
    return 1 - Decimal(fee_frac)


def _refuse_bad(amount0: int, amount1: int, targets: Sequence[TargetRange], fee_frac: float) -> None:
    if not targets:
        raise InvalidInput("a swap for a ratio needs at least one target range")
    if min(amount0, amount1) < 0:
        raise InvalidInput(f"negative wallet amounts: {amount0}, {amount1}")
    if not 0 <= fee_frac < 1:
        raise InvalidInput(f"swap fee {fee_frac} is not a fraction in [0, 1)")
