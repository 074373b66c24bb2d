from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.ranges.range import check_params
from alm_core.ranges.space import NAMES, SEARCH_SPACES, SearchSpace, check_space, check_within, params_at, point_of

SPACE = SEARCH_SPACES["volatile"]
spaces = st.sampled_from([SEARCH_SPACES["volatile"], SEARCH_SPACES["stable"]])
points = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(np.array)


@given(spaces, points)
def test_every_point_gives_usable_parameters_within_the_space(space: SearchSpace, point: np.ndarray) -> None:
    params = params_at(point, space)
    check_params(params)
    check_within(params, space)


@given(spaces, points)
def test_parameters_and_points_are_two_views_of_one_thing(space: SearchSpace, point: np.ndarray) -> None:
    params = params_at(point, space)
    again = params_at(point_of(params, space), space)
    assert astuple(again) == pytest.approx(astuple(params), rel=1e-9)


@pytest.mark.parametrize("space", SEARCH_SPACES.values())
def test_the_built_in_spaces_are_usable_and_hold_their_initial_parameters(space: SearchSpace) -> None:
    check_space(space)
    check_within(space.initial, space)


def test_a_parameter_may_be_fixed_by_equal_bounds() -> None:
    fixed = replace(SPACE, upper=replace(SPACE.upper, vforce_exp=-1.0), initial=replace(SPACE.initial, vforce_exp=-1.0))
    check_space(fixed)
    assert params_at(point_of(fixed.initial, fixed), fixed).vforce_exp == -1.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_reversed_or_unusable_bounds_are_named(name: str, value: float) -> None:
    reversed_ = SearchSpace(lower=SPACE.upper, upper=SPACE.lower, initial=SPACE.initial)
    with pytest.raises(InvalidInput, match=r"search space: base_min_frac from 0\.1 to 0\.002 is no interval"):
        check_space(reversed_)
    with pytest.raises(InvalidInput, match=f"search space: {name} from"):
        check_space(replace(SPACE, upper=replace(SPACE.upper, **{name: value})))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_min_frac": 0.001}, r"base_min_frac 0\.001 lies outside of the search space, 0\.002 to 0\.1"),
        ({"vforce_divider": 5000.0}, r"vforce_divider 5000\.0 lies outside"),
        ({"base_max_frac": np.nan}, "base_max_frac nan"),
        ({"rs_threshold": 2.0}, r"rs_threshold 2\.0"),
        ({"vforce_exp": -np.inf}, "vforce_exp -inf"),
    ],
)
def test_parameters_outside_are_named_with_the_bounds(changes: dict[str, float], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        check_within(replace(SPACE.initial, **changes), SPACE)


def test_a_minimum_above_the_maximum_lifts_the_maximum() -> None:
    assert params_at(np.array([1.0, 0.0, 0.5, 0.5, 0.5]), SPACE) == RangeParams(
        base_min_frac=pytest.approx(0.1),
        base_max_frac=pytest.approx(0.1),
        vforce_exp=pytest.approx(-0.525),
        vforce_divider=pytest.approx(100.0),
        rs_threshold=pytest.approx(0.5),
    )
