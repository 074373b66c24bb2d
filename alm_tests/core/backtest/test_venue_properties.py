"""Whatever is planned, moves or fails: value changes by its parts alone, and no token comes from nothing."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.backtest.venue import Carried, carried, carry_out, completed, delivered, value_usd
from alm_core.backtest.world import simulated_snapshot
from alm_core.model.backtest import SeenWorld, SimulatedBook, VenueConfig
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, Move, PositionClose, Target
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.pnl import PnlParts
from alm_core.model.pools import Pool
from alm_tests.core.backtest.venue_market import (
    BASE,
    BINS,
    NATIVE_USDC,
    OTHER,
    POLYGON,
    POOLS,
    Market,
    book_of,
    later,
    minutes_between,
    plan_of,
    raw_tokens,
    target,
    wallet_on,
)

RANGES = ((-0.02, 0.02), (-0.3, 0.3), (0.01, 0.05), (-0.05, -0.01), (-0.001, 0.06))
markets = st.sampled_from([POOLS, (NATIVE_USDC, BINS, OTHER)])
"""With two quote tokens on one chain, nothing can be sent from there."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What an epoch does, as drawn: by number, of what there is then."""

    price_ratio: float
    fees_usd: float
    quote_usd: float
    closes: int
    collects: int
    opens: tuple[tuple[int, int, float], ...]
    adds: bool
    sends: float
    exits: bool


choices = st.builds(
    Choice,
    price_ratio=st.sampled_from([1.0, 1.0005, 0.998, 1.004, 0.97, 1.06]),
    fees_usd=st.sampled_from([0.0, 10.0, 5_000.0]),
    quote_usd=st.sampled_from([1.0, 0.999, 1.002]),
    closes=st.integers(0, 3),
    collects=st.integers(0, 3),
    opens=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, len(RANGES) - 1), st.sampled_from([0.1, 0.33, 0.5, 1.0])),
        max_size=3,
    ).map(tuple),
    adds=st.booleans(),
    sends=st.sampled_from([0.0, 0.0, 0.05, 0.7]),
    exits=st.integers(0, 9).map(lambda number: number == 0),
)
venues = st.builds(
    VenueConfig,
    latency_epochs=st.integers(0, 2),
    failure_frac=st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    bridge_delay_s=st.sampled_from([None, 0.0, 1800.0]),
    gas_multiple=st.sampled_from([1.0, 50.0]),
    seed=st.integers(0, 100),
)


def planned(choice: Choice, market: Market, holdings: tuple[Holdings, ...]) -> AllocationPlan:
    """A plan of what is held now; some of what it names may be gone when it is carried out."""
    named = [
        PositionClose(pool_id=one.pool_id, chain_id=held.block.chain_id, token_id=one.token_id)
        for held in holdings
        for one in held.positions
    ]
    if choice.exits:
        return plan_of(market, closes=tuple(named), kind=DecisionKind.EXIT)
    closes, collects = named[: choice.closes], named[choice.closes :][: choice.collects]
    opens = [
        target(market, market.pools[pool % len(market.pools)], *RANGES[row], share) for pool, row, share in choice.opens
    ]
    if choice.adds:
        opens += added(holdings, collects)
    moves = [Move(from_chain=POLYGON, to_chain=BASE, share_frac=choice.sends, capital_usd=0.0)] if choice.sends else []
    return plan_of(market, opens=tuple(opens), closes=tuple(closes), collects=tuple(collects), moves=tuple(moves))


def added(holdings: tuple[Holdings, ...], collects: list[PositionClose]) -> list[Target]:
    positions = {(one.pool_id, one.token_id): one for held in holdings for one in held.positions}
    found: list[Target] = []
    for collect in collects[:1]:
        one = positions[collect.pool_id, collect.token_id]
        found.append(
            Target(
                pool_id=one.pool_id,
                chain_id=collect.chain_id,
                share_frac=0.2,
                capital_usd=0.0,
                expected_apr=0.0,
                tick_lower=one.tick_lower,
                tick_upper=one.tick_upper,
                token_id=one.token_id,
            )
        )
    return found


def world_of(book: SimulatedBook, snapshot: MarketSnapshot) -> MarketSnapshot:
    return simulated_snapshot(snapshot, SeenWorld(holdings=book.holdings, growths=book.growths, in_transit=()))


def begun(market: Market) -> SimulatedBook:
    other = 1_500.0 if len(market.pools) == len(POOLS) else 0.0
    holdings = (wallet_on(market, POLYGON, 2.0, 3_000.0, other), wallet_on(market, BASE, 1.0, 4_000.0))
    return book_of(market, holdings)


def brought(book: SimulatedBook, market: Market, now: Market) -> tuple[SimulatedBook, PnlParts]:
    found: Carried = carried(book, market.snapshot(), now.snapshot(), minutes_between(market, now), now.prices)
    # The market of these tests has recorded no bins; nothing else may be unknown.
    in_bins = any(one.pool_id == BINS.pool_id for held in book.holdings for one in held.positions)
    estimated = f"fees of {BINS.pool_id} are estimated from its volume of 24 hours: its bins were not recorded"
    assert found.problems == ((estimated,) if in_bins else ())
    holdings, travelling = delivered(completed(found.holdings, now.snapshot()), book.travelling, now.at)
    prices = now.prices
    return replace(
        book,
        holdings=holdings,
        travelling=travelling,
        growths=found.growths,
        base_usd=prices.base_usd,
        quote_usd=prices.quote_usd,
    ), found.parts


def nav(book: SimulatedBook, market: Market, total: PnlParts) -> float:
    worth = value_usd(book.holdings, book.travelling, market.snapshot(), market.prices)
    return worth - total.gas_usd + total.rewards_usd


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(choices, min_size=2, max_size=6),
    venue=venues,
    rewards=st.sampled_from([None, 0.3]),
    pools=markets,
)
def test_value_changes_by_its_parts_and_by_nothing_else(
    steps: list[Choice], venue: VenueConfig, rewards: float | None, pools: tuple[Pool, ...]
) -> None:
    market = Market(rewards_apr=rewards, pools=pools)
    book, total = begun(market), PnlParts()
    worth = nav(book, market, total)
    waiting: list[tuple[int, AllocationPlan]] = []
    for number, choice in enumerate(steps):
        now = replace(later(market, market.price * choice.price_ratio, choice.fees_usd), quote_usd=choice.quote_usd)
        book, parts = brought(book, market, now)
        waiting.append((number + venue.latency_epochs, planned(choice, now, book.holdings)))
        for due, plan in waiting:
            if due != number:
                continue
            world = world_of(book, now.snapshot())
            done = carry_out(plan, book.holdings, book.travelling, world, now.prices, venue, LimitsConfig())
            assert (done.failures > 0) == bool(done.problems)
            parts += done.parts
            book = replace(book, holdings=done.holdings, travelling=done.travelling)
        total += parts
        after = nav(book, now, total)
        assert after - worth == pytest.approx(parts.change_usd, rel=1e-9, abs=1e-9 * abs(after))
        worth, market = after, now


def pair_of(targets: list[Target]) -> set[str]:
    pools = {pool.pool_id: pool for pool in POOLS}
    found: list[Pool] = [pools[one.pool_id] for one in targets]
    return {token.address for pool in found for token in (pool.token0, pool.token1)}


@settings(max_examples=100, deadline=None)
@given(first=choices, second=choices, venue=venues, pools=markets)
def test_no_token_comes_from_nothing(
    first: Choice, second: Choice, venue: VenueConfig, pools: tuple[Pool, ...]
) -> None:
    market = Market(pools=pools)
    book = begun(market)
    for choice in (replace(first, exits=False), second):
        plan = planned(choice, market, book.holdings)
        world = world_of(book, market.snapshot())
        done = carry_out(plan, book.holdings, (), world, market.prices, venue, LimitsConfig())
        before, after = raw_tokens(book.holdings), raw_tokens(done.holdings)
        for one in (one.transit for one in done.travelling):
            # The pair's tokens have the same decimals on both chains: what is on its way is part of what left.
            left = next(k for k in before if k[0] == one.from_chain and k[1][8:] == one.token[8:])
            after[left] += one.amount
        for chain in (POLYGON, BASE):
            targets = [one for one in plan.opens if one.chain_id == chain]
            changes = {key[1]: after[key] - before[key] for key in before if key[0] == chain}
            traded = pair_of(targets)
            grown = [at for at, change in changes.items() if change > 0]
            assert len(grown) <= (1 if traded else 0)
            assert set(grown) <= traded
            sent = any(one.transit.from_chain == chain for one in done.travelling)
            for at, change in changes.items():
                if at not in traded and not sent:
                    assert change == 0
        assert done.parts.swap_usd >= -1e-6
        assert done.parts.bridge_usd >= 0.0
        book = replace(book, holdings=done.holdings)


@given(choice=choices, seed=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_a_chain_whose_transactions_fail_pays_its_gas_and_stays_as_it_was(choice: Choice, seed: int) -> None:
    market = Market()
    book = begun(market)
    plan = planned(replace(choice, sends=0.0), market, book.holdings)
    world = world_of(book, market.snapshot())
    done, failed = (
        carry_out(plan, book.holdings, (), world, market.prices, VenueConfig(failure_frac=frac, seed=seed))
        for frac in (0.0, 1.0)
    )
    assert failed.holdings == book.holdings
    assert failed.travelling == ()
    assert failed.parts == PnlParts(gas_usd=done.parts.gas_usd, swap_usd=failed.parts.swap_usd)
    assert failed.parts.swap_usd == pytest.approx(0.0, abs=1e-9)
    assert failed.moved is False
    changed = sum(now != then for now, then in zip(done.holdings, book.holdings, strict=True))
    assert sum("transactions failed" in problem for problem in failed.problems) == changed
    assert (failed.parts.gas_usd > 0.0) == (changed > 0)


@settings(max_examples=40, deadline=None)
@given(
    small=st.floats(100.0, 10_000.0),
    times=st.floats(1.5, 1_000.0),
    end=st.sampled_from([2000.0, 2010.0, 1950.0]),
    pool=st.integers(0, 3),
)
def test_a_larger_share_of_a_pool_earns_less_per_dollar(small: float, times: float, end: float, pool: int) -> None:
    market = Market(rewards_apr=0.2)
    now = later(market, end, 2_000.0)
    per_usd: list[float] = []
    for capital in (small, small * times):
        chain = POOLS[pool].chain_id
        other = capital / 2 if POOLS[pool].quote.symbol == "USDC.e" else 0.0
        wallet = wallet_on(market, chain, capital / 2 / market.price, capital / 2 - other, other)
        plan = plan_of(market, opens=(target(market, POOLS[pool], -0.04, 0.04, 1.0),))
        world = replace(market.snapshot(), holdings=(wallet,))
        done = carry_out(plan, (wallet,), (), world, market.prices, VenueConfig())
        assert done.problems == ()
        book = book_of(market, done.holdings)
        (position,) = done.holdings[0].positions
        found = carried(book, market.snapshot(), now.snapshot(), minutes_between(market, now), now.prices)
        earned = found.parts.fees_usd + found.parts.rewards_usd
        per_usd.append(earned / position.liquidity)
    assert 0.0 < per_usd[1] < per_usd[0]


def test_latency_and_bridges_are_waited_for() -> None:
    """What the property above lets happen does happen."""
    market = Market()
    book = begun(market)
    plan = plan_of(market, moves=(Move(from_chain=POLYGON, to_chain=BASE, share_frac=0.1, capital_usd=0.0),))
    only = replace(market, pools=(NATIVE_USDC, BINS, OTHER))
    holdings = (wallet_on(only, POLYGON, 2.0, 3_000.0), book.holdings[1])
    done = carry_out(plan, holdings, (), only.snapshot(), market.prices, VenueConfig(bridge_delay_s=1800.0))
    assert {one.due_at for one in done.travelling} == {market.at + timedelta(seconds=1800)}
    assert len(done.travelling) == 2
