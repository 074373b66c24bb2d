import math

import numpy as np
import pytest

from alm_core.model.candles import FloatArray
from alm_core.ranges.simplex import MAX_EVALUATIONS_PER_START, UNUSABLE, minimized

MIDDLE = np.full(5, 0.5)


def bowl(at: FloatArray) -> float:
    return float(np.sum((at - np.array([0.1, 0.9, 0.3, 0.6, 0.5])) ** 2))


def test_it_finds_the_bottom_of_a_bowl_and_counts_its_steps() -> None:
    asked = []
    found = minimized(lambda at: asked.append(at) or bowl(at), [MIDDLE])
    assert found.point == pytest.approx([0.1, 0.9, 0.3, 0.6, 0.5], abs=0.01)
    assert found.value == bowl(found.point)
    assert found.evaluations == len(asked) <= MAX_EVALUATIONS_PER_START


def test_it_never_leaves_the_cube_and_reaches_its_faces() -> None:
    asked = []

    def slope(at: FloatArray) -> float:
        asked.append(at.copy())
        return float(at[0] - at[1])

    found = minimized(slope, [MIDDLE, np.zeros(5), np.ones(5)])
    assert (np.array(asked) >= 0).all()
    assert (np.array(asked) <= 1).all()
    assert found.value == pytest.approx(-1.0, abs=1e-6)


def test_of_several_starts_the_best_end_wins() -> None:
    def hidden(at: FloatArray) -> float:
        return -1.0 if np.abs(at - 0.9).max() < 1e-6 else bowl(at)

    assert minimized(hidden, [MIDDLE]).value > 0.0
    for starts in ([MIDDLE, np.full(5, 0.9)], [np.full(5, 0.9), MIDDLE]):
        found = minimized(hidden, starts)
        assert found.value == -1.0
        assert found.point.tolist() == [0.9] * 5
        assert found.evaluations > minimized(hidden, [MIDDLE]).evaluations


def test_points_without_a_finite_value_are_avoided() -> None:
    def torn(at: FloatArray) -> float:
        return math.nan if at[0] > 0.4 else math.inf if at[1] < 0.2 else bowl(at)

    assert minimized(torn, [np.full(5, 0.35)]).value < 0.01
    assert minimized(lambda _: math.nan, [MIDDLE]).value == UNUSABLE
