"""Compiled fitness of the reference against plain Python, and its searches."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.policies.seed.candles import Columns
from alm_core.policies.seed.fitness import SeedVenue, fitness, seed_tape
from alm_core.policies.seed.head_fitness import head_fitness, head_optimize, head_tape
from alm_core.policies.seed.params import DEFAULTS, LOWER_BOUNDS, UPPER_BOUNDS, Vector, vector_from_params
from alm_tests.core.policies import fitness_twin as twin

START = vector_from_params(DEFAULTS)
VENUE = SeedVenue(base_apr=0.2, pool_fee=0.0005, gas_cost_usd=0.5, position_value_usd=10_000.0)


def bars(count: int, sigma: float = 3e-3, seed: int = 1, price: float = 2500.0) -> Columns:
    """Quarter hours of a seeded walk; with sigma 0 nothing ever moves."""
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0.0, 1.0, count) * sigma))
    opened = np.concatenate([[price], close[:-1]])[:count]
    up, down = np.abs(random.normal(0.0, 1.0, (2, count))) * sigma / 2
    high, low = np.maximum(opened, close) * np.exp(up), np.minimum(opened, close) * np.exp(-down)
    return np.arange(count) * 9e5, opened, high, low, close, random.random(count)


def plain(columns: Columns) -> list[twin.Bar]:
    _, _, high, low, close, _ = columns
    return [twin.Bar(*row) for row in zip(high.tolist(), low.tolist(), close.tolist(), strict=True)]


vectors = st.tuples(
    *(
        st.floats(low - 0.1 * (high - low), high + 0.1 * (high - low))
        for low, high in zip(LOWER_BOUNDS, UPPER_BOUNDS, strict=True)
    )
)


@settings(max_examples=40)
@given(
    vector=vectors,
    count=st.sampled_from([0, 1, 19, 20, 23, 60, 200]),
    sigma=st.sampled_from([0.0, 1e-5, 1e-3, 1e-2]),
    seed=st.integers(0, 50),
    base_apr=st.floats(0.0, 2.0),
    pool_fee=st.sampled_from([0.0, 1e-4, 5e-4, 3e-3, 0.01]),
    value=st.sampled_from([0.0, -1.0, 100.0, 1e4, 1e6]),
)
def test_compiled_fitness_equals_plain_python(
    vector: Vector, count: int, sigma: float, seed: int, base_apr: float, pool_fee: float, value: float
) -> None:
    columns = bars(count, sigma, seed)
    venue = SeedVenue(base_apr=base_apr, pool_fee=pool_fee, gas_cost_usd=0.5, position_value_usd=value)
    found = fitness(seed_tape(columns), vector, venue), head_fitness(head_tape(columns, pool_fee), vector, venue)
    wanted = tuple(twin.fitness(plain(columns), vector, venue, head=head) for head in (False, True))
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_bars_without_a_range_take_their_volatility_from_the_closes() -> None:
    _, opened, _, _, close, volume = bars(200)
    columns = np.arange(200) * 9e5, opened, close, close, close, volume
    assert fitness(seed_tape(columns), START, VENUE) == pytest.approx(
        twin.fitness(plain(columns), START, VENUE, head=False), rel=1e-9
    )


def test_prices_of_nothing_are_simulated_without_an_error() -> None:
    columns = tuple(np.zeros(30) for _ in range(6))
    ts, opened, high, low, close, volume = columns
    zeros = (ts, opened, high, low, close, volume)
    assert fitness(seed_tape(zeros), START, VENUE) == pytest.approx(0.2)
    assert not math.isinf(head_fitness(head_tape(zeros, VENUE.pool_fee), START, VENUE))


def test_a_tape_prepared_for_another_fee_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.003"):
        head_fitness(head_tape(bars(100), 0.003), START, VENUE)


def test_gains_after_a_loss_in_training_are_luck_to_head_and_merit_to_the_seed() -> None:
    wild, calm = bars(800, 1e-2), bars(200, 1e-5, price=float(bars(800, 1e-2)[4][-1]))
    columns = tuple(np.concatenate(pair) for pair in zip(wild, calm, strict=True))
    ts, opened, high, low, close, volume = columns
    both = (ts, opened, high, low, close, volume)
    assert head_fitness(head_tape(both, VENUE.pool_fee), START, VENUE) == -math.inf
    assert fitness(seed_tape(both), START, VENUE) > 0


def test_heads_search_is_seeded_beats_the_defaults_and_stays_within_the_bounds() -> None:
    tape = head_tape(bars(2_000), VENUE.pool_fee)
    found = head_optimize(tape, VENUE)
    assert found == head_optimize(tape, VENUE)
    assert found.fitness == head_fitness(tape, found.best, VENUE) > head_fitness(tape, START, VENUE)
    assert all(low <= x <= high for x, low, high in zip(found.best, LOWER_BOUNDS, UPPER_BOUNDS, strict=True))
    assert 3 * 6 <= found.evaluations <= 3 * 300


def test_a_warm_start_never_ends_below_where_it_began() -> None:
    tape = head_tape(bars(2_000), VENUE.pool_fee)
    first = head_optimize(tape, VENUE)
    assert head_optimize(tape, VENUE, first.best).fitness >= first.fitness


def test_a_series_that_cannot_be_scored_keeps_the_defaults() -> None:
    found = head_optimize(head_tape(bars(19), VENUE.pool_fee), VENUE)
    assert (found.best, found.fitness) == (START, -math.inf)
