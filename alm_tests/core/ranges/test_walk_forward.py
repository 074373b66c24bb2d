from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.ranges.space import SEARCH_SPACES
from alm_core.ranges.walk_forward import EMBARGO_BARS, MIN_STRETCH_BARS, layout_of, walk_forward, yearly
from alm_core.simulation.fitness import Venue, net_returns, simulate
from alm_core.simulation.tape import Tape, tape_from_candles
from alm_tests.core.forces.tapes import walk

IN_FORCE = SEARCH_SPACES["volatile"].initial
OTHERS = tuple(RangeParams(base_min_frac=low, base_max_frac=0.2) for low in (0.02, 0.03, 0.05))
VENUE = Venue(
    full_range_apr=0.05,
    capital_share=1e-3,
    swap_cost_frac=8e-4,
    gas_cost_frac=2e-4,
    min_hold_bars=48,
    horizon_years=7 / 365.25,
    cost_multiple=2.0,
)


@cache
def tape() -> Tape:
    return tape_from_candles(walk(30))


class Recorder:
    """Answers with one set after the other, and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Tape] = []

    def __call__(self, train: Tape) -> tuple[RangeParams, int]:
        self.shown.append(train)
        return OTHERS[len(self.shown) - 1], 100


@given(st.integers(2000, 40_000))
def test_parts_follow_one_another_with_an_embargo_between(bars: int) -> None:
    layout = layout_of(bars)
    for fold in layout.folds:
        assert fold.train.start == 0
        assert fold.validation.start - fold.train.stop == EMBARGO_BARS
        assert fold.validation.stop - fold.validation.start >= MIN_STRETCH_BARS
    for fold, after in zip(layout.folds, layout.folds[1:], strict=False):
        assert fold.validation.stop == after.train.stop
    assert layout.test.start - layout.folds[-1].validation.stop >= EMBARGO_BARS
    assert layout.test.stop == bars


@given(st.integers(0, 1500))
def test_a_tape_too_short_for_its_parts_is_refused_with_its_length(bars: int) -> None:
    with pytest.raises(InvalidInput, match=f"^{bars} quarter hours are too few"):
        layout_of(bars)


def test_a_search_is_shown_nothing_from_its_cut_on() -> None:
    seen = Recorder()
    walk_forward(tape(), VENUE, IN_FORCE, seen)
    layout = layout_of(len(tape()))
    assert len(seen.shown) == len(layout.folds) == 3
    for train, fold in zip(seen.shown, layout.folds, strict=True):
        assert len(train) == fold.train.stop
        assert train.ts_ms[-1] + 96 * 15 * 60_000 < tape().ts_ms[fold.validation.start]
        assert train.ts_ms[-1] < tape().ts_ms[layout.test.start]


def test_each_stretch_is_scored_with_what_was_found_before_it_and_the_last_set_is_the_candidate() -> None:
    record = walk_forward(tape(), VENUE, IN_FORCE, Recorder())
    expected = [
        net_returns(tape(), params, VENUE)[fold.validation]
        for params, fold in zip(OTHERS, layout_of(len(tape())).folds, strict=True)
    ]
    joined = np.concatenate(expected)
    assert record.params == OTHERS[-1]
    assert record.evaluations == 300
    assert np.array_equal(record.returns[1:], joined[1:])
    assert record.returns[0] == joined[0] - VENUE.gas_cost_frac - 0.5 * VENUE.swap_cost_frac
    theirs = net_returns(tape(), IN_FORCE, VENUE)
    stretches = [theirs[fold.validation] for fold in layout_of(len(tape())).folds]
    assert np.array_equal(record.in_force_returns, np.concatenate(stretches))


def test_scores_are_those_of_the_last_training_part_the_last_stretch_and_the_test_part() -> None:
    record = walk_forward(tape(), VENUE, IN_FORCE, Recorder())
    layout = layout_of(len(tape()))
    for params, scores in ((OTHERS[-1], record.found), (IN_FORCE, record.in_force)):
        returns = net_returns(tape(), params, VENUE)
        assert scores.train == simulate(tape().rows(layout.folds[-1].train), params, VENUE).net_apr
        assert scores.validation == yearly(returns[layout.folds[-1].validation])
        assert scores.test == yearly(returns[layout.test])


def test_bars_of_the_test_part_change_the_test_scores_and_nothing_else() -> None:
    start = layout_of(len(tape())).test.start
    stormy = tape().variance_annual.copy()
    stormy[start:] *= 50.0
    close = tape().close.copy()
    close[start:] *= 1.3
    other = replace(
        tape(),
        variance_annual=stormy,
        close=close,
        low=np.minimum(tape().low, close),
        high=np.maximum(tape().high, close),
    )
    one, changed = (walk_forward(of, VENUE, IN_FORCE, Recorder()) for of in (tape(), other))
    assert changed.found.test != one.found.test
    assert replace(changed.found, test=0.0) == replace(one.found, test=0.0)
    assert np.array_equal(changed.returns, one.returns)
    assert np.array_equal(changed.in_force_returns, one.in_force_returns)
