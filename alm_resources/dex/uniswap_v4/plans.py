"""Unsigned calls of ``modifyLiquidities``, with the effects the contract guarantees if they succeed.

Placing. ``MINT_POSITION`` takes a liquidity. One that both amounts allow at every price of the interval is far less
than what they buy at the price of then: a range little wider than the interval would get half. So the amounts are paid
in first and ``MINT_POSITION_FROM_DELTAS`` turns them into all the liquidity they buy then, as V3 does. The contract has
no minima for this; the way the rest comes back has: the manager takes out for itself the most that may be left over and
then pays what it owes for that, which reverts if more was left (``DeltaNotNegative``). What it still holds is the rest
and is swept to the owner. Where no price of the interval needs more than the amounts (ranges beside the interval), the
plain ``MINT_POSITION`` of the liquidity, paid by ``SETTLE_PAIR``, does the same for less gas.

Taking out. The pool pays fees along with principal in one sum. So that the books know them apart, fees are taken first,
by a decrease of nothing: of a plan's transfers to the owner those before liquidity changes are fees, no others are.
Adding does that too, for the contract would set fees off against what is paid in.
"""

from collections.abc import Sequence
from datetime import datetime

from alm_core.math.liquidity import burn_minimums, mint_minimums
from alm_core.math.settled_pools import mint_amounts
from alm_core.math.tick import UINT128_MAX, UINT256_MAX, sqrt_price_x96_at_tick
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.dex.uniswap_v3.plans import quote_liquidity, refuse_unusable
from alm_resources.dex.uniswap_v4 import actions
from alm_resources.dex.uniswap_v4.actions import Step
from alm_resources.dex.uniswap_v4.layout import Layout
from alm_resources.dex.uniswap_v4.placing import Placing

_NOTHING = (0, 0)
_PAID = (0, UINT128_MAX)


def plan_open(
    layout: Layout,
    state: PoolState,
    ticks: tuple[int, int],
    amounts: tuple[int, int],
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return a mint that takes at most the amounts, and at least what it takes anywhere in the interval.

    Raises
    ------
    InvalidInput
        If the ticks are not usable in this pool, or the amounts buy no liquidity or exceed what the contract can take.
    """
    pool = state.pool
    placing = _placing(state, ticks, amounts, interval)
    key = layout.key_types, layout.key(pool), ticks
    grow = (
        actions.mint(*key, placing.liquidity, placing.most, owner)
        if placing.liquidity is not None
        else actions.mint_from_deltas(*key, placing.most, owner)
    )
    return _transaction(
        pool,
        owner,
        placing.steps(pool, owner, grow),
        Action.OPEN,
        f"open [{ticks[0]}, {ticks[1]}] in {pool.base.symbol}-{pool.quote.symbol} {pool.fee_pips} {pool.pool_id}",
        placing.bounds,
        _seconds(deadline_at),
        opens_position=True,
    )


def plan_add(
    state: PoolState,
    position: Position,
    amounts: tuple[int, int],
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return an increase of liquidity that takes at most the amounts, and at least what it takes in the interval.

    Notes
    -----
    The contract does not leave fees owed to a position whose liquidity changes. They are paid to the owner first, in
    transfers of their own; so what comes to the wallet has no upper bound.

    Raises
    ------
    InvalidInput
        If the position lies in another pool, its ticks are not usable, or the amounts buy no liquidity or are more than
        the contract can take.
    """
    pool = state.pool
    _refuse_other_pool(pool, position)
    placing = _placing(state, (position.tick_lower, position.tick_upper), amounts, interval)
    grow = (
        actions.increase(position.token_id, placing.liquidity, placing.most)
        if placing.liquidity is not None
        else actions.increase_from_deltas(position.token_id, placing.most)
    )
    (low0, _), (low1, _) = placing.bounds
    return _transaction(
        pool,
        owner,
        [*_fees_first(pool, position, owner), *placing.steps(pool, owner, grow)],
        Action.ADD,
        f"add to position {position.token_id} of {pool.pool_id}",
        ((low0, UINT128_MAX), (low1, UINT128_MAX)),
        _seconds(deadline_at),
        adds_token_id=position.token_id,
    )


def plan_remove(
    state: PoolState, position: Position, stake: int, interval: PriceInterval, owner: str, deadline_at: datetime
) -> UnsignedTransaction:
    """Return a call that pays out the fees and then removes a part of the liquidity.

    Raises
    ------
    InvalidInput
        If the part is not more than nothing and less than all, or the position lies in another pool.
    """
    _refuse_other_pool(state.pool, position)
    if not 0 < stake < position.liquidity:
        raise InvalidInput(f"{stake} of {position.liquidity} is no part of position {position.token_id}")
    least = _burn_minimums(state, position, stake, interval)
    return _transaction(
        state.pool,
        owner,
        [
            *_fees_first(state.pool, position, owner),
            actions.decrease(position.token_id, stake, least),
            _take_pair(state.pool, owner),
        ],
        Action.REMOVE,
        f"remove {stake} of position {position.token_id} of {state.pool.pool_id}",
        ((least[0], UINT128_MAX), (least[1], UINT128_MAX)),
        _seconds(deadline_at),
    )


def plan_close(
    state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
) -> UnsignedTransaction:
    """Return one call that pays out the fees, removes all liquidity and burns the token.

    The minima hold anywhere in the interval. A position without liquidity has no fees either and is only burned.
    """
    _refuse_other_pool(state.pool, position)
    least = _burn_minimums(state, position, position.liquidity, interval)
    return _transaction(
        state.pool,
        owner,
        [
            *_fees_first(state.pool, position, owner),
            actions.burn(position.token_id, least),
            _take_pair(state.pool, owner),
        ],
        Action.CLOSE,
        f"close position {position.token_id} of {state.pool.pool_id}",
        ((least[0], UINT128_MAX), (least[1], UINT128_MAX)),
        _seconds(deadline_at),
        closes_token_id=position.token_id,
    )


def plan_collect(state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
    """Return a collect of everything owed; it has no deadline, for no price makes it a bad one.

    Raises
    ------
    InvalidInput
        If the position has no liquidity: the contract paid all its fees with the last of it, and reverts.
    """
    _refuse_other_pool(state.pool, position)
    if not position.liquidity:
        raise InvalidInput(f"position {position.token_id} of {state.pool.pool_id} has no liquidity and earns nothing")
    return _transaction(
        state.pool,
        owner,
        _fees_first(state.pool, position, owner),
        Action.COLLECT,
        f"collect fees of position {position.token_id} of {state.pool.pool_id}",
        (_PAID, _PAID),
        UINT256_MAX,
    )


def _placing(state: PoolState, ticks: tuple[int, int], amounts: tuple[int, int], interval: PriceInterval) -> Placing:
    pool = state.pool
    liquidity = quote_liquidity(state, *ticks, *amounts).liquidity
    if max(amounts) > UINT128_MAX:
        raise InvalidInput(f"{amounts} are more than a position in {pool.pool_id} can take")
    if not liquidity:
        raise InvalidInput(f"{amounts[0]} and {amounts[1]} buy no liquidity in {list(ticks)} of {pool.pool_id}")
    bounds = sqrt_price_x96_at_tick(ticks[0]), sqrt_price_x96_at_tick(ticks[1])
    fixed = mint_amounts(interval, *bounds, liquidity)
    if fixed.most0 <= amounts[0] and fixed.most1 <= amounts[1]:
        return Placing(least=(fixed.least0, fixed.least1), most=(fixed.most0, fixed.most1), liquidity=liquidity)
    return Placing(least=mint_minimums(interval, *bounds, *amounts), most=amounts, liquidity=None)


def _fees_first(pool: Pool, position: Position, owner: str) -> list[Step]:
    if not position.liquidity:
        # The pool refuses to touch an empty position (CannotUpdateEmptyPosition).
        return []
    return [actions.decrease(position.token_id, 0, _NOTHING), _take_pair(pool, owner)]


def _take_pair(pool: Pool, owner: str) -> Step:
    return actions.take_pair(pool.token0.address, pool.token1.address, owner)


def _burn_minimums(state: PoolState, position: Position, liquidity: int, interval: PriceInterval) -> tuple[int, int]:
    refuse_unusable(state.pool, position.tick_lower, position.tick_upper)
    bounds = sqrt_price_x96_at_tick(position.tick_lower), sqrt_price_x96_at_tick(position.tick_upper)
    return burn_minimums(interval, *bounds, liquidity)


def _refuse_other_pool(pool: Pool, position: Position) -> None:
    if position.pool_id != pool.pool_id:
        raise InvalidInput(f"position {position.token_id} lies in {position.pool_id}, not in {pool.pool_id}")


def _transaction(
    pool: Pool,
    owner: str,
    steps: Sequence[Step],
    action: Action,
    summary: str,
    bounds: tuple[tuple[int, int], tuple[int, int]],
    deadline_s: int,
    *,
    opens_position: bool = False,
    closes_token_id: int | None = None,
    adds_token_id: int | None = None,
) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=pool.chain_id,
        sender=owner,
        to=pool.position_manager,
        data="0x" + actions.calldata(steps, deadline_s).hex(),
        value_wei=0,
        action=action,
        summary=summary,
        bounds=tuple(
            BalanceBound(token=token.address, min_delta=low, max_delta=high)
            for token, (low, high) in zip((pool.token0, pool.token1), bounds, strict=True)
        ),
        opens_position=opens_position,
        closes_token_id=closes_token_id,
        adds_token_id=adds_token_id,
        liquidity_events_from=pool.factory,
    )


def _seconds(deadline_at: datetime) -> int:
    if deadline_at.tzinfo is None:
        raise InvalidInput(f"deadline {deadline_at.isoformat()} has no time zone")
    return int(deadline_at.timestamp())
