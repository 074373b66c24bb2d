"""Targets that no single transaction can open, as several targets side by side with one liquidity over all of them."""

from dataclasses import replace
from decimal import Decimal, localcontext

from alm_core.execution.stage import Stage
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.ratio import PRECISION, TargetRange
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.decisions import Target


def parts_of(target: Target, stage: Stage) -> tuple[Target, ...]:
    """Return the parts of a target from low to high, mostly itself.

    Shares are those at which every part gets the same liquidity at the plan's price. They depend on the plan and the
    pool alone, so that a plan that is taken up again has the same parts. Parts of an addition are opened: where ranges
    have parts, what is opened in the bins of a position becomes a part of it.

    Raises
    ------
    InvalidInput
        If the family cannot place such a range in this pool.
    """
    pool = stage.pool(target.pool_id)
    bounds = stage.view.adapter(pool).parts(pool, target.tick_lower, target.tick_upper)
    if len(bounds) == 1:
        return (target,)
    sqrt_price_x96 = sqrt_price_x96_from_price(pool, stage.plan.price)
    worth = [_worth(lower, upper, sqrt_price_x96) for lower, upper in bounds]
    return tuple(
        replace(
            target,
            tick_lower=lower,
            tick_upper=upper,
            share_frac=target.share_frac * float(part / sum(worth)),
            token_id=None,
        )
        for (lower, upper), part in zip(bounds, worth, strict=True)
    )


def _worth(tick_lower: int, tick_upper: int, sqrt_price_x96: int) -> Decimal:
    """Value of one unit of liquidity, in token1."""
    with localcontext(prec=PRECISION):
        part = TargetRange(
            sqrt_price_x96=sqrt_price_x96,
            sqrt_lower_x96=sqrt_price_x96_at_tick(tick_lower),
            sqrt_upper_x96=sqrt_price_x96_at_tick(tick_upper),
        )
        return 1 / part.liquidity_weight()
