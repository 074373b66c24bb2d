"""Unsigned transactions of the router, with the effects it guarantees if they succeed."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from alm_core.math.bin_parts import MOST_BINS_OPENED, parts_of_range
from alm_core.math.bin_ranges import (
    bin_of_place,
    place_of_bin,
    places_of_range,
)
from alm_core.math.bin_spread import BinSpread, spread_over_bins
from alm_core.math.tick import UINT128_MAX
from alm_core.model.dex_ports import LiquidityQuote, PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ActiveBin, BinShare, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.dex.liquidity_book import abi
from alm_resources.dex.liquidity_book.abi import Layout
from alm_resources.dex.liquidity_book.minima import (
    active_bin,
    bin_step_of,
    pays_anywhere,
    places_of_interval,
    placing_minimums,
    removing_minimums,
    token_id_of,
)

MOST_BINS_CLOSED = 120

T = TypeVar("T")


def parts(pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
    """Split a range into ranges of about as many bins each, no more than one transaction opens.

    Raises
    ------
    InvalidInput
        If the ticks are not edges of bins, or the range would need too many transactions.
    """
    try:
        return parts_of_range(bin_step_of(pool), tick_lower, tick_upper)
    except InvalidInput as error:
        raise InvalidInput(f"pool {pool.pool_id}: {error}") from error


def quote_liquidity(state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int) -> LiquidityQuote:
    """Return what an open at the pinned price buys and uses."""
    spread = _spread(state, _bins_of_range(state, tick_lower, tick_upper), amount0, amount1)
    return LiquidityQuote(liquidity=spread.liquidity, amount0=spread.amount0, amount1=spread.amount1)


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
    """Return a deposit over the bins of a range, one liquidity in all of them.

    Raises
    ------
    InvalidInput
        If the ticks are not edges of bins, they are more than one transaction opens, or the amounts are too little.
    """
    bin_ids = _bins_of_range(state, tick_lower, tick_upper)
    _refuse_too_many(state.pool, bin_ids, MOST_BINS_OPENED)
    spread = _spread(state, bin_ids, amount0, amount1)
    summary = f"open [{tick_lower}, {tick_upper}], {len(bin_ids)} bins, in {state.pool.pool_id}"
    return _deposit(layout, state, spread, interval, owner, deadline_at, Action.OPEN, summary)


def plan_add(
    layout: Layout,
    state: PoolState,
    position: Position,
    amount0: int,
    amount1: int,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return a deposit over the bins that the position has, one liquidity in all of them.

    Raises
    ------
    InvalidInput
        If the position lies in another pool, has more bins than one transaction takes, or the amounts are too little.
    """
    _refuse_other_pool(state.pool, position)
    _refuse_too_many(state.pool, position.bins, MOST_BINS_CLOSED)
    order = active_bin(state).token0_is_x
    bin_ids = sorted((share.bin_id for share in position.bins), reverse=not order)
    spread = _spread(state, bin_ids, amount0, amount1)
    return _deposit(layout, state, spread, interval, owner, deadline_at, Action.ADD, f"add to {state.pool.pool_id}")


def plan_remove(
    layout: Layout,
    state: PoolState,
    position: Position,
    stake: int,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return a withdrawal of a part of every bin; the shares sum to exactly the stake.

    Bins whose part would pay nothing, now or after a move within the interval, are left as they are: the pair burns no
    such shares.

    Raises
    ------
    InvalidInput
        If the part is not more than nothing and less than all, pays nothing in any bin, or the position has more bins
        than one transaction takes.
    """
    _refuse_other_pool(state.pool, position)
    _refuse_too_many(state.pool, position.bins, MOST_BINS_CLOSED)
    if not 0 < stake < position.stake:
        raise InvalidInput(f"{stake} of {position.stake} is no part of the position in {state.pool.pool_id}")
    burned: list[tuple[BinShare, int]] = []
    cumulated = given = 0
    for share in position.bins:
        cumulated += share.shares
        burn = cumulated * stake // position.stake - given
        given += burn
        if burn and pays_anywhere(state, share, burn, interval):
            burned.append((share, burn))
    if not burned:
        raise InvalidInput(f"{stake} of {position.stake} pays nothing in any bin of {state.pool.pool_id}")
    return _withdrawal(
        layout, state, burned, interval, owner, deadline_at, Action.REMOVE, f"remove {stake} of {state.pool.pool_id}"
    )


def plan_close(
    layout: Layout,
    state: PoolState,
    position: Position,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return a withdrawal of everything from as many bins as one transaction takes, lowest ids first.

    Bins that may pay nothing after a move within the interval are left to a call of their own, for the pair burns no
    such shares. Fees that lie beside the bins are collected when no bin is left. Only what leaves nothing of the
    position names it as closed.
    """
    _refuse_other_pool(state.pool, position)
    if not position.bins:
        return _collection(layout, state, position, owner, Action.CLOSE, closes_token_id=position.token_id)
    sound = [share for share in position.bins if pays_anywhere(state, share, share.shares, interval)]
    burned = [(share, share.shares) for share in (sound or position.bins)[:MOST_BINS_CLOSED]]
    whole = len(burned) == len(position.bins) and not position.fees0 and not position.fees1
    summary = f"close {len(burned)} of {len(position.bins)} bins of {state.pool.pool_id}"
    return _withdrawal(
        *(layout, state, burned, interval, owner, deadline_at, Action.CLOSE, summary),
        closes_token_id=position.token_id if whole else None,
    )


def plan_collect(layout: Layout, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
    """Return a collection of the fees that lie beside the bins.

    Raises
    ------
    InvalidInput
        If fees stay in the bins, where no call pays them alone.
    """
    _refuse_other_pool(state.pool, position)
    return _collection(layout, state, position, owner, Action.COLLECT)


def _bins_of_range(state: PoolState, tick_lower: int, tick_upper: int) -> list[int]:
    order = active_bin(state).token0_is_x
    places = places_of_range(bin_step_of(state.pool), tick_lower, tick_upper)
    return [bin_of_place(place, token0_is_x=order) for place in places]


def _spread(state: PoolState, bin_ids: Sequence[int], amount0: int, amount1: int) -> BinSpread:
    active = active_bin(state)
    return spread_over_bins(
        bin_ids,
        bin_step_of(state.pool),
        token0_is_x=active.token0_is_x,
        active_id=active.bin_id,
        composition=(active.reserve0, active.reserve1),
        amount0=amount0,
        amount1=amount1,
    )


def _deposit(
    layout: Layout,
    state: PoolState,
    spread: BinSpread,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
    action: Action,
    summary: str,
) -> UnsignedTransaction:
    pool, active = state.pool, active_bin(state)
    minimum0, minimum1 = placing_minimums(layout, active, spread)
    lowest, highest = places_of_interval(state, interval)
    place = place_of_bin(active.bin_id, token0_is_x=active.token0_is_x)
    token_x, token_y = _xy(active, (pool.token0.address, pool.token1.address))
    parts_x, parts_y = _xy(active, (spread.parts0, spread.parts1))
    parameters = (
        *(token_x, token_y, bin_step_of(pool)),
        *_xy(active, (spread.amount0, spread.amount1)),
        *_xy(active, (minimum0, minimum1)),
        *(active.bin_id, max(highest - place, place - lowest)),
        [bin_id - active.bin_id for bin_id in spread.bin_ids],
        list(parts_x),
        list(parts_y),
        *((owner,) if layout.fees_apart else (owner, owner)),
        _seconds(deadline_at),
    )
    return _transaction(
        state,
        owner,
        layout.add_liquidity.data(parameters),
        action,
        summary,
        ((-spread.amount0, -minimum0), (-spread.amount1, -minimum1)),
        opens_position=action is Action.OPEN,
        adds_token_id=token_id_of(pool) if action is Action.ADD else None,
    )


def _withdrawal(
    layout: Layout,
    state: PoolState,
    burned: Sequence[tuple[BinShare, int]],
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
    action: Action,
    summary: str,
    *,
    closes_token_id: int | None = None,
) -> UnsignedTransaction:
    pool, active = state.pool, active_bin(state)
    minimum0, minimum1 = removing_minimums(state, burned, interval)
    data = abi.REMOVE_LIQUIDITY.data(
        *_xy(active, (pool.token0.address, pool.token1.address)),
        bin_step_of(pool),
        *_xy(active, (minimum0, minimum1)),
        [share.bin_id for share, _ in burned],
        [shares for _, shares in burned],
        owner,
        _seconds(deadline_at),
    )
    bounds = ((minimum0, UINT128_MAX), (minimum1, UINT128_MAX))
    return _transaction(state, owner, data, action, summary, bounds, closes_token_id=closes_token_id)


def _collection(
    layout: Layout,
    state: PoolState,
    position: Position,
    owner: str,
    action: Action,
    *,
    closes_token_id: int | None = None,
) -> UnsignedTransaction:
    if not layout.fees_apart:
        raise InvalidInput(f"fees of {state.pool.pool_id} stay in its bins: nothing pays them but removing")
    return _transaction(
        state,
        owner,
        abi.COLLECT_FEES.data(owner, [share.bin_id for share in position.bins]),
        action,
        f"collect fees of {len(position.bins)} bins of {state.pool.pool_id}",
        ((0, UINT128_MAX), (0, UINT128_MAX)),
        to=state.pool.address,
        closes_token_id=closes_token_id,
    )


def _transaction(
    state: PoolState,
    owner: str,
    data: bytes,
    action: Action,
    summary: str,
    bounds: tuple[tuple[int, int], tuple[int, int]],
    *,
    to: str | None = None,
    opens_position: bool = False,
    closes_token_id: int | None = None,
    adds_token_id: int | None = None,
) -> UnsignedTransaction:
    pool = state.pool
    return UnsignedTransaction(
        chain_id=pool.chain_id,
        sender=owner,
        to=to or pool.position_manager,
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
        liquidity_events_from=pool.address,
    )


def _xy(active: ActiveBin, of_tokens: tuple[T, T]) -> tuple[T, T]:
    """Return what belongs to token0 and token1 in the pair's order of X and Y."""
    return of_tokens if active.token0_is_x else (of_tokens[1], of_tokens[0])


def _refuse_other_pool(pool: Pool, position: Position) -> None:
    if position.pool_id != pool.pool_id:
        raise InvalidInput(f"the position lies in {position.pool_id}, not in {pool.pool_id}")


def _refuse_too_many(pool: Pool, bins: Sequence[object], most: int) -> None:
    if len(bins) > most:
        raise InvalidInput(f"{len(bins)} bins of {pool.pool_id} are more than the {most} that one transaction takes")


def _seconds(deadline_at: datetime) -> int:
    if deadline_at.tzinfo is None:
        raise InvalidInput(f"deadline {deadline_at.isoformat()} has no time zone")
    return int(deadline_at.timestamp())
