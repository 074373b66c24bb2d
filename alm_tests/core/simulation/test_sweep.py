from dataclasses import astuple, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.ranges.space import SEARCH_SPACES, params_at
from alm_core.simulation.fitness import Venue, simulate
from alm_core.simulation.sweep import PARAMS, sweep
from alm_core.simulation.tape import Tape, tape_from_candles
from alm_tests.core.forces.tapes import walk
from alm_tests.core.simulation import twin
from alm_tests.core.simulation.test_fitness import VENUE, venues

SPACE = SEARCH_SPACES["volatile"]


@cache
def tape(days: int = 12, seed: int = 1) -> Tape:
    return tape_from_candles(walk(days, seed=seed))


def drawn(lanes: int, seed: int = 5) -> list[RangeParams]:
    points = np.random.default_rng(seed).uniform(0.0, 1.0, (lanes, 5))
    return [params_at(point, SPACE) for point in points]


def table(sets: list[RangeParams]) -> np.ndarray:
    return np.array([astuple(params) for params in sets]).reshape(-1, 5)


@settings(max_examples=15, deadline=None)
@given(venues, st.integers(0, 1000))
def test_every_lane_is_the_simulation_of_its_parameters_to_the_last_bit(venue: Venue, seed: int) -> None:
    sets = drawn(20, seed)
    swept = sweep(tape(), table(sets), venue)
    for lane, params in enumerate(sets):
        alone = simulate(tape(), params, venue)
        for name in ("net_apr", "fee_apr", "lvr_apr", "cost_apr", "shifts"):
            assert getattr(swept, name)[lane] == getattr(alone, name)


@pytest.mark.parametrize("full_range_apr", [0.02, 0.024, 0.033, 0.1])
def test_lanes_equal_the_slow_twin(full_range_apr: float) -> None:
    venue = replace(VENUE, full_range_apr=full_range_apr)
    sets = drawn(12)
    swept = sweep(tape(6), table(sets), venue).net_apr
    assert swept == pytest.approx([twin.net_apr(tape(6), params, venue) for params in sets], rel=1e-9)


def test_columns_are_in_the_order_of_the_parameters() -> None:
    assert PARAMS == ("base_min_frac", "base_max_frac", "vforce_exp", "vforce_divider", "rs_threshold")


def test_no_lanes_give_no_outcomes() -> None:
    assert sweep(tape(), np.empty((0, 5)), VENUE).net_apr.shape == (0,)


@pytest.mark.parametrize(
    ("lanes", "named"),
    [
        (np.zeros((3, 4)), r"shape \(3, 4\)"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.vstack([table(drawn(1)), [[0.2, 0.1, -0.4, 300.0, 0.25]]]), "lane 1: base_min_frac 0.2"),
        (np.array([[0.01, 0.1, np.nan, 300.0, 0.25]]), "lane 0: vforce_exp nan"),
    ],
)
def test_unusable_parameters_are_named_by_their_lane(lanes: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        sweep(tape(), lanes, VENUE)


def test_an_unusable_venue_or_tape_is_refused() -> None:
    with pytest.raises(InvalidInput, match="full_range_apr is nan"):
        sweep(tape(), table(drawn(1)), replace(VENUE, full_range_apr=np.nan))
    with pytest.raises(InvalidInput, match="tape of 1 bars"):
        sweep(tape().rows(slice(0, 1)), table(drawn(1)), VENUE)
