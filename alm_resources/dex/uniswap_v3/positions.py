"""Positions of a wallet from the chain alone, with fees as ``collect`` would pay them.

The position manager's ``tokensOwed`` is stale until the position is touched, so what has accrued since is computed.
The pool keeps one joint position per range for all holders of the manager and pays no more than that is owed: its
truncation can be a unit below the manager's, and the lower of the two is what a collect pays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alm_core.math.fee_growth import fee_growth_inside, fees_owed
from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.tick import MAX_TICK, MIN_TICK, sqrt_price_x96_at_tick
from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.errors import BadAnswer, InvalidInput
from alm_core.model.market import Block, PoolState, Position
from alm_resources.chains.calldata import revert_reason
from alm_resources.dex.uniswap_v3 import abi
from alm_resources.dex.uniswap_v3.layout import Layout, tokens_of

_FIRST_IDS = 8
_MOST_IDS = 2_000
"""A wallet that would need more is not believed: the calls alone would fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A position as the manager stores it, in one of the pools asked for."""

    layout: Layout
    state: PoolState
    token_id: int
    tick_lower: int
    tick_upper: int
    liquidity: int
    inside_last: tuple[int, int]
    owed: tuple[int, int]

    @property
    def calls(self) -> tuple[Call, ...]:
        """Reads of the pool that the fees depend on."""
        pool, ticks = self.state.pool, (self.tick_lower, self.tick_upper)
        return (
            *(self.layout.tick.read.call(pool.address, tick) for tick in ticks),
            self.layout.joint.read.call(pool.address, self.layout.joint_key(pool, self.token_id, *ticks)),
        )


def read_positions(
    layout: Layout, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
) -> tuple[Position, ...]:
    """Read the owner's positions in these pools at one block, ordered by pool and id.

    Positions in other pools are not ours to manage here and are left out; empty ones that were never burned are
    included. Three batches for any number of positions; one where there are none.
    """
    ids = _owned_ids(chain, sorted({state.pool.position_manager for state in pools}), owner, block)
    return read_named(layout, chain, pools, ids, block)


def read_named(
    layout: Layout, chain: ChainClient, pools: Sequence[PoolState], ids: Sequence[tuple[str, int]], block: Block
) -> tuple[Position, ...]:
    """Read positions by ``(position manager, token id)``, whoever owns them; those in other pools are left out."""
    stored = chain.read_calls(
        [layout.stored.read.call(manager, token_id, may_fail=True) for manager, token_id in ids], block
    )
    held: list[_Held] = []
    for (manager, token_id), result in zip(ids, stored, strict=True):
        source = _source(chain, manager)
        if _is_burned(layout, result, token_id, source):
            continue
        own = [state for state in pools if state.pool.position_manager == manager]
        entry = _held(layout, token_id, layout.stored.values(result.data, source), own)
        held += [entry] if entry else []
    batches = _in_threes(chain.read_calls([call for entry in held for call in entry.calls], block))
    positions = [_position(entry, answers) for entry, answers in zip(held, batches, strict=True)]
    return tuple(sorted(positions, key=lambda position: (position.pool_id, position.token_id)))


def _owned_ids(chain: ChainClient, managers: Sequence[str], owner: str, block: Block) -> list[tuple[str, int]]:
    """Return ``(manager, token id)`` of all that the owner has; the first few ids are asked for with the count."""
    ids: list[tuple[str, int]] = []
    asked = [call for manager in managers for call in _first_calls(manager, owner)]
    results = chain.read_calls(asked, block)
    for place, manager in enumerate(managers):
        counted, *first = results[place * (_FIRST_IDS + 1) : (place + 1) * (_FIRST_IDS + 1)]
        source = _source(chain, manager)
        count = int(abi.BALANCE_OF.answer(counted.data, source)[0])
        if count > _MOST_IDS:
            raise BadAnswer(source, f"counts {count:#x} positions of {owner}, more than {_MOST_IDS}")
        more = [abi.TOKEN_OF_OWNER_BY_INDEX.call(manager, owner, index) for index in range(_FIRST_IDS, count)]
        answers = (*first[:count], *chain.read_calls(more, block))
        ids += [(manager, _token_id(answer, source)) for answer in answers]
    return ids


def _token_id(result: CallResult, source: str) -> int:
    if not result.succeeded:
        raise BadAnswer(source, f"counts a position that it does not name: {revert_reason(result.data)}")
    return int(abi.TOKEN_OF_OWNER_BY_INDEX.answer(result.data, source)[0])


def _first_calls(manager: str, owner: str) -> Iterable[Call]:
    yield abi.BALANCE_OF.call(manager, owner)
    for index in range(_FIRST_IDS):
        # Beyond the count it reverts.
        yield abi.TOKEN_OF_OWNER_BY_INDEX.call(manager, owner, index, may_fail=True)


def _source(chain: ChainClient, manager: str) -> str:
    return f"position manager {manager} of chain {chain.chain_id}"


def _is_burned(layout: Layout, result: CallResult, token_id: int, source: str) -> bool:
    if result.succeeded:
        return False
    if result.data == layout.burned(token_id):
        return True
    # Any other failure is not "no position".
    raise BadAnswer(source, f"position {token_id} does not read: {revert_reason(result.data)}")


def _held(layout: Layout, token_id: int, stored: dict[str, Any], pools: Sequence[PoolState]) -> _Held | None:
    lower, upper = stored["tick_lower"], stored["tick_upper"]
    if not MIN_TICK <= lower < upper <= MAX_TICK:
        raise BadAnswer(f"position {token_id}", f"its range is no range of ticks: {lower} to {upper}")
    names = ("token0", "token1", *(("key",) if "key" in stored else ()))
    key = _comparable(stored[name] for name in names)
    for state in pools:
        if key == _comparable((*tokens_of(state.pool), *layout.pool_key(state.pool))):
            return _Held(
                layout=layout,
                state=state,
                token_id=token_id,
                tick_lower=lower,
                tick_upper=upper,
                liquidity=stored["liquidity"],
                inside_last=(stored["inside0"], stored["inside1"]),
                owed=(stored["owed0"], stored["owed1"]),
            )
    return None


def _comparable(key: Iterable[object]) -> tuple[str, ...]:
    # Addresses are written in two ways.
    return tuple(str(part).lower() for part in key)


def _position(held: _Held, answers: Sequence[CallResult]) -> Position:
    state, layout = held.state, held.layout
    source = f"pool {state.pool.pool_id}"
    at_lower, at_upper = (layout.tick.values(answers[index].data, source) for index in (0, 1))
    joint = layout.joint.values(answers[2].data, source)
    fees0, fees1 = (
        _payable(
            held,
            side,
            fee_growth_inside(
                state.tick,
                held.tick_lower,
                held.tick_upper,
                _growth(state, side),
                at_lower[f"outside{side}"],
                at_upper[f"outside{side}"],
            ),
            joint,
        )
        for side in (0, 1)
    )
    bounds = sqrt_price_x96_at_tick(held.tick_lower), sqrt_price_x96_at_tick(held.tick_upper)
    amount0, amount1 = amounts_for_liquidity(state.sqrt_price_x96, *bounds, held.liquidity, round_up=False)
    return Position(
        pool_id=state.pool.pool_id,
        token_id=held.token_id,
        tick_lower=held.tick_lower,
        tick_upper=held.tick_upper,
        liquidity=held.liquidity,
        amount0=amount0,
        amount1=amount1,
        fees0=fees0,
        fees1=fees1,
    )


def _growth(state: PoolState, side: int) -> int:
    growth = (state.fee_growth_global0_x128, state.fee_growth_global1_x128)[side]
    if growth is None:
        raise InvalidInput(f"pool {state.pool.pool_id} keeps no fee growth: it is no {state.pool.family} pool")
    return growth


def _payable(held: _Held, side: int, inside_x128: int, joint: dict[str, Any]) -> int:
    joint_owed = joint[f"owed{side}"]
    if not held.liquidity:
        # The manager does not touch the pool for an empty position: only what is booked on both sides is paid.
        return min(held.owed[side], joint_owed)
    ours = fees_owed(held.liquidity, inside_x128, held.inside_last[side], held.owed[side])
    return min(ours, fees_owed(joint["liquidity"], inside_x128, joint[f"inside{side}"], joint_owed))


def _in_threes(results: Sequence[CallResult]) -> list[Sequence[CallResult]]:
    return [results[start : start + 3] for start in range(0, len(results), 3)]
