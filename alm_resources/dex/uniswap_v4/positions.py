"""Positions of a wallet from the chain alone, with fees as the pool would pay them.

Each position has a place of its own in the pool (the salt is its id), so that what the pool owes it is exact:
``Position.update`` of v4-core pays ``liquidity * growth inside since its last change / 2^128``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alm_core.math.fee_growth import fee_growth_inside, fees_owed
from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.tick import MAX_TICK, MIN_TICK, sqrt_price_x96_at_tick
from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block, PoolState, Position
from alm_resources.dex.uniswap_v4.layout import Layout, pool_id
from alm_resources.dex.uniswap_v4.token_ids import TokenIds

_READS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A token of the wallet whose position lies in one of the pools asked for."""

    state: PoolState
    token_id: int
    tick_lower: int
    tick_upper: int

    def calls(self, layout: Layout) -> tuple[Call, ...]:
        """Reads of the pool that amounts and fees depend on."""
        pool = self.state.pool
        view, identity, salt = layout.view(pool), pool_id(pool), self.token_id.to_bytes(32, "big")
        ticks = self.tick_lower, self.tick_upper
        return (
            *(layout.tick_info.call(view, identity, tick) for tick in ticks),
            layout.position_info.call(view, identity, pool.position_manager, *ticks, salt),
        )


def read_positions(
    layout: Layout, tokens: TokenIds, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
) -> tuple[Position, ...]:
    """Read the owner's positions in these pools at one block, ordered by pool and id.

    Positions in other pools are not ours to manage here and are left out; empty ones that were never burned are
    included.
    """
    held: list[_Held] = []
    for manager in sorted({state.pool.position_manager for state in pools}):
        ids = tokens.owned(chain, manager, owner, block)
        results = chain.read_calls([layout.pool_of_position.call(manager, one) for one in ids], block)
        source = f"position manager {manager} of chain {chain.chain_id}"
        own = [state for state in pools if state.pool.position_manager == manager]
        for token_id, result in zip(ids, results, strict=True):
            key, info = layout.pool_of_position.answer(result.data, source)
            entry = _held(layout, token_id, key, info, own)
            held += [entry] if entry else []
    results = chain.read_calls([call for entry in held for call in entry.calls(layout)], block)
    positions = [
        _position(layout, entry, results[place * _READS : (place + 1) * _READS]) for place, entry in enumerate(held)
    ]
    return tuple(sorted(positions, key=lambda position: (position.pool_id, position.token_id)))


def _held(
    layout: Layout, token_id: int, key: tuple[object, ...], info: int, pools: Sequence[PoolState]
) -> _Held | None:
    """Return the position of a token; ``info`` is 25 bytes of the pool's id, upper tick, lower tick, a flag."""
    identity = layout.key_hash(key)
    if info >> 56 != int.from_bytes(identity[:25], "big"):
        raise BadAnswer(f"position {token_id}", f"its pool's key is that of 0x{identity.hex()}, its own id {info:#x}")
    upper, lower = (_int24(info >> shift) for shift in (32, 8))
    if not MIN_TICK <= lower < upper <= MAX_TICK:
        raise BadAnswer(f"position {token_id}", f"its range is no range of ticks: {lower} to {upper}")
    for state in pools:
        if pool_id(state.pool) == identity:
            return _Held(state=state, token_id=token_id, tick_lower=lower, tick_upper=upper)
    return None


def _position(layout: Layout, held: _Held, results: Sequence[CallResult]) -> Position:
    state, source = held.state, f"pool {held.state.pool.pool_id}"
    at_lower, at_upper = (_words(layout.tick_info.answer(result.data, source)) for result in results[:2])
    liquidity, *inside_last = _words(layout.position_info.answer(results[2].data, source))
    globals_x128 = (state.fee_growth_global0_x128, state.fee_growth_global1_x128)
    fees: list[int] = []
    for side, global_x128 in enumerate(globals_x128):
        if global_x128 is None:
            raise BadAnswer(source, "its fee growth was not read")
        # The last two words of a tick are the growth outside of it.
        outside = at_lower[-2 + side], at_upper[-2 + side]
        inside = fee_growth_inside(state.tick, held.tick_lower, held.tick_upper, global_x128, *outside)
        fees.append(fees_owed(liquidity, inside, inside_last[side]))
    bounds = sqrt_price_x96_at_tick(held.tick_lower), sqrt_price_x96_at_tick(held.tick_upper)
    amount0, amount1 = amounts_for_liquidity(state.sqrt_price_x96, *bounds, liquidity, round_up=False)
    return Position(
        pool_id=state.pool.pool_id,
        token_id=held.token_id,
        tick_lower=held.tick_lower,
        tick_upper=held.tick_upper,
        liquidity=liquidity,
        amount0=amount0,
        amount1=amount1,
        fees0=fees[0],
        fees1=fees[1],
    )


def _words(answer: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(int(word) for word in answer)


def _int24(value: int) -> int:
    return (value + 2**23) % 2**24 - 2**23
