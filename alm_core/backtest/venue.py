"""The simulated venue: positions earn and shift with the recorded market, plans are carried out at its prices.

Integers as on chain. Every change of value comes with the part of profit and loss that it is.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from alm_core.backtest.world import earned_of, grown
from alm_core.math.orientation import range_bounds_at_ticks, to_float
from alm_core.model.backtest import PoolGrowth, SimulatedBook, Travelling, VenueConfig
from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, InTransit, MarketSnapshot, PoolState, Position, TokenBalance
from alm_core.model.pnl import PnlParts
from alm_core.portfolio.valuation import Prices, amounts_usd, nav_usd
from alm_core.shadow.accrual import marked
from alm_core.shadow.paper import executed


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What was held, at a later snapshot."""

    holdings: tuple[Holdings, ...]
    growths: tuple[PoolGrowth, ...]
    parts: PnlParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What is held after a plan; ``failures`` counts chains on which it failed."""

    holdings: tuple[Holdings, ...]
    travelling: tuple[Travelling, ...]
    parts: PnlParts
    failures: int
    moved: bool


def carried(
    book: SimulatedBook, before: MarketSnapshot, after: MarketSnapshot, minutes: CandleSeries, prices: Prices
) -> Carried:
    """Return a book's holdings at a later snapshot: fees, loss versus rebalancing, and the effect of the prices.

    Parameters
    ----------
    book
        What is held, marked at ``before``.
    before, after
        Recorded snapshots of ``book.as_of_at`` and of now.
    minutes
        Candles in between: they tell how long the price was in a range.
    prices
        USD at ``after``.

    Raises
    ------
    InvalidInput
        If a pool that holds a position was not read at both.
    """
    growths = grown(book.growths, before, after, book.holdings)
    first = {one.pool_id: one for one in book.growths}
    last = {one.pool_id: one for one in growths}
    fees_usd = lvr_usd = 0.0
    brought: list[Holdings] = []
    for held in book.holdings:
        positions: list[Position] = []
        for position in held.positions:
            state = _state(after, position.pool_id)
            earned = _earned(position, before, state, first, last, minutes)
            now = marked(position, state, earned)
            fees_usd += amounts_usd(state.pool, *earned, prices).total
            lvr_usd += (
                amounts_usd(state.pool, position.amount0, position.amount1, prices).total
                - amounts_usd(state.pool, now.amount0, now.amount1, prices).total
            )
            positions.append(now)
        brought.append(replace(held, block=after.chain(held.block.chain_id).block, positions=tuple(positions)))
    old = Prices(base_usd=book.base_usd, quote_usd=book.quote_usd)
    price_usd = value_usd(book.holdings, book.travelling, before, prices) - value_usd(
        book.holdings, book.travelling, before, old
    )
    parts = PnlParts(fees_usd=fees_usd, lvr_usd=lvr_usd, price_usd=price_usd)
    return Carried(holdings=tuple(brought), growths=growths, parts=parts)


def value_usd(
    holdings: Sequence[Holdings], travelling: Sequence[Travelling], snapshot: MarketSnapshot, prices: Prices
) -> float:
    """Return the value of simulated holdings and of what is between chains; gas paid is not taken off."""
    world = replace(
        snapshot,
        quote_usd=prices.quote_usd,
        holdings=tuple(holdings),
        in_transit=tuple(one.transit for one in travelling),
    )
    return nav_usd(world, prices.base_usd / prices.quote_usd, tuple(state.pool for state in snapshot.pools))


def delivered(
    holdings: Sequence[Holdings], travelling: Sequence[Travelling], at: datetime
) -> tuple[tuple[Holdings, ...], tuple[Travelling, ...]]:
    """Return holdings with what has arrived by a moment, and what is still between chains."""
    arrived = [one for one in travelling if one.due_at <= at]
    found = [_with_arrivals(held, [one.transit for one in arrived]) for held in holdings]
    return tuple(found), tuple(one for one in travelling if one.due_at > at)


def carry_out(
    plan: AllocationPlan,
    holdings: Sequence[Holdings],
    travelling: Sequence[Travelling],
    snapshot: MarketSnapshot,
    prices: Prices,
    venue: VenueConfig,
) -> Done:
    """Return what is held after a plan was carried out at a snapshot, and what it cost.

    ``snapshot`` is the simulated one. A plan that names what is not held any more, or that fails by the venue's draw,
    leaves its chain as it was; gas is paid.

    Raises
    ------
    InvalidInput
        If there is nothing to swap through.
    """
    before_usd = value_usd(holdings, travelling, snapshot, prices)
    done = executed(replace(plan, moves=()), holdings, snapshot, prices)
    kept: list[Holdings] = []
    failures = 0
    for then, now in zip(holdings, done.holdings, strict=True):
        fails = now != then and _fails(venue, plan, then.block.chain_id)
        failures += int(fails)
        kept.append(then if fails else now)
    sent, going, bridge_usd = _sent(plan, kept, snapshot, prices, venue)
    gas_usd = done.gas_usd * venue.gas_multiple + _bridge_gas(plan, snapshot) * venue.gas_multiple
    after = (*travelling, *going)
    swap_usd = before_usd - value_usd(sent, after, snapshot, prices) - bridge_usd
    return Done(
        holdings=tuple(sent),
        travelling=after,
        parts=PnlParts(swap_usd=swap_usd, gas_usd=gas_usd, bridge_usd=bridge_usd),
        failures=failures,
        moved=tuple(sent) != tuple(holdings),
    )


def _state(snapshot: MarketSnapshot, pool_id: str) -> PoolState:
    try:
        return snapshot.pool_state(pool_id)
    except KeyError as missing:
        raise InvalidInput(f"simulated position: {missing.args[0]}") from missing


def _earned(
    position: Position,
    before: MarketSnapshot,
    after: PoolState,
    first: dict[str, PoolGrowth],
    last: dict[str, PoolGrowth],
    minutes: CandleSeries,
) -> tuple[int, int]:
    pool_id = position.pool_id
    if pool_id not in first or pool_id not in last:
        return 0, 0
    share = _in_range_frac(position, _state(before, pool_id), after, minutes)
    fees0, fees1 = earned_of(first[pool_id], last[pool_id], position.liquidity)
    return int(fees0 * share), int(fees1 * share)


def _in_range_frac(position: Position, before: PoolState, after: PoolState, minutes: CandleSeries) -> float:
    if len(minutes) == 0:
        ends = [position.tick_lower <= state.tick < position.tick_upper for state in (before, after)]
        return sum(ends) / 2
    lower, upper = range_bounds_at_ticks(after.pool, position.tick_lower, position.tick_upper)
    return float(np.mean((minutes.close >= lower) & (minutes.close < upper)))


def _with_arrivals(held: Holdings, arrived: Sequence[InTransit]) -> Holdings:
    balances = {entry.address: entry.amount for entry in held.balances}
    for one in arrived:
        if one.to_chain == held.block.chain_id:
            balances[one.token] = balances.get(one.token, 0) + one.amount
    return replace(held, balances=_balances(balances))


def _fails(venue: VenueConfig, plan: AllocationPlan, chain_id: int) -> bool:
    text = f"{venue.seed}:{plan.pair}:{plan.epoch_at.isoformat()}:{chain_id}"
    draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    return draw < venue.failure_frac


def _sent(
    plan: AllocationPlan,
    holdings: Sequence[Holdings],
    snapshot: MarketSnapshot,
    prices: Prices,
    venue: VenueConfig,
) -> tuple[list[Holdings], tuple[Travelling, ...], float]:
    """Take what moves leave with out of the wallets; what bridges keep of it is their cost."""
    costs = {(one.from_chain, one.to_chain): one for one in snapshot.bridge_costs}
    kept = {held.block.chain_id: held for held in holdings}
    going: list[Travelling] = []
    lost_usd = 0.0
    for move in plan.moves:
        cost = costs.get((move.from_chain, move.to_chain))
        if cost is None or move.from_chain not in kept:
            continue
        held = kept[move.from_chain]
        pools = [one.pool for one in snapshot.pools if one.pool.chain_id == move.from_chain]
        there = [one.pool for one in snapshot.pools if one.pool.chain_id == move.to_chain]
        balances = {entry.address: entry.amount for entry in held.balances}
        delay = timedelta(seconds=cost.duration_s if venue.bridge_delay_s is None else venue.bridge_delay_s)
        for of, to, usd in (
            (pools[0].base, there[0].base, prices.base_usd),
            (pools[0].quote, there[0].quote, prices.quote_usd),
        ):
            wanted_usd = move.capital_usd / 2.0
            amount = min(balances.get(of.address, 0), int(wanted_usd / usd * 10**of.decimals))
            if amount <= 0:
                continue
            balances[of.address] -= amount
            arriving = int(to_float(of, amount) * (1.0 - cost.cost_frac) * 10**to.decimals)
            lost_usd += (to_float(of, amount) - to_float(to, arriving)) * usd
            transit = InTransit(
                from_chain=move.from_chain,
                to_chain=move.to_chain,
                token=to.address,
                amount=arriving,
                started_at=snapshot.epoch_at,
            )
            going.append(Travelling(transit=transit, due_at=snapshot.epoch_at + delay))
        kept[move.from_chain] = replace(held, balances=_balances(balances))
    return [kept[held.block.chain_id] for held in holdings], tuple(going), lost_usd


def _bridge_gas(plan: AllocationPlan, snapshot: MarketSnapshot) -> float:
    costs = {(one.from_chain, one.to_chain): one.gas_usd for one in snapshot.bridge_costs}
    return sum(costs.get((move.from_chain, move.to_chain), 0.0) for move in plan.moves)


def _balances(amounts: dict[str, int]) -> tuple[TokenBalance, ...]:
    return tuple(TokenBalance(address=address, amount=amount) for address, amount in sorted(amounts.items()))
