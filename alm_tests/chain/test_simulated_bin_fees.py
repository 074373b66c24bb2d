"""Fees of simulated positions in bins against what burning really pays: random ranges, random swaps, real contracts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from alm_core.backtest.venue import Carried, carried
from alm_core.execution.erc20 import balance_changes
from alm_core.math.bin_ranges import place_of_bin, ticks_of_places
from alm_core.math.bin_shares import bin_liquidity
from alm_core.math.bins import price_at_bin
from alm_core.math.liquidity import price_interval
from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.math.tick import Q96
from alm_core.model.backtest import SimulatedBook
from alm_core.model.candles import CandleSeries
from alm_core.model.market import ChainState, Holdings, MarketSnapshot, PoolState, Position, TokenBalance
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices, amounts_usd
from alm_core.simulation.paper_wallet import as_range
from alm_tests.chain.conformance.deployments import DEPLOYMENTS
from alm_tests.chain.dex_chain import DexChain

pytestmark = pytest.mark.chain

VERSIONS = ("Liquidity Book 2.2", "Liquidity Book 2.1")
USD, ETH = "0x" + "1" * 40, "0x" + "2" * 40
START = int((5 * 10**8) ** 0.5 * Q96)
BACKGROUND = 10**19
LIVES = 4
SWAPS = 25
ACCURACY_FRAC = 1e-4
"""A thousandth is what is promised; measured are 1e-9 with the shares that were held and 5e-5 as a range."""
WORTH_FRAC = 3e-4
"""Where fees of 1 to 3 % are spread over a range that really lie in the bins that earned them."""
NOTHING = np.zeros(0)
NO_MINUTES = CandleSeries(
    ts_ms=np.zeros(0, dtype=np.int64),
    open=NOTHING,
    high=NOTHING,
    low=NOTHING,
    close=NOTHING,
    volume=NOTHING,
    filled=np.zeros(0, dtype=np.bool_),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Two wallets' positions in a pair between two readings, and what burning the first one's paid at the end."""

    before: PoolState
    after: PoolState
    earlier: tuple[Position, Position]
    later: tuple[Position, Position]
    burned: tuple[int, int]

    @property
    def prices(self) -> Prices:
        """Those of the pair at the end."""
        return Prices(base_usd=price_at_sqrt_price_x96(self.after.pool, self.after.sqrt_price_x96), quote_usd=1.0)

    def usd(self, amount0: float, amount1: float) -> float:
        return amounts_usd(self.after.pool, int(amount0), int(amount1), self.prices).total

    def fees_usd(self, number: int) -> float:
        """What burning pays more than it would have without fees: growth of what swaps keep, bin by bin."""
        step = self.after.pool.bin_step or 0
        fee0 = fee1 = 0.0
        for was, now in zip(self.earlier[number].bins, self.later[number].bins, strict=True):
            assert (was.bin_id, was.shares) == (now.bin_id, now.shares)
            price = price_at_bin(now.bin_id, step)
            pairs = [(one.amount0, one.amount1) if self.x_is_0 else (one.amount1, one.amount0) for one in (was, now)]
            worth = [bin_liquidity(pair, price) for pair in pairs]
            fee0 += now.amount0 * (1 - worth[0] / worth[1])
            fee1 += now.amount1 * (1 - worth[0] / worth[1])
        return self.usd(fee0, fee1)

    @property
    def x_is_0(self) -> bool:
        assert self.after.active_bin is not None
        return self.after.active_bin.token0_is_x

    def simulated(self, held: tuple[Position, ...], *, were_there: bool = True) -> Carried:
        """Positions in the simulated venue, in place of those recorded."""
        recorded = (self.earlier, self.later) if were_there else ((), ())
        first, last = (
            snapshot(state, tuple(wallet(state, (one,)) for one in found))
            for state, found in zip((self.before, self.after), recorded, strict=True)
        )
        book = SimulatedBook(
            began_at=first.epoch_at,
            as_of_at=first.epoch_at,
            base_usd=self.prices.base_usd,
            quote_usd=1.0,
            holdings=tuple(wallet(self.before, (one,)) for one in held),
            growths=(),
            hodl_base=0.0,
            hodl_quote=0.0,
            nav_start_usd=0.0,
        )
        return carried(book, first, last, NO_MINUTES, self.prices)


def wallet(state: PoolState, positions: tuple[Position, ...]) -> Holdings:
    tokens = (state.pool.token0, state.pool.token1)
    return Holdings(
        block=state.block,
        wallet="0x" + "9" * 40,
        native_wei=0,
        balances=tuple(TokenBalance(address=token.address, amount=0) for token in tokens),
        positions=positions,
    )


def snapshot(state: PoolState, held: tuple[Holdings, ...]) -> MarketSnapshot:
    return MarketSnapshot(
        pair="ETH-USD",
        epoch_at=state.block.block_at,
        quote_usd=1.0,
        chains=(ChainState(block=state.block, base_fee_wei=1, priority_fee_wei=1, native_usd=1.0),),
        pools=(state,),
        markets=(),
        holdings=held,
    )


@dataclass
class Scene:
    """A pair with others' liquidity of random depth around its price."""

    chain: DexChain
    pool: Pool
    random: Random

    def place(self) -> int:
        active = self.chain.state(self.pool).active_bin
        assert active is not None
        return place_of_bin(active.bin_id, token0_is_x=active.token0_is_x)

    def open(self, owner: str, below: int, above: int, part: int) -> None:
        """Open over bins around the active one with a part of a thousand of the background's liquidity."""
        state = self.chain.state(self.pool)
        place = self.place()
        ticks = ticks_of_places(self.pool.bin_step or 0, range(place - below, place + above + 1))
        root = state.sqrt_price_x96 / Q96
        worth = BACKGROUND * part // 1_000 * (above + below + 1) * (self.pool.bin_step or 0) / 40_000
        wanted = int(worth / root), int(worth * root)
        interval, until = price_interval(state.sqrt_price_x96, 0.003), self.chain.deadline()
        grants = self.chain.adapter.placing_grants(self.pool, owner, *wanted, until)
        self.chain.place(grants, self.chain.adapter.plan_open(state, *ticks, *wanted, interval, owner, until))

    def trade(self, reach: int) -> None:
        """Random swaps that leave the price within so many bins."""
        width = 1 + reach * (self.pool.bin_step or 0) / 20_000
        low, high = int(START / width), int(START * width)
        for _ in range(SWAPS):
            if self.random.random() < 0.4:
                self.chain.move_price(self.pool, self.random.randint(low, high))
                continue
            state, down = self.chain.state(self.pool), self.random.random() < 0.5
            active = state.active_bin
            assert active is not None
            depth1 = active.reserve1 + active.reserve0 * state.sqrt_price_x96**2 // Q96**2
            amount = (depth1 * Q96**2 // state.sqrt_price_x96**2 if down else depth1) // self.random.randint(1, 200)
            self.chain.swap(self.pool, amount, zero_for_one=down, lowest=low, highest=high)

    def positions(self) -> tuple[Position, Position]:
        """Of the two wallets, under ids of their own as if one wallet had both."""
        (first,) = self.chain.positions(self.pool)
        (second,) = self.chain.positions(self.pool, owner=self.chain.other)
        return first, replace(second, token_id=1)

    def burned(self, owner: str) -> tuple[int, int]:
        """What burning everything pays, from receipts."""
        paid0 = paid1 = 0
        while found := self.chain.positions(self.pool, owner=owner):
            state = self.chain.state(self.pool)
            interval, until = price_interval(state.sqrt_price_x96, 0.003), self.chain.deadline()
            tx = self.chain.adapter.plan_close(state, found[0], interval, owner, until)
            receipt = self.chain.place(self.chain.adapter.removing_grants(self.pool, owner), tx)
            changes = balance_changes(receipt.logs, owner)
            paid0 += changes.get(self.pool.token0.address.lower(), 0)
            paid1 += changes.get(self.pool.token1.address.lower(), 0)
        return paid0, paid1

    def life(self, reach: int = 5) -> Life:
        """Two wallets open at random, swaps come, the first wallet burns its shares; all is undone afterwards."""
        undo = self.chain.rpc.call("evm_snapshot")
        owners = (self.chain.wallet, self.chain.other)
        for owner, most in zip(owners, (3, 10), strict=True):
            below = self.random.randint(0, most)
            self.open(owner, below, self.random.randint(0, most), self.random.randint(20, 500))
        before, earlier = self.chain.state(self.pool), self.positions()
        self.trade(reach)
        after, later = self.chain.state(self.pool), self.positions()
        burned = self.burned(owners[0])
        self.chain.rpc.call("evm_revert", undo)
        return Life(before=before, after=after, earlier=earlier, later=later, burned=burned)


def begun(chain: DexChain, name: str, seed: int) -> Scene:
    usd, eth = chain.token(USD, "USD", 6), chain.token(ETH, "ETH", 18)
    pool = chain.pool(usd, eth, DEPLOYMENTS[name].key(usd.address, eth.address), START, base_is_token0=False)
    scene = Scene(chain=chain, pool=pool, random=Random(seed))
    place = scene.place()
    for below, above in ((40, 40), (9, 2), (1, 6)):
        ticks = ticks_of_places(pool.bin_step or 0, range(place - below, place + above + 1))
        chain.provide(pool, *ticks, BACKGROUND // scene.random.randint(1, 5))
    return scene


@pytest.fixture(scope="module", params=VERSIONS)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("bins")
    chain = DEPLOYMENTS[request.param].chain(folder)
    try:
        yield begun(chain, request.param, VERSIONS.index(request.param))
    finally:
        chain.stop()


@pytest.fixture(scope="module")
def lives(scene: Scene) -> list[Life]:
    return [scene.life() for _ in range(LIVES)]


def test_burning_pays_what_was_read(lives: list[Life]) -> None:
    for life in lives:
        assert life.burned == (life.later[0].amount0, life.later[0].amount1)


@pytest.mark.parametrize("as_bins", [True, False])
def test_simulated_fees_are_what_burning_pays_more(lives: list[Life], as_bins: bool) -> None:
    """As the bins that were really held, and as a range that was opened in the simulation."""
    for life in lives:
        held = [as_range(one, life.before) for one in life.earlier]
        found = life.simulated(tuple(one if as_bins else replace(one, bins=()) for one in held))
        assert found.problems == ()
        real, worth = life.fees_usd(0) + life.fees_usd(1), life.usd(*life.burned)
        assert real > 1e-4 * worth
        assert found.parts.fees_usd == pytest.approx(real, rel=ACCURACY_FRAC)
        (mine,) = found.holdings[0].positions
        assert life.usd(mine.amount0, mine.amount1) == pytest.approx(worth, rel=WORTH_FRAC)


def test_positions_that_were_never_there_would_have_earned_what_is_simulated(scene: Scene) -> None:
    """The same swaps go through a little fewer bins where we are: that is all the venue does not see."""
    sizes = [(scene.random.randint(20, 400), scene.random.random() < 0.5) for _ in range(SWAPS)]
    state = scene.chain.state(scene.pool)
    depth0, depth1 = (
        state.liquidity * Q96 // state.sqrt_price_x96 // 100,
        state.liquidity * state.sqrt_price_x96 // Q96,
    )
    depth1 //= 100

    def swaps() -> PoolState:
        for part, down in sizes:
            scene.chain.swap(scene.pool, (depth0 if down else depth1) // part, zero_for_one=down)
        return scene.chain.state(scene.pool)

    undo = scene.chain.rpc.call("evm_snapshot")
    recorded = swaps()
    scene.chain.rpc.call("evm_revert", undo)
    undo = scene.chain.rpc.call("evm_snapshot")
    for owner, reach in ((scene.chain.wallet, 2), (scene.chain.other, 8)):
        scene.open(owner, reach, reach, 10)
    earlier = scene.positions()
    swaps()
    later = scene.positions()
    scene.chain.rpc.call("evm_revert", undo)
    life = Life(before=state, after=recorded, earlier=earlier, later=later, burned=(0, 0))
    held = tuple(replace(as_range(one, state), bins=()) for one in earlier)
    found = life.simulated(held, were_there=False)
    share = sum(one.liquidity for one in held) / state.liquidity
    real = life.fees_usd(0) + life.fees_usd(1)
    assert share == pytest.approx(0.0125, abs=0.001)
    assert found.parts.fees_usd == pytest.approx(real, rel=share / 10)


def test_swaps_beyond_the_bins_that_were_read_are_named(scene: Scene) -> None:
    life = scene.life(reach=60)
    held = tuple(replace(one, bins=()) for one in life.earlier)
    (problem,) = life.simulated(held).problems
    assert "swaps may have gone beyond the bins recorded" in problem


def test_fees_that_lie_beside_the_bins_are_not_measured(tmp_path: Path) -> None:
    """In 2.0 nothing tells what a share of a bin has earned, so that the venue has to estimate, and says so."""
    chain = DEPLOYMENTS["Liquidity Book 2.0"].chain(tmp_path)
    try:
        scene = begun(chain, "Liquidity Book 2.0", 5)
        life = scene.life()
    finally:
        chain.stop()
    assert life.before.bins == life.after.bins == ()
    assert min(life.later[0].fees0, life.later[0].fees1) > 0
    found = life.simulated(life.earlier)
    (problem,) = found.problems
    assert "its bins were not recorded" in problem
