import itertools
from functools import cache

import numpy as np
import pytest

from alm_core.model.signals import RangeParams
from alm_core.ranges.search import SEARCH_SPACES, Search, search_params
from alm_core.simulation.fitness import Venue, simulate, split_tape
from alm_core.simulation.tape import Tape, tape_from_candles
from alm_tests.core.forces.tapes import walk

SPACE = SEARCH_SPACES["volatile"]
NAMES = ("base_min_frac", "base_max_frac", "vforce_exp", "vforce_divider", "rs_threshold")


def venue(full_range_apr: float = 0.05, min_hold_bars: int = 48) -> Venue:
    return Venue(
        full_range_apr=full_range_apr,
        capital_share=1e-3,
        swap_cost_frac=8e-4,
        gas_cost_frac=2e-4,
        min_hold_bars=min_hold_bars,
        horizon_years=7 / 365.25,
        cost_multiple=2.0,
    )


@cache
def tape(days: int = 30, seed: int = 1) -> Tape:
    return tape_from_candles(walk(days, seed=seed))


def searched(full_range_apr: float = 0.05, in_force: RangeParams = SPACE.initial, days: int = 30) -> Search:
    return search_params(tape(days), venue(full_range_apr), in_force, SPACE)


def test_the_search_comes_close_to_brute_force_on_the_training_part() -> None:
    train, _ = split_tape(tape())
    found = simulate(train, searched().params, venue()).net_apr
    axes = [
        np.geomspace(0.002, 0.1, 6),
        np.geomspace(0.02, 0.45, 6),
        [-0.4],
        np.geomspace(10, 1000, 4),
        [0.1, 0.25, 0.5, 0.9],
    ]
    points = [dict(zip(NAMES, map(float, point), strict=True)) for point in itertools.product(*axes)]
    best = max(
        simulate(train, RangeParams(**point), venue()).net_apr
        for point in points
        if point["base_min_frac"] <= point["base_max_frac"]
    )
    assert found >= best - 0.1 * abs(best)


def test_adopted_parameters_beat_those_in_force_and_doing_nothing_on_validation() -> None:
    found = searched()
    assert found.success
    _, validation = split_tape(tape())
    assert found.fitness == simulate(validation, found.params, venue()).net_apr
    assert found.baseline_fitness == simulate(validation, SPACE.initial, venue()).net_apr
    assert found.fitness > max(0.0, found.baseline_fitness)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_parameters_that_do_not_prove_themselves_are_not_adopted(seed: int) -> None:
    best = search_params(tape(seed=seed), venue(), SPACE.initial, SPACE)
    again = search_params(tape(seed=seed), venue(), best.params, SPACE)
    assert again.fitness is not None
    assert again.baseline_fitness is not None
    if again.success:
        assert again.fitness > again.baseline_fitness
    else:
        assert again.params == best.params
        assert again.fitness == again.baseline_fitness


def test_where_nothing_earns_the_parameters_in_force_stay_and_the_reason_says_so() -> None:
    found = searched(full_range_apr=0.0)
    assert not found.success
    assert found.params == SPACE.initial
    assert "doing nothing" in found.reason


def test_the_search_is_reproducible_and_within_its_budget() -> None:
    first, again = searched(), searched()
    assert first == again
    assert 0 < first.evaluations <= 700


def test_found_parameters_lie_within_the_bounds() -> None:
    for seed in range(1, 7):
        params = search_params(tape(seed=seed), venue(0.08), SPACE.initial, SPACE).params
        for name in NAMES:
            assert getattr(SPACE.lower, name) * (1 - 1e-9) <= getattr(params, name) or name == "vforce_exp"
            assert getattr(params, name) <= getattr(SPACE.upper, name) * (1 + 1e-9) or name == "vforce_exp"
        assert SPACE.lower.vforce_exp <= params.vforce_exp <= SPACE.upper.vforce_exp
        assert params.base_min_frac <= params.base_max_frac


def test_the_training_part_alone_decides_what_is_proposed() -> None:
    whole = tape()
    train, validation = split_tape(whole)
    flipped = whole.rows(slice(None))
    close = whole.close.copy()
    cut = len(whole) - len(validation)
    close[cut:] = close[cut:][::-1]
    changed = Tape(
        ts_ms=flipped.ts_ms,
        high=np.maximum(whole.high, close),
        low=np.minimum(whole.low, close),
        close=close,
        volatility=whole.volatility,
        bias=whole.bias,
        sigma_annual=whole.sigma_annual,
        variance_annual=whole.variance_annual,
    )
    one = search_params(whole, venue(), SPACE.initial, SPACE)
    other = search_params(changed, venue(), SPACE.initial, SPACE)
    assert one.evaluations == other.evaluations
    if one.success and other.success:
        assert one.params == other.params
    assert len(train) + 96 + len(validation) == len(whole)


def test_a_short_tape_is_not_searched() -> None:
    found = search_params(tape(3), venue(), SPACE.initial, SPACE)
    assert (found.success, found.fitness, found.evaluations) == (False, None, 0)
    assert "too few" in found.reason
