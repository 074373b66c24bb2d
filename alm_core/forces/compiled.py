"""One typed edge to numba: machine code, cached on disk, IEEE arithmetic (no reordering, so results reproduce)."""

import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

PACKAGE = Path(__file__).resolve().parents[1]
_MARK = re.compile(rb"^@compiled$", re.MULTILINE)
_IMPORTED = re.compile(rb"^from ([\w.]+) import", re.MULTILINE)


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function of floats, ints and arrays on its first call; type checkers keep its signature.

    Machine code holds the functions it calls and the constants it reads, but numba compares nothing but the time of
    the function's own file; here cached code is used only while none of those modules has changed.
    """
    njit = cast("Any", numba).njit(cache=True, error_model="numpy")
    made = njit(function)
    # Private to numba 0.68, which is pinned. Where compilation is switched off there is no cache to guard.
    index = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if index is not None:
        index._source_stamp = (index._source_stamp, sources_digest(PACKAGE))  # noqa: SLF001
    return cast("Callable[Parameters, Result]", made)


@cache
def sources_digest(package: Path) -> str:
    """Return a digest of the modules of a package that have compiled functions, and of those they import from."""
    texts = {path: path.read_bytes() for path in package.rglob("*.py")}
    marked = {path for path, text in texts.items() if _MARK.search(text)}
    names = {name for path in marked for name in _IMPORTED.findall(texts[path])}
    read = {package.parent.joinpath(*name.decode().split(".")).with_suffix(".py") for name in names}
    digest = hashlib.sha256()
    for path in sorted(marked | (read & texts.keys())):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + texts[path])
    return digest.hexdigest()
