import numpy as np
import pytest

from alm_core.portfolio.filling.cholesky import Cholesky


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_it_solves_what_numpy_solves(size: int) -> None:
    random = np.random.default_rng(size)
    half = random.normal(size=(size, size))
    matrix, right = half @ half.T + 0.1 * np.eye(size), random.normal(size=size)
    found = Cholesky(matrix.tolist()).solve(right.tolist())
    assert found == pytest.approx(np.linalg.solve(matrix, right), rel=1e-8)


def test_an_unknown_that_others_determine_is_zero() -> None:
    matrix = [[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]]
    assert Cholesky(matrix).solve([4.0, 4.0, 0.0]) == pytest.approx([2.0, 0.0, 0.0])
