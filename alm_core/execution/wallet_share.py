"""How much of a wallet the targets of a plan may use: their shares of the capital, not more, whatever lies there."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from alm_core.math.ratio import PRECISION, TargetRange, need_around
from alm_core.math.tick import Q96
from alm_core.model.errors import InvalidInput

_ROUNDING = 1 + Decimal("1e-9")


def usable_amounts(
    amount0: int, amount1: int, targets: Sequence[TargetRange], *, sqrt_price_x96: int, capital1: float
) -> tuple[int, int]:
    r"""Return the part of the wallet that the targets may use.

    Parameters
    ----------
    amount0, amount1
        The wallet's raw amounts.
    targets
        Ranges on this chain that still have to be placed; ``share_frac`` is their share of the capital.
    sqrt_price_x96
        Square-root price at which capital is measured (token1 per token0, raw).
    capital1
        All capital of the chain, positions included, in raw units of token1.

    Raises
    ------
    InvalidInput
        If the capital is not positive.

    Notes
    -----
    With :math:`n_0, n_1` what the targets need at their shares' proportion and :math:`s` the sum of the shares, the
    targets want :math:`w_i = n_i \, s C / (n_0 P + n_1)`. What the wallet has of a token beyond that stays, except for
    the part that has to buy what is missing of the other token. Shares that sum to the whole capital leave nothing.

    Examples
    --------
    >>> around = TargetRange(sqrt_price_x96=Q96, sqrt_lower_x96=Q96 // 2, sqrt_upper_x96=Q96 * 2, share_frac=0.5)
    >>> usable_amounts(0, 1000, [around], sqrt_price_x96=Q96, capital1=1000.0)
    (0, 500)
    >>> usable_amounts(0, 1000, [around], sqrt_price_x96=Q96, capital1=9000.0)
    (0, 1000)
    """
    if not 0 < capital1 < float("inf"):
        raise InvalidInput(f"capital {capital1} of the chain is not positive and finite")
    with localcontext(prec=PRECISION):
        price = (Decimal(sqrt_price_x96) / Q96) ** 2
        fixed = [replace(target, moves_with_swap=False) for target in targets]
        need0, need1 = need_around(fixed, Decimal(sqrt_price_x96) / Q96).at(Decimal(1))
        wanted = sum((Decimal(target.share_frac) for target in targets), Decimal(0)) * Decimal(capital1) * _ROUNDING
        scale = wanted / (need0 * price + need1)
        want0, want1 = need0 * scale, need1 * scale
        if amount0 < want0:
            return amount0, min(amount1, int(want1 + (want0 - amount0) * price))
        if amount1 < want1:
            return min(amount0, int(want0 + (want1 - amount1) / price)), amount1
        return int(want0), int(want1)
