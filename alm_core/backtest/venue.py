"""The simulated venue: positions earn and shift with the recorded market, plans are carried out at its prices.

Integers as on chain. Every change of value comes with the part of profit and loss that it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alm_core.backtest.world import grown
from alm_core.model.backtest import PoolGrowth, SimulatedBook, Travelling, VenueConfig
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, InTransit, MarketSnapshot, Position
from alm_core.model.pnl import PnlParts
from alm_core.portfolio.valuation import Prices, amounts_usd
from alm_core.simulation.earning import NOTHING_KNOWN, earnings_between
from alm_core.simulation.fee_swaps import PoolEvents
from alm_core.simulation.paper_plan import NO_BOUNDS, done_on_chain
from alm_core.simulation.paper_wallet import balances_of, marked

WALLET = "0x" + "b7" * 20
"""Address of the simulated wallet where none was recorded."""
NATIVE_WEI = 10**18
"""Gas money of the simulated wallet on each chain; what it pays is counted, not taken from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What was held, at a later snapshot; ``problems`` name what is not counted because nobody knows it."""

    holdings: tuple[Holdings, ...]
    growths: tuple[PoolGrowth, ...]
    parts: PnlParts
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What is held after a plan; ``failures`` counts chains on which not all of it was done, ``problems`` say why.

    ``sold_usd`` is the value that was swapped.
    """

    holdings: tuple[Holdings, ...]
    travelling: tuple[Travelling, ...]
    parts: PnlParts
    failures: int
    moved: bool
    sold_usd: float = 0.0
    problems: tuple[str, ...] = ()


def carried(
    book: SimulatedBook,
    before: MarketSnapshot,
    after: MarketSnapshot,
    minutes: CandleSeries,
    prices: Prices,
    events: Mapping[str, PoolEvents] = NOTHING_KNOWN,
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
    events
        By pool id, what happened in a pool in between, where it is known: fees are then exact
        (:func:`alm_core.simulation.earning.earnings_between`).

    Raises
    ------
    InvalidInput
        If a pool that holds a position was not read at both, or a token is held that no pool has any more.
    """
    earnings = earnings_between(book.holdings, before, after, minutes, prices, events)
    fees_usd = lvr_usd = rewards_usd = 0.0
    blocks = {state.block.chain_id: state.block for state in after.chains}
    brought: list[Holdings] = []
    for held in book.holdings:
        positions: list[Position] = []
        for position in held.positions:
            state = after.pool_state(position.pool_id)
            earned = earnings.positions[position.pool_id, position.token_id]
            kept = marked(position, state)
            more = replace(position, liquidity=position.liquidity + earned.added_liquidity)
            now = marked(more, state, (earned.fees0, earned.fees1))
            paid0, paid1 = earned.fees0 + now.amount0 - kept.amount0, earned.fees1 + now.amount1 - kept.amount1
            fees_usd += amounts_usd(state.pool, paid0, paid1, prices).total
            lvr_usd += (
                amounts_usd(state.pool, position.amount0, position.amount1, prices).total
                - amounts_usd(state.pool, kept.amount0, kept.amount1, prices).total
            )
            rewards_usd += earned.rewards_usd
            positions.append(now)
        block = blocks.get(held.block.chain_id, held.block)
        brought.append(replace(held, block=block, positions=tuple(positions)))
    base, quote = whole_tokens(book.holdings, book.travelling, before)
    price_usd = base * (prices.base_usd - book.base_usd) + quote * (prices.quote_usd - book.quote_usd)
    return Carried(
        holdings=tuple(brought),
        growths=grown(book.growths, after, earnings.growths_x128),
        parts=PnlParts(fees_usd=fees_usd, rewards_usd=rewards_usd, lvr_usd=lvr_usd, price_usd=price_usd),
        problems=tuple(earnings.problems),
    )


def value_usd(
    holdings: Sequence[Holdings], travelling: Sequence[Travelling], snapshot: MarketSnapshot, prices: Prices
) -> float:
    """Return the value of simulated holdings and of what is between chains; gas paid is not taken off.

    Raises
    ------
    InvalidInput
        If a token is held that no pool of the snapshot has: what it is worth is not known.
    """
    base, quote = whole_tokens(holdings, travelling, snapshot)
    return base * prices.base_usd + quote * prices.quote_usd


def whole_tokens(
    holdings: Sequence[Holdings], travelling: Sequence[Travelling], snapshot: MarketSnapshot
) -> tuple[float, float]:
    """Return how much base and quote is held in all: in wallets, in positions with their fees, and between chains.

    Raises
    ------
    InvalidInput
        If a token is held that no pool of the snapshot has, or a position lies in no pool of it.
    """
    pools = {state.pool.pool_id: state.pool for state in snapshot.pools}
    bases = {(pool.chain_id, pool.base.address): 10.0**-pool.base.decimals for pool in pools.values()}
    quotes = {(pool.chain_id, pool.quote.address): 10.0**-pool.quote.decimals for pool in pools.values()}
    base = quote = 0.0
    amounts = [((one.transit.to_chain, one.transit.token), one.transit.amount) for one in travelling]
    for held in holdings:
        amounts += [((held.block.chain_id, entry.address), entry.amount) for entry in held.balances]
        for one in held.positions:
            pool = pools.get(one.pool_id)
            if pool is None:
                raise InvalidInput(f"position {one.token_id} lies in {one.pool_id}, which was not read")
            amounts.append(((pool.chain_id, pool.token0.address), one.amount0 + one.fees0))
            amounts.append(((pool.chain_id, pool.token1.address), one.amount1 + one.fees1))
    for token, amount in amounts:
        if token in bases:
            base += amount * bases[token]
        elif token in quotes:
            quote += amount * quotes[token]
        elif amount:
            raise InvalidInput(f"chain {token[0]}: {amount} of {token[1]} is held, which no pool read has")
    return base, quote


def completed(holdings: Sequence[Holdings], snapshot: MarketSnapshot) -> tuple[Holdings, ...]:
    """Return holdings with a wallet on every chain that has pools, and a balance, maybe 0, of every token of theirs.

    Pools may be listed after a backtest has begun, with tokens and on chains that it had nothing on. A chain that was
    not read is left out if nothing is there.
    """
    tokens: dict[int, set[str]] = {}
    for state in snapshot.pools:
        tokens.setdefault(state.pool.chain_id, set()).update((state.pool.token0.address, state.pool.token1.address))
    read = {state.block.chain_id for state in snapshot.chains}
    found = {
        held.block.chain_id: held
        for held in holdings
        if held.block.chain_id in read or held.positions or any(entry.amount for entry in held.balances)
    }
    for chain_id, addresses in tokens.items():
        held = found.get(chain_id) or Holdings(
            block=snapshot.chain(chain_id).block, wallet=WALLET, native_wei=NATIVE_WEI, balances=(), positions=()
        )
        balances = {entry.address: entry.amount for entry in held.balances}
        if missing := addresses - balances.keys():
            held = replace(held, balances=balances_of(balances | dict.fromkeys(missing, 0)))
        found[chain_id] = held
    return tuple(found[chain_id] for chain_id in sorted(found))


def delivered(
    holdings: Sequence[Holdings], travelling: Sequence[Travelling], at: datetime
) -> tuple[tuple[Holdings, ...], tuple[Travelling, ...]]:
    """Return holdings with what has arrived by a moment, and what is still between chains.

    What is due on a chain without a wallet stays where it is.
    """
    here = {held.block.chain_id for held in holdings}
    arrived = [one for one in travelling if one.due_at <= at and one.transit.to_chain in here]
    found = [_with_arrivals(held, [one.transit for one in arrived]) for held in holdings]
    return tuple(found), tuple(one for one in travelling if one not in arrived)


def carry_out(
    plan: AllocationPlan,
    holdings: Sequence[Holdings],
    travelling: Sequence[Travelling],
    snapshot: MarketSnapshot,
    prices: Prices,
    venue: VenueConfig,
    limits: LimitsConfig = NO_BOUNDS,
) -> Done:
    """Return what is held after a plan was carried out at a snapshot, and what it cost.

    Parameters
    ----------
    plan
        It may be of an earlier epoch: what it names may be gone, and prices may be elsewhere.
    holdings, travelling
        What there is.
    snapshot
        The simulated one, ``holdings`` in it.
    prices
        USD at ``snapshot``.
    venue
        How plans fail, and what they cost beyond what is recorded.
    limits
        Bounds of live execution, which are asked again at execution.

    Notes
    -----
    A chain whose transactions fail by the venue's draw stays as it was, and pays the gas of what was to be done. What
    is refused before anything was sent pays none. Each chain is done or fails by itself.

    Raises
    ------
    InvalidInput
        If what is held has no known value.
    """
    before_usd = value_usd(holdings, travelling, snapshot, prices)
    chains = [held.block.chain_id for held in holdings]
    problems = [f"chain {chain_id}: no wallet is there" for chain_id in _chains_of(plan) if chain_id not in chains]
    failures = len(problems)
    kept: list[Holdings] = []
    going: list[InTransit] = []
    gas_usd = bridge_usd = sold_usd = 0.0
    for held in holdings:
        done = done_on_chain(plan, held, snapshot, prices, limits, chains)
        gas_usd += done.gas_usd * venue.gas_multiple
        if done.holdings != held and _fails(venue, plan, held.block.chain_id):
            kept.append(held)
            problems.append(f"chain {held.block.chain_id}: transactions failed")
            failures += 1
            continue
        kept.append(done.holdings)
        going += done.going
        bridge_usd += done.bridge_usd
        sold_usd += done.sold_usd
        problems += done.problems
        failures += int(bool(done.problems))
    after = (*travelling, *(_travelling(one, snapshot, venue) for one in going))
    swap_usd = before_usd - value_usd(kept, after, snapshot, prices) - bridge_usd
    return Done(
        holdings=tuple(kept),
        travelling=after,
        parts=PnlParts(swap_usd=swap_usd, gas_usd=gas_usd, bridge_usd=bridge_usd),
        failures=failures,
        moved=tuple(kept) != tuple(holdings),
        sold_usd=sold_usd,
        problems=tuple(problems),
    )


def _chains_of(plan: AllocationPlan) -> list[int]:
    named = {one.chain_id for one in (*plan.closes, *plan.collects, *plan.opens)}
    return sorted(named | {move.from_chain for move in plan.moves})


def _with_arrivals(held: Holdings, arrived: Sequence[InTransit]) -> Holdings:
    mine = [one for one in arrived if one.to_chain == held.block.chain_id]
    if not mine:
        return held
    balances = {entry.address: entry.amount for entry in held.balances}
    for one in mine:
        balances[one.token] = balances.get(one.token, 0) + one.amount
    return replace(held, balances=balances_of(balances))


def _fails(venue: VenueConfig, plan: AllocationPlan, chain_id: int) -> bool:
    text = f"{venue.seed}:{plan.pair}:{plan.epoch_at.isoformat()}:{chain_id}"
    draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    return draw < venue.failure_frac


def _travelling(transit: InTransit, snapshot: MarketSnapshot, venue: VenueConfig) -> Travelling:
    usual = {(one.from_chain, one.to_chain): one.duration_s for one in snapshot.bridge_costs}
    delay_s = usual[transit.from_chain, transit.to_chain] if venue.bridge_delay_s is None else venue.bridge_delay_s
    return Travelling(transit=transit, due_at=snapshot.epoch_at + timedelta(seconds=delay_s))
