"""Unsigned transactions of the position manager, with the effects the contract guarantees if they succeed."""

from datetime import datetime

from alm_core.math.liquidity import amounts_for_liquidity, burn_minimums, liquidity_for_amounts, mint_minimums
from alm_core.math.tick import UINT128_MAX, sqrt_price_x96_at_tick
from alm_core.model.dex_ports import LiquidityQuote, PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.dex.uniswap_v3 import abi
from alm_resources.dex.uniswap_v3.layout import Layout, tokens_of


def quote_liquidity(state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int) -> LiquidityQuote:
    """Return what a mint at the pinned price buys and uses, to the unit."""
    bounds = _sqrt_bounds(state, tick_lower, tick_upper)
    liquidity = liquidity_for_amounts(state.sqrt_price_x96, *bounds, amount0, amount1)
    used0, used1 = amounts_for_liquidity(state.sqrt_price_x96, *bounds, liquidity, round_up=True)
    return LiquidityQuote(liquidity=liquidity, amount0=used0, amount1=used1)


def plan_open(
    layout: Layout,
    state: PoolState,
    tick_lower: int,
    tick_upper: int,
    amount0: int,
    amount1: int,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return a mint that takes at most the amounts, and at least what it takes anywhere in the interval.

    Raises
    ------
    InvalidInput
        If the ticks are not usable in this pool or the amounts buy no liquidity.
    """
    pool = state.pool
    minimum0, minimum1 = _placing_minimums(state, tick_lower, tick_upper, amount0, amount1, interval)
    params = (
        *(*tokens_of(pool), *layout.pool_key(pool), tick_lower, tick_upper),
        *(amount0, amount1, minimum0, minimum1, owner, _seconds(deadline_at)),
        *layout.mint_tail,
    )
    return _transaction(
        state,
        owner,
        layout.mint.data(params),
        Action.OPEN,
        f"open [{tick_lower}, {tick_upper}] in {pool.base.symbol}-{pool.quote.symbol} {state.fee_pips} {pool.pool_id}",
        ((-amount0, -minimum0), (-amount1, -minimum1)),
        opens_position=True,
    )


def plan_add(
    state: PoolState,
    position: Position,
    amount0: int,
    amount1: int,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return an increase of liquidity that takes at most the amounts, and at least what it takes in the interval.

    Notes
    -----
    ``increaseLiquidity`` credits what the position has earned to its ``tokensOwed`` and pays nothing out: nothing may
    come to the wallet. The contract asks nobody's leave: whoever owns the id gets the liquidity. The caller has to know
    that it is ours.

    Raises
    ------
    InvalidInput
        If the position lies in another pool, its ticks are not usable or the amounts buy no liquidity.
    """
    pool = state.pool
    if position.pool_id != pool.pool_id:
        raise InvalidInput(f"position {position.token_id} lies in {position.pool_id}, not in {pool.pool_id}")
    ticks = position.tick_lower, position.tick_upper
    minimum0, minimum1 = _placing_minimums(state, *ticks, amount0, amount1, interval)
    params = (position.token_id, amount0, amount1, minimum0, minimum1, _seconds(deadline_at))
    return _transaction(
        state,
        owner,
        abi.INCREASE_LIQUIDITY.data(params),
        Action.ADD,
        f"add to position {position.token_id} of {pool.pool_id}",
        ((-amount0, -minimum0), (-amount1, -minimum1)),
        adds_token_id=position.token_id,
    )


def plan_close(
    state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
) -> UnsignedTransaction:
    """Return one multicall that removes all liquidity, collects everything owed and burns the token.

    The minima hold anywhere in the interval. A position without liquidity is collected and burned.
    """
    bounds = _sqrt_bounds(state, position.tick_lower, position.tick_upper)
    minimum0, minimum1 = burn_minimums(interval, *bounds, position.liquidity)
    decrease = (position.token_id, position.liquidity, minimum0, minimum1, _seconds(deadline_at))
    steps = [_collect_data(position, owner), abi.BURN.data(position.token_id)]
    if position.liquidity:
        steps.insert(0, abi.DECREASE_LIQUIDITY.data(decrease))
    return _transaction(
        state,
        owner,
        abi.MULTICALL.data(steps),
        Action.CLOSE,
        f"close position {position.token_id} of {state.pool.pool_id}",
        ((minimum0, UINT128_MAX), (minimum1, UINT128_MAX)),
        closes_token_id=position.token_id,
    )


def plan_remove(
    state: PoolState, position: Position, stake: int, interval: PriceInterval, owner: str, deadline_at: datetime
) -> UnsignedTransaction:
    """Return one multicall that removes a part of the liquidity and collects everything owed.

    Raises
    ------
    InvalidInput
        If the part is not more than nothing and less than all.
    """
    if not 0 < stake < position.liquidity:
        raise InvalidInput(f"{stake} of {position.liquidity} is no part of position {position.token_id}")
    bounds = _sqrt_bounds(state, position.tick_lower, position.tick_upper)
    minimum0, minimum1 = burn_minimums(interval, *bounds, stake)
    decrease = (position.token_id, stake, minimum0, minimum1, _seconds(deadline_at))
    return _transaction(
        state,
        owner,
        abi.MULTICALL.data([abi.DECREASE_LIQUIDITY.data(decrease), _collect_data(position, owner)]),
        Action.REMOVE,
        f"remove {stake} of position {position.token_id} of {state.pool.pool_id}",
        ((minimum0, UINT128_MAX), (minimum1, UINT128_MAX)),
    )


def refuse_unusable(pool: Pool, tick_lower: int, tick_upper: int) -> None:
    """Refuse a range that is empty or not on the pool's spacing by raising ``InvalidInput``."""
    spacing = pool.tick_spacing
    if tick_lower >= tick_upper or tick_lower % spacing or tick_upper % spacing:
        raise InvalidInput(
            f"ticks [{tick_lower}, {tick_upper}] are not usable in {pool.pool_id} with spacing {spacing}"
        )


def plan_collect(state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
    """Return a collect of everything owed."""
    return _transaction(
        state,
        owner,
        _collect_data(position, owner),
        Action.COLLECT,
        f"collect fees of position {position.token_id} of {state.pool.pool_id}",
        ((0, UINT128_MAX), (0, UINT128_MAX)),
    )


def _collect_data(position: Position, owner: str) -> bytes:
    return abi.COLLECT.data((position.token_id, owner, UINT128_MAX, UINT128_MAX))


def _transaction(
    state: PoolState,
    owner: str,
    data: bytes,
    action: Action,
    summary: str,
    bounds: tuple[tuple[int, int], tuple[int, int]],
    *,
    opens_position: bool = False,
    closes_token_id: int | None = None,
    adds_token_id: int | None = None,
) -> UnsignedTransaction:
    pool = state.pool
    return UnsignedTransaction(
        chain_id=pool.chain_id,
        sender=owner,
        to=pool.position_manager,
        data="0x" + data.hex(),
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
    )


def _placing_minimums(
    state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int, interval: PriceInterval
) -> tuple[int, int]:
    if not quote_liquidity(state, tick_lower, tick_upper, amount0, amount1).liquidity:
        raise InvalidInput(
            f"{amount0} and {amount1} buy no liquidity in [{tick_lower}, {tick_upper}] of {state.pool.pool_id}"
        )
    return mint_minimums(interval, *_sqrt_bounds(state, tick_lower, tick_upper), amount0, amount1)


def _sqrt_bounds(state: PoolState, tick_lower: int, tick_upper: int) -> tuple[int, int]:
    refuse_unusable(state.pool, tick_lower, tick_upper)
    return sqrt_price_x96_at_tick(tick_lower), sqrt_price_x96_at_tick(tick_upper)


def _seconds(deadline_at: datetime) -> int:
    if deadline_at.tzinfo is None:
        raise InvalidInput(f"deadline {deadline_at.isoformat()} has no time zone")
    return int(deadline_at.timestamp())
