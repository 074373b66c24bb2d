"""Fees of the simulated venue against what collecting really pays: random positions, random swaps, real contracts."""

from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from alm_core.backtest.venue import Carried, carried
from alm_core.execution.erc20 import balance_changes
from alm_core.math.liquidity import price_interval
from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.math.tick import Q96
from alm_core.model.backtest import SimulatedBook
from alm_core.model.candles import MINUTE_MS, CandleSeries
from alm_core.model.market import ChainState, Holdings, MarketSnapshot, PoolState, Position, TokenBalance
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices
from alm_core.simulation.fee_swaps import PoolEvents, PoolSwap
from alm_tests.chain.conformance.deployments import DEPLOYMENTS
from alm_tests.chain.dex_chain import DexChain

pytestmark = pytest.mark.chain

FAMILIES = ("Uniswap V3", "QuickSwap", "Slipstream", "Ramses V3", "Uniswap V4", "Infinity")
POSITIONS = 9
SWAPS = 30
SWAPS_PER_MINUTE = 3
USD, ETH = "0x" + "1" * 40, "0x" + "2" * 40
LIQUIDITY = 10**18
PRICES = Prices(base_usd=2000.0, quote_usd=1.0)
ACCURACY_FRAC = 1e-5
"""A thousandth is what is promised, a ten-millionth what is measured."""
LEAST_UNITS = 2_000
"""Fees of fewer raw units cannot be told to a thousandth."""
SPAN_FRAC = 0.04
"""Swaps keep the price within this of where it began, ranges begin and end within twice that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """Positions that lived through random swaps: what was read, what happened, what collecting paid."""

    before: PoolState
    after: PoolState
    positions: tuple[Position, ...]
    events: PoolEvents
    minutes: CandleSeries
    paid: tuple[tuple[int, int], ...]
    were_there: bool = True
    """Whether the positions were in the pool when its readings and events were recorded."""
    opened_since: bool = False
    """Whether they were opened after the first reading, before anything else."""

    def simulated(self, *, exact: bool, without_ticks: bool = False) -> tuple[Position, ...]:
        """The same positions in the simulated venue."""
        wallet = holdings(self.before, self.positions)
        recorded = wallet if self.were_there else replace(wallet, positions=())
        first, last = (snapshot(state, replace(recorded, block=state.block)) for state in (self.before, self.after))
        if self.opened_since:
            first = replace(first, holdings=(replace(wallet, positions=()),))
        book = SimulatedBook(
            began_at=first.epoch_at,
            as_of_at=first.epoch_at,
            base_usd=PRICES.base_usd,
            quote_usd=PRICES.quote_usd,
            holdings=(wallet,),
            growths=(),
            hodl_base=0.0,
            hodl_quote=0.0,
            nav_start_usd=0.0,
        )
        events = replace(self.events, net=None) if without_ticks else self.events
        known = {self.before.pool.pool_id: events} if exact else {}
        found: Carried = carried(book, first, last, self.minutes, PRICES, known)
        assert found.problems == ()
        return found.holdings[0].positions


def holdings(state: PoolState, positions: tuple[Position, ...]) -> Holdings:
    tokens = (state.pool.token0, state.pool.token1)
    return Holdings(
        block=state.block,
        wallet="0x" + "9" * 40,
        native_wei=0,
        balances=tuple(TokenBalance(address=token.address, amount=0) for token in tokens),
        positions=positions,
    )


def snapshot(state: PoolState, held: Holdings) -> MarketSnapshot:
    return MarketSnapshot(
        pair="ETH-USD",
        epoch_at=state.block.block_at,
        quote_usd=1.0,
        chains=(ChainState(block=state.block, base_fee_wei=1, priority_fee_wei=1, native_usd=1.0),),
        pools=(state,),
        markets=(),
        holdings=(held,),
    )


def random_range(random: Random, pool: Pool, tick: int) -> tuple[int, int]:
    """Around the price, above it or below it; from one spacing wide to most of what the price visits."""
    spacing = pool.tick_spacing
    reach = max(3, int(SPAN_FRAC * 2 * 10_000 / spacing))
    place = tick // spacing
    lower = place + random.randint(-reach, reach - 1)
    return lower * spacing, (lower + random.randint(1, reach)) * spacing


def pool_with_steps(chain: DexChain, name: str, random: Random) -> tuple[PoolState, dict[int, int]]:
    """A pool whose liquidity changes on the way, and by how much at which ticks."""
    usd, eth = chain.token(USD, "USD", 6), chain.token(ETH, "ETH", 18)
    key = DEPLOYMENTS[name].key(usd.address, eth.address)
    pool = chain.pool(usd, eth, key, int((5 * 10**8) ** 0.5 * Q96), base_is_token0=False)
    net: dict[int, int] = {}
    edge = 880_000 // pool.tick_spacing * pool.tick_spacing
    start = chain.state(pool)
    background = [(-edge, edge, LIQUIDITY)]
    background += [(*random_range(random, pool, start.tick), LIQUIDITY // random.randint(1, 20)) for _ in range(5)]
    for lower, upper, liquidity in background:
        chain.provide(pool, lower, upper, liquidity)
        add_net(net, lower, upper, liquidity)
    return start, net


def add_net(net: dict[int, int], lower: int, upper: int, liquidity: int) -> None:
    net[lower] = net.get(lower, 0) + liquidity
    net[upper] = net.get(upper, 0) - liquidity


def traded(chain: DexChain, name: str, seed: int) -> Traded:
    """Open random positions, swap at random, collect."""
    random = Random(seed)
    start, net = pool_with_steps(chain, name, random)
    pool = start.pool
    for number in range(POSITIONS):
        ticks = wide_range(random, pool, start.tick) if number % 3 == 0 else random_range(random, pool, start.tick)
        opened(chain, pool, ticks, LIQUIDITY * random.randint(1, 1000) // 100_000)
    before = chain.state(pool)
    positions = chain.positions(pool)
    for one in positions:
        add_net(net, one.tick_lower, one.tick_upper, one.liquidity)
    states: list[PoolState] = []
    for _ in range(SWAPS):
        states.append(swapped(chain, random, start, states[-1] if states else before))
    return Traded(
        before=before,
        after=states[-1],
        positions=positions,
        events=events_of(states, net),
        minutes=minutes_of(before, states),
        paid=tuple(collected(chain, pool, one) for one in positions),
    )


def in_other_worlds(chain: DexChain, name: str, seed: int) -> Traded:
    """The same swaps in a pool without our positions, which is recorded, and in one with them, which pays."""
    random = Random(seed)
    start, net = pool_with_steps(chain, name, random)
    before = chain.state(start.pool)
    depth0 = before.liquidity * Q96 // before.sqrt_price_x96
    depth1 = before.liquidity * before.sqrt_price_x96 // Q96
    sizes = [(random.randint(100, 2_000), random.random() < 0.5) for _ in range(SWAPS)]
    swaps = [((depth0 if down else depth1) // part, down) for part, down in sizes]

    def states() -> list[PoolState]:
        found: list[PoolState] = []
        for amount, down in swaps:
            chain.swap(start.pool, amount, zero_for_one=down)
            found.append(chain.state(start.pool))
        return found

    undo = chain.rpc.call("evm_snapshot")
    recorded = states()
    chain.rpc.call("evm_revert", undo)
    for reach in (20, 60, 200):
        place = start.tick // start.pool.tick_spacing
        spacing = start.pool.tick_spacing
        opened(chain, start.pool, ((place - reach) * spacing, (place + reach) * spacing), LIQUIDITY // 10_000)
    positions = chain.positions(start.pool)
    states()
    return Traded(
        before=before,
        after=recorded[-1],
        positions=positions,
        events=events_of(recorded, net),
        minutes=minutes_of(before, recorded),
        paid=tuple(collected(chain, start.pool, one) for one in positions),
        were_there=False,
    )


def wide_range(random: Random, pool: Pool, tick: int) -> tuple[int, int]:
    """Beyond all that swaps reach, on both sides."""
    spacing = pool.tick_spacing
    reach = int(SPAN_FRAC * 10_000) // spacing + 2
    place = tick // spacing
    return (place - reach - random.randint(0, reach)) * spacing, (place + reach + random.randint(0, reach)) * spacing


def opened(chain: DexChain, pool: Pool, ticks: tuple[int, int], worth: int) -> None:
    """Open with what so much liquidity over all prices would be worth of each token."""
    state = chain.state(pool)
    root = Fraction(state.sqrt_price_x96, Q96)
    wanted = int(worth / root), int(worth * root)
    interval, until = price_interval(state.sqrt_price_x96, 0.005), chain.deadline()
    grants = chain.adapter.placing_grants(pool, chain.wallet, *wanted, until)
    tx = chain.adapter.plan_open(state, *ticks, *wanted, interval, chain.wallet, until)
    chain.place(grants, tx)


def swapped(chain: DexChain, random: Random, start: PoolState, state: PoolState) -> PoolState:
    """One swap of any size, and the state it leaves; all in all the price stays in its span."""
    pool = start.pool
    low, high = (int(start.sqrt_price_x96 * (1 + sign * SPAN_FRAC / 2)) for sign in (-1, 1))
    if random.random() < 0.5:
        chain.move_price(pool, random.randint(low, high))
    else:
        down = random.random() < 0.5
        depth = state.liquidity * Q96 // state.sqrt_price_x96 if down else state.liquidity * state.sqrt_price_x96 // Q96
        chain.swap(pool, depth // random.randint(100, 20_000), zero_for_one=down, lowest=low, highest=high)
    return chain.state(pool)


def event_of(state: PoolState) -> PoolSwap:
    """What the swap's event tells, and the fee that it paid."""
    return PoolSwap(
        sqrt_price_x96=state.sqrt_price_x96, tick=state.tick, liquidity=state.liquidity, fee_pips=state.fee_pips
    )


def events_of(states: list[PoolState], net: dict[int, int]) -> PoolEvents:
    return PoolEvents(events=tuple(event_of(one) for one in states), net=tuple(sorted(net.items())))


def minutes_of(before: PoolState, states: list[PoolState]) -> CandleSeries:
    """Candles of the pool's own price: the swaps come evenly, so many in a minute."""
    prices = [price_at_sqrt_price_x96(one.pool, one.sqrt_price_x96) for one in (before, *states)]
    spans = [prices[first : first + SWAPS_PER_MINUTE + 1] for first in range(0, len(prices) - 1, SWAPS_PER_MINUTE)]
    count = len(spans)
    return CandleSeries(
        ts_ms=MINUTE_MS * np.arange(count, dtype=np.int64),
        open=np.array([span[0] for span in spans]),
        high=np.array([max(span) for span in spans]),
        low=np.array([min(span) for span in spans]),
        close=np.array([span[-1] for span in spans]),
        volume=np.zeros(count),
        filled=np.zeros(count, dtype=np.bool_),
    )


def collected(chain: DexChain, pool: Pool, position: Position) -> tuple[int, int]:
    """What collecting pays into the wallet, from its receipt."""
    now = next(one for one in chain.positions(pool) if one.token_id == position.token_id)
    if now.fees0 == now.fees1 == 0:
        return 0, 0
    receipt = chain.run(chain.adapter.plan_collect(chain.state(pool), now, chain.wallet))
    changes = balance_changes(receipt.logs, chain.wallet)
    return changes.get(pool.token0.address.lower(), 0), changes.get(pool.token1.address.lower(), 0)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Traded]:
    found: dict[str, Traded] = {}
    for seed, name in enumerate(FAMILIES):
        chain = DEPLOYMENTS[name].chain(tmp_path_factory.mktemp("fees"))
        try:
            found[name] = traded(chain, name, seed)
        finally:
            chain.stop()
    return found


def errors(life: Traded, simulated: tuple[Position, ...]) -> list[float]:
    """Relative error of every fee that is large enough to tell."""
    found: list[float] = []
    for one, paid in zip(simulated, life.paid, strict=True):
        for got, real in zip((one.fees0, one.fees1), paid, strict=True):
            assert abs(got - real) <= max(got, real)
            if max(got, real) >= LEAST_UNITS:
                found.append(abs(got - real) / max(got, real))
            else:
                assert abs(got - real) <= 2
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_simulated_fees_are_those_that_collecting_pays(lives: dict[str, Traded], name: str) -> None:
    life = lives[name]
    found = errors(life, life.simulated(exact=True))
    assert len(life.positions) == POSITIONS
    assert len(found) >= 2 * POSITIONS // 3, "a third of the positions earn both tokens"
    assert max(found) <= ACCURACY_FRAC, f"{name}: {max(found):.2e}"


def test_there_are_positions_of_every_kind(lives: dict[str, Traded]) -> None:
    kinds = {"always in range": 0, "crossed": 0, "never in range": 0}
    for life in lives.values():
        ticks = [life.before.tick, *(one.tick for one in life.events.events if isinstance(one, PoolSwap))]
        for one in life.positions:
            inside = [one.tick_lower <= tick < one.tick_upper for tick in ticks]
            kind = "always in range" if all(inside) else "crossed" if any(inside) else "never in range"
            kinds[kind] += 1
    assert sum(kinds.values()) >= 50
    assert min(kinds.values()) >= 3, kinds


def off_fracs(lives: dict[str, Traded], *, exact: bool) -> tuple[float, float]:
    """Errors of the fees of positions that the price has left or entered, over these fees: absolute, and in sum."""
    got: list[float] = []
    real: list[float] = []
    for life in lives.values():
        ticks = [life.before.tick, *(one.tick for one in life.events.events if isinstance(one, PoolSwap))]
        simulated = life.simulated(exact=exact, without_ticks=True)
        for one, paid in zip(simulated, life.paid, strict=True):
            inside = [one.tick_lower <= tick < one.tick_upper for tick in ticks]
            if any(inside) and not all(inside):
                got.append(usd(one.fees0, one.fees1))
                real.append(usd(*paid))
    off = np.array(got) - np.array(real)
    return float(abs(off).sum() / sum(real)), float(off.sum() / sum(real))


def test_the_estimate_from_minutes_is_as_good_as_it_says(lives: dict[str, Traded]) -> None:
    absolute, total = off_fracs(lives, exact=False)
    assert absolute == pytest.approx(0.042, abs=0.02)
    assert abs(total) < 0.02


def test_swaps_are_enough_where_others_ticks_are_not_known(lives: dict[str, Traded]) -> None:
    absolute, total = off_fracs(lives, exact=True)
    assert absolute < ACCURACY_FRAC
    assert abs(total) < ACCURACY_FRAC


def test_positions_that_were_never_there_would_have_earned_what_is_simulated(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The same swaps move the price a little less where we are: that is all the venue does not see."""
    chain = DEPLOYMENTS["Uniswap V3"].chain(tmp_path_factory.mktemp("worlds"))
    try:
        life = in_other_worlds(chain, "Uniswap V3", seed=7)
    finally:
        chain.stop()
    simulated = life.simulated(exact=True)
    share = sum(one.liquidity for one in simulated) / life.before.liquidity
    assert share == pytest.approx(0.0144, rel=0.01)
    off = [usd(one.fees0, one.fees1) / usd(*paid) - 1 for one, paid in zip(simulated, life.paid, strict=True)]
    narrow, *wide = off
    assert -3 * share < narrow < 0.0, "the price is in a narrow range for longer where liquidity keeps it there"
    assert max(map(abs, wide)) < share / 10


def usd(fees0: int, fees1: int) -> float:
    return fees0 / 1e6 + fees1 / 1e18 * 2000.0
