"""Fees of the simulated venue without any events, from ticks that the adapter reads, against what collecting pays."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.market import PoolState, Position
from alm_core.simulation.fee_swaps import PoolEvents
from alm_tests.chain.conformance.deployments import DEPLOYMENTS
from alm_tests.chain.dex_chain import DexChain
from alm_tests.chain.test_simulated_fees import (
    ETH,
    LEAST_UNITS,
    LIQUIDITY,
    USD,
    Traded,
    collected,
    errors,
    minutes_of,
    opened,
)

pytestmark = pytest.mark.chain

FAMILIES = ("Uniswap V3", "Slipstream", "QuickSwap", "Blackhole", "Uniswap V4", "Infinity")
SWAPS = 16
REACH = 6
"""Swaps keep the price within so many spacings of where it began, ranges end within twice as many."""
OTHERS = ((-40, 40, 1), (-5, 2, 4), (-2, 6, 3))
OURS = ((-9, 11), (-3, 2), (1, 4), (-5, -1), (7, 9))
"""In spacings; others' are shared at two ticks, the rest begin and end with our plan."""
ACCURACY_FRAC = 1e-5
"""A thousandth is what is promised."""


@dataclass
class Scene:
    """A pool in which random swaps cross ticks of others and of ours."""

    chain: DexChain
    name: str
    random: Random

    def __post_init__(self) -> None:
        usd, eth = self.chain.token(USD, "USD", 6), self.chain.token(ETH, "ETH", 18)
        key = DEPLOYMENTS[self.name].key(usd.address, eth.address)
        self.pool = self.chain.pool(usd, eth, key, int((5 * 10**8) ** 0.5 * Q96), base_is_token0=False)
        self.first = self.chain.state(self.pool)
        self.spacing = self.pool.tick_spacing
        self.place = self.first.tick // self.spacing
        for lower, upper, part in OTHERS:
            self.chain.provide(self.pool, *self.ticks(lower, upper), LIQUIDITY // part)

    def ticks(self, lower: int, upper: int) -> tuple[int, int]:
        return (self.place + lower) * self.spacing, (self.place + upper) * self.spacing

    def swapped(self) -> PoolState:
        low, high = self.ticks(-REACH, REACH)
        to = self.random.randint(sqrt_price_x96_at_tick(low), sqrt_price_x96_at_tick(high))
        self.chain.move_price(self.pool, to)
        return self.chain.state(self.pool)

    def lives(self) -> tuple[Traded, Traded]:
        """One life of our positions, from before they were opened, and from some swaps later."""
        for _ in range(3):
            self.swapped()
        bare = self.chain.recorded(self.pool)
        for lower, upper in OURS:
            opened(self.chain, self.pool, self.ticks(lower, upper), LIQUIDITY // 500)
        began, positions = self.chain.recorded(self.pool), self.chain.positions(self.pool)
        states = [self.swapped() for _ in range(SWAPS)]
        after = self.chain.recorded(self.pool)
        paid = tuple(collected(self.chain, self.pool, one) for one in positions)
        life = Traded(
            before=began,
            after=after,
            positions=positions,
            events=PoolEvents(events=()),
            minutes=minutes_of(began, states),
            paid=paid,
        )
        return life, replace(life, before=bare, opened_since=True)


@pytest.fixture(scope="module", params=FAMILIES)
def lives(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Traded, Traded]]:
    name = request.param
    chain = DEPLOYMENTS[name].chain(tmp_path_factory.mktemp("ticks"))
    try:
        yield Scene(chain, name, Random(FAMILIES.index(name))).lives()
    finally:
        chain.stop()


@pytest.mark.parametrize("since", ["held", "opened"])
def test_fees_between_initialised_ticks_are_those_that_collecting_pays(
    lives: tuple[Traded, Traded], since: str
) -> None:
    life = lives[since == "opened"]
    found = errors(life, life.simulated(exact=False))
    assert len(life.positions) == len(OURS)
    assert len(found) >= len(OURS), "most earn both tokens"
    assert max(found) <= ACCURACY_FRAC, f"{max(found):.2e}"


def test_without_ticks_narrow_ranges_are_only_estimated(lives: tuple[Traded, Traded]) -> None:
    """What the ticks are for: the same life without them is off by far more."""
    life, _ = lives
    bare = replace(life, before=replace(life.before, ticks=()), after=replace(life.after, ticks=()))
    assert max(errors_of(bare, bare.simulated(exact=False))) > 1e-3


def errors_of(life: Traded, simulated: tuple[Position, ...]) -> list[float]:
    """As :func:`errors`, of fees that the estimate may have missed altogether."""
    return [
        abs(got - real) / real
        for one, paid in zip(simulated, life.paid, strict=True)
        for got, real in zip((one.fees0, one.fees1), paid, strict=True)
        if real >= LEAST_UNITS
    ]
