"""How rules of the zoo place: chain by chain, in ticks, and without selling where their originals do not sell."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alm_core.math.liquidity import amounts_for_liquidity, liquidity_for_amounts
from alm_core.math.orientation import usable_tick_at_or_above, usable_tick_at_or_below
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.decisions import AllocationPlan, DecisionKind, PositionClose, Target
from alm_core.model.market import Holdings, PoolState
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import amounts_usd
from alm_core.shadow.rivals import MIN_PLACED_USD, Rival, Seen, best_pool, rule_plan

MIN_REST_FRAC = 0.001
"""Less than this share of what is placed gets no position of its own: it is swapped into the others."""

Ticks = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a rule does on one chain, and in words why."""

    kind: DecisionKind
    reason: str
    closes: tuple[PositionClose, ...] = ()
    opens: tuple[Target, ...] = ()
    collects: tuple[PositionClose, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """Raw amounts that are there once every position of a chain is closed, in a pool's own order."""

    state: PoolState
    amount0: int
    amount1: int
    usd: float


ChainRule = Callable[[Seen, Holdings], Step | str]
"""What to do on one chain; a text says why nothing."""


def by_chain(name: str, rule: ChainRule) -> Rival:
    """Return the rival that follows a rule on every chain by itself."""

    def rival(seen: Seen) -> AllocationPlan:
        found = [rule(seen, held) for held in seen.snapshot.holdings]
        steps = [one for one in found if isinstance(one, Step)]
        if not steps:
            held = [one for one in found if isinstance(one, str)]
            return rule_plan(name, seen, DecisionKind.HOLD, "; ".join(dict.fromkeys(held)), (), ())
        return rule_plan(
            name,
            seen,
            steps[0].kind,
            "; ".join(dict.fromkeys(one.reason for one in steps)),
            [close for one in steps for close in one.closes],
            [target for one in steps for target in one.opens],
            [collect for one in steps for collect in one.collects],
        )

    return rival


def funds_of(seen: Seen, held: Holdings) -> Funds | None:
    """Return what a chain's capital is: in the pool its positions are in, else in the best; ``None`` if there is none.

    Rules of the zoo have all positions of a chain in one pool.
    """
    state = seen.snapshot.pool_state(held.positions[0].pool_id) if held.positions else None
    state = state or best_pool(seen, held.block.chain_id)
    if state is None:
        return None
    pool = state.pool
    amount0 = held.balance(pool.token0.address) + sum(one.amount0 + one.fees0 for one in held.positions)
    amount1 = held.balance(pool.token1.address) + sum(one.amount1 + one.fees1 for one in held.positions)
    usd = amounts_usd(pool, amount0, amount1, seen.prices).total
    return Funds(state=state, amount0=amount0, amount1=amount1, usd=usd) if usd >= MIN_PLACED_USD else None


def tick_width(half_width: float) -> int:
    """Return the ticks from a price to ``half_width`` above it, at least one.

    Examples
    --------
    >>> tick_width(0.05)
    488
    """
    return max(1, round(math.log1p(half_width) / math.log(1.0001)))


def around(state: PoolState, width: int) -> Ticks:
    """Return usable ticks ``width`` to both sides of the price."""
    pool = state.pool
    return usable_tick_at_or_below(pool, state.tick - width), usable_tick_at_or_above(pool, state.tick + width)


def below(pool: Pool, tick: int, width: int) -> Ticks:
    """Return usable ticks of a range that ends at or below a tick: it holds token1 alone there."""
    upper = usable_tick_at_or_below(pool, tick)
    return usable_tick_at_or_below(pool, upper - width), upper


def above(pool: Pool, tick: int, width: int) -> Ticks:
    """Return usable ticks of a range that begins above a tick: it holds token0 alone there."""
    lower = usable_tick_at_or_above(pool, tick + 1)
    return lower, usable_tick_at_or_above(pool, lower + width)


def unsold(funds: Funds, main: Ticks, rest_below: Ticks, rest_above: Ticks) -> tuple[Target, ...]:
    """Return targets that take the funds as they are: all that fits into ``main``, and the rest on its own side.

    Shares of the value are such that no swap is needed at the pool's price; what the price moves until the plan is
    carried out is swapped then.
    """
    price_x96 = funds.state.sqrt_price_x96
    ends = sqrt_price_x96_at_tick(main[0]), sqrt_price_x96_at_tick(main[1])
    liquidity = liquidity_for_amounts(price_x96, *ends, funds.amount0, funds.amount1)
    used0, used1 = amounts_for_liquidity(price_x96, *ends, liquidity, round_up=False)
    price = (price_x96 / Q96) ** 2
    rest0, rest1 = (funds.amount0 - used0) * price, float(funds.amount1 - used1)
    wanted = [(main, used0 * price + used1), (rest_above, rest0), (rest_below, rest1)]
    total = sum(value for _, value in wanted)
    return tuple(
        target(funds, ticks, value / total) for ticks, value in wanted if total > 0.0 and value / total >= MIN_REST_FRAC
    )


def target(funds: Funds, ticks: Ticks, share_frac: float = 1.0, token_id: int | None = None) -> Target:
    """Return the target that places a share of the funds at some ticks."""
    return Target(
        pool_id=funds.state.pool.pool_id,
        chain_id=funds.state.pool.chain_id,
        share_frac=share_frac,
        capital_usd=funds.usd * share_frac,
        expected_apr=0.0,
        tick_lower=ticks[0],
        tick_upper=ticks[1],
        token_id=token_id,
    )


def placed(held: Holdings, opens: Sequence[Target], reason: str) -> Step:
    """Return the step that closes whatever there is and opens the targets."""
    return Step(
        kind=DecisionKind.RS if held.positions else DecisionKind.PRA,
        reason=reason if held.positions else "capital is placed",
        closes=tuple(PositionClose.of(position, held.block.chain_id) for position in held.positions),
        opens=tuple(opens),
    )
