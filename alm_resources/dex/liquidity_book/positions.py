"""The position of a wallet in a pair: all bins it has shares of, with what burning them would pay."""

from collections.abc import Sequence
from typing import Any

from alm_core.math.bin_ranges import place_of_bin, ticks_of_places
from alm_core.math.bin_shares import amounts_for_shares
from alm_core.math.bin_spread import liquidity_of_bin
from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.errors import BadAnswer
from alm_core.model.market import ActiveBin, BinShare, Block, PoolState, Position
from alm_resources.chains.calldata import ContractFunction, revert_reason
from alm_resources.dex.liquidity_book import abi
from alm_resources.dex.liquidity_book.abi import Layout
from alm_resources.dex.liquidity_book.held_bins import Asking, T, held_shares, source_of
from alm_resources.dex.liquidity_book.minima import active_bin, bin_step_of, token_id_of

_HEAVY_BYTES = 10_000
_CALLS_AT_ONCE = 16
"""Balances of a page of bins cost a node up to 0.7 million gas; many refuse a call of more than 25 to 50 million."""


def read_positions(
    layout: Layout, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
) -> tuple[Position, ...]:
    """Read the owner's positions in these pairs at one block, ordered by pool.

    One of each pair, over all bins that the owner has shares of, whoever opened them. Shares that would pay nothing
    are left out: the pair does not burn them. Pairs are asked in step, so that their number adds no requests.
    """
    asking = [_position(layout, state, owner) for state in pools]
    found = _in_step(chain, block, asking)
    return tuple(sorted((one for one in found if one is not None), key=lambda position: position.pool_id))


def _position(layout: Layout, state: PoolState, owner: str) -> Asking[Position | None]:
    active = active_bin(state)
    held = yield from held_shares(layout, state, active.bin_id, owner)
    ids = sorted(held)
    calls = [
        call
        for bin_id in ids
        for call in (
            abi.GET_BIN.call(state.pool.address, bin_id, may_fail=True),
            abi.TOTAL_SUPPLY.call(state.pool.address, bin_id, may_fail=True),
        )
    ]
    if layout.fees_apart:
        calls.append(abi.PENDING_FEES.call(state.pool.address, owner, ids, may_fail=True))
    answers = yield calls
    shares = tuple(
        share
        for index, bin_id in enumerate(ids)
        if (share := _share(state, active, bin_id, held[bin_id], answers[2 * index : 2 * index + 2]))
    )
    fees0, fees1 = _fees(state, active, answers[-1]) if layout.fees_apart else (0, 0)
    if not shares and not fees0 and not fees1:
        return None
    return _over(state, active, shares, (fees0, fees1))


def _over(state: PoolState, active: ActiveBin, bins: tuple[BinShare, ...], fees: tuple[int, int]) -> Position:
    step, order = bin_step_of(state.pool), active.token0_is_x
    # Fees alone lie where the price is.
    places = [place_of_bin(share.bin_id, token0_is_x=order) for share in bins] or [
        place_of_bin(active.bin_id, token0_is_x=order)
    ]
    span = range(min(places), max(places) + 1)
    tick_lower, tick_upper = ticks_of_places(step, span)
    liquidity = sum(
        liquidity_of_bin((share.amount0, share.amount1), share.bin_id, step, token0_is_x=order) for share in bins
    )
    return Position(
        pool_id=state.pool.pool_id,
        token_id=token_id_of(state.pool),
        tick_lower=tick_lower,
        tick_upper=tick_upper,
        liquidity=liquidity // len(span),
        amount0=sum(share.amount0 for share in bins),
        amount1=sum(share.amount1 for share in bins),
        fees0=fees[0],
        fees1=fees[1],
        shares=sum(share.shares for share in bins),
        bins=bins,
    )


def _share(
    state: PoolState, active: ActiveBin, bin_id: int, shares: int, answers: Sequence[CallResult]
) -> BinShare | None:
    reserves, (supply,) = (
        _answer(state, read, answer) for read, answer in zip((abi.GET_BIN, abi.TOTAL_SUPPLY), answers, strict=True)
    )
    if supply < shares:
        raise BadAnswer(source_of(state), f"has {supply} shares of bin {bin_id}, of which the wallet has {shares}")
    x, y = amounts_for_shares((reserves[0], reserves[1]), shares, supply)
    if not x and not y:
        return None
    amount0, amount1 = (x, y) if active.token0_is_x else (y, x)
    return BinShare(bin_id=bin_id, shares=shares, amount0=amount0, amount1=amount1)


def _fees(state: PoolState, active: ActiveBin, answer: CallResult) -> tuple[int, int]:
    x, y = _answer(state, abi.PENDING_FEES, answer)
    return (x, y) if active.token0_is_x else (y, x)


def _answer(state: PoolState, read: ContractFunction, result: CallResult) -> tuple[Any, ...]:
    if not result.succeeded:
        raise BadAnswer(source_of(state), f"{read.name}() fails: {revert_reason(result.data)}")
    return read.answer(result.data, source_of(state))


def _in_step(chain: ChainClient, block: Block, asking: Sequence[Asking[T]]) -> list[T]:
    """Run all that ask until each has its result, answering what they ask together."""
    results: dict[int, T] = {}
    answers: dict[int, Sequence[CallResult] | None] = dict.fromkeys(range(len(asking)))
    while answers:
        asked: dict[int, Sequence[Call]] = {}
        for index, answer in answers.items():
            try:
                asked[index] = next(asking[index]) if answer is None else asking[index].send(answer)
            except StopIteration as done:
                results[index] = done.value
        replies = iter(_read(chain, [call for calls in asked.values() for call in calls], block))
        answers = {index: [next(replies) for _ in calls] for index, calls in asked.items()}
    return [results[index] for index in range(len(asking))]


def _read(chain: ChainClient, calls: Sequence[Call], block: Block) -> list[CallResult]:
    heavy = any(len(call.data) > _HEAVY_BYTES for call in calls)
    size = _CALLS_AT_ONCE if heavy else len(calls) or 1
    return [
        result
        for start in range(0, len(calls), size)
        for result in chain.read_calls(calls[start : start + size], block)
    ]
