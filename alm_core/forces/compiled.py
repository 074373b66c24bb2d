"""One typed edge to numba: machine code, cached on disk, IEEE arithmetic (no reordering, so results reproduce)."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function of floats, ints and arrays on its first call; type checkers keep its signature."""
    njit = cast("Any", numba).njit(cache=True, error_model="numpy")
    return cast("Callable[Parameters, Result]", njit(function))
