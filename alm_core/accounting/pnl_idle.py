"""Doing nothing: what the accounts would be worth had nothing been done at the epoch before."""

from collections.abc import Iterable
from dataclasses import replace

from alm_core.accounting.pnl import Marked
from alm_core.accounting.pnl_lines import NATIVE_DECIMALS, Worth, native_usd, sides_of
from alm_core.accounting.pnl_positions import held_positions
from alm_core.math.tick import Q128
from alm_core.model.accounts import EpochPnl
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.portfolio.flows import fee_growths
from alm_core.portfolio.valuation import Prices, position_usd, prices_usd
from alm_core.shadow.accrual import marked


def do_nothing_usd(before: Marked, now: Marked, pnl: EpochPnl) -> float | None:
    """Return the value at ``now`` of what was held at ``before``, before anything was done there, with flows since.

    Parameters
    ----------
    before, now
        The two snapshots.
    pnl
        What really came between them (:func:`alm_core.accounting.pnl.epoch_pnl`).

    Returns
    -------
    float or None
        ``None`` where a pool that held a position was not read at both.

    Notes
    -----
    A position that is still there as it was has earned what it really earned. One that was closed or changed would have
    earned the fee growth of its pool for the part of the interval that it was in range, as far as the two ends tell;
    what its liquidity would have taken from others is not counted, and in pools that keep no fee growth it earns
    nothing here.
    """
    prices = prices_usd(now.snapshot, now.price)
    still = held_positions(now.snapshot.holdings)
    earned = {(one.chain_id, one.pool_id, one.token_id): one.parts.fees_usd for one in pnl.lines}
    total = _idle_usd(before.snapshot, now.snapshot, prices) + pnl.parts.flow_usd
    for where, position in held_positions(before.snapshot.holdings).items():
        states = [_state(one.snapshot, position.pool_id) for one in (before, now)]
        if states[0] is None or states[1] is None:
            return None
        kept = still.get(where)
        if kept is not None and kept.stake == position.stake:
            total += _kept_usd(states[1], position, kept, earned.get(where, 0.0), prices)
        else:
            total += _closed_usd(states[0], states[1], position, prices)
    return total


def _state(snapshot: MarketSnapshot, pool_id: str) -> PoolState | None:
    return next((state for state in snapshot.pools if state.pool.pool_id == pool_id), None)


def _kept_usd(state: PoolState, was: Position, is_: Position, fees_usd: float, prices: Prices) -> float:
    """Principal as it is, fees as they were and what came to them, collected or not."""
    if is_.bins:
        return position_usd(state.pool, is_, prices).total
    principal = position_usd(state.pool, _without_fees(is_), prices).total
    fees = position_usd(state.pool, was, prices).total - position_usd(state.pool, _without_fees(was), prices).total
    return principal + fees + fees_usd


def _without_fees(position: Position) -> Position:
    return replace(position, fees0=0, fees1=0)


def _closed_usd(before: PoolState, now: PoolState, position: Position, prices: Prices) -> float:
    growths = fee_growths(before, now) or (0, 0)
    ends = [position.tick_lower <= state.tick < position.tick_upper for state in (before, now)]
    fees0, fees1 = (int(growth * position.liquidity // Q128 * sum(ends) / len(ends)) for growth in growths)
    return position_usd(now.pool, marked(position, now, (fees0, fees1)), prices).total


def _idle_usd(before: MarketSnapshot, now: MarketSnapshot, prices: Prices) -> float:
    worth = Worth(sides=sides_of(state.pool for one in (before, now) for state in one.pools))
    held = [(at.block.chain_id, entry.address, entry.amount) for at in before.holdings for entry in at.balances]
    held += [(going.to_chain, going.token, going.amount) for going in before.in_transit]
    tokens = sum(worth.usd(*one, prices) or 0.0 for one in held)
    return tokens + sum(_coin_usd(now, chain_id, wei) for chain_id, wei in _coins(before))


def _coins(snapshot: MarketSnapshot) -> Iterable[tuple[int, int]]:
    return [(held.block.chain_id, held.native_wei) for held in snapshot.holdings]


def _coin_usd(now: MarketSnapshot, chain_id: int, wei: int) -> float:
    return wei / 10**NATIVE_DECIMALS * native_usd(now, chain_id)
