import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.ranges.position import (
    base_share,
    concentration,
    lvr_rate,
    occupancy,
    residence_years,
    value_per_liquidity,
)

price_and_range = st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 0.9), st.floats(0.01, 3)).map(
    lambda drawn: (drawn[0], drawn[0] * (1 - drawn[1]), drawn[0] * (1 + drawn[2]))
)


@settings(deadline=None)
@given(price_and_range, st.floats(0.2, 3))
def test_value_and_composition_agree_with_the_contract_formulas(
    drawn: tuple[float, float, float], moved: float
) -> None:
    start, lower, upper = drawn
    price = start * moved
    roots = [int(math.sqrt(at) * 2**96) for at in (price, lower, upper)]
    liquidity = 10**24
    base, quote = amounts_for_liquidity(roots[0], roots[1], roots[2], liquidity, round_up=False)
    value = (base * price + quote) / liquidity
    assert value_per_liquidity(price, lower, upper) == pytest.approx(value, rel=1e-6)
    assert base_share(price, lower, upper) == pytest.approx(base * price / liquidity / value, rel=1e-6, abs=1e-6)


def test_the_full_range_has_concentration_one() -> None:
    assert concentration(2000.0, 2000.0e-16, 2000.0e16) == pytest.approx(1, rel=1e-7)


@settings(deadline=None)
@given(price_and_range)
def test_a_narrower_range_concentrates_more(drawn: tuple[float, float, float]) -> None:
    price, lower, upper = drawn
    wide = concentration(price, lower, upper)
    narrow = concentration(price, (price + lower) / 2, (price + upper) / 2)
    assert 1 <= wide < narrow


def test_a_range_the_price_has_left_is_all_of_one_token() -> None:
    assert base_share(1.0, 2.0, 3.0) == 1
    assert base_share(4.0, 2.0, 3.0) == 0


def test_lvr_of_the_full_range_is_an_eighth_of_the_variance() -> None:
    assert lvr_rate(0.8) == pytest.approx(0.08)


def test_residence_is_the_mean_exit_time_of_a_random_walk() -> None:
    random = np.random.default_rng(11)
    steps, sigma_step = 4000, 0.01
    paths = np.cumsum(random.normal(0, sigma_step, (2000, steps)), axis=1)
    outside = (paths < -0.2) | (paths > 0.3)
    mean_steps = np.where(outside.any(axis=1), outside.argmax(axis=1) + 1, steps).mean()
    years = residence_years(1.0, math.exp(-0.2), math.exp(0.3), sigma_step * math.sqrt(1.0))
    assert years == pytest.approx(mean_steps, rel=0.1)


def test_residence_outside_is_zero_and_endless_without_volatility() -> None:
    assert residence_years(4.0, 2.0, 3.0, 0.5) == 0
    assert math.isinf(residence_years(2.5, 2.0, 3.0, 0.0))


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(1e-3, 10))
def test_occupancy_is_a_share_that_grows_with_residence(residence: float, horizon: float) -> None:
    assert 0 <= occupancy(residence, horizon) <= 1
    assert occupancy(residence, horizon) <= occupancy(residence * 1.1 + 1e-3, horizon) + 1e-12
    assert occupancy(math.inf, horizon) == 1
