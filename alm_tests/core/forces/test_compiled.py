"""Machine code on disk is never older than the sources it was made of."""

import subprocess
import sys
from pathlib import Path

import pytest

from alm_core.forces.compiled import PACKAGE, sources_digest
from alm_core.forces.indicators import parkinson_sigma

INNER = """
from alm_core.forces.compiled import compiled
from made.constants import STEP


@compiled
def inner(x: float) -> float:
    return {factor} * x + STEP
"""
OUTER = """
import pathlib

from alm_core.forces import compiled as edge

edge.PACKAGE = pathlib.Path(__file__).parent
from made.inner import inner
from alm_core.forces.compiled import compiled


@compiled
def outer(x: float) -> float:
    return 2.0 * inner(x)


def main() -> None:
    print(outer(1.0), sum(outer.stats.cache_hits.values()))
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    package = tmp_path / "made"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plain.py").write_text("NOTHING = 1\n")
    (package / "constants.py").write_text("STEP = 1.0\n")
    (package / "inner.py").write_text(INNER.format(factor=1.0))
    (package / "outer.py").write_text(OUTER)
    return package


def digest(package: Path) -> str:
    sources_digest.cache_clear()
    return sources_digest(package)


def test_a_digest_follows_compiled_functions_and_what_they_import(made: Path) -> None:
    first = digest(made)
    (made / "plain.py").write_text("NOTHING = 2\n")
    assert digest(made) == first
    (made / "constants.py").write_text("STEP = 2.0\n")
    second = digest(made)
    assert second != first
    (made / "inner.py").write_text(INNER.format(factor=3.0))
    assert digest(made) not in {first, second}


def test_functions_of_the_core_carry_the_digest_of_the_core() -> None:
    index = parkinson_sigma._cache._cache_file  # pyright: ignore
    assert index._source_stamp[1] == sources_digest(PACKAGE)


def test_a_caller_is_compiled_anew_when_its_callee_or_a_constant_has_changed(made: Path) -> None:
    def run() -> list[str]:
        command = [sys.executable, "-c", "from made.outer import main; main()"]
        path = f"{PACKAGE.parent}:{made.parent}"
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": path})
        return ran.stdout.split()

    assert run() == ["4.0", "0"]
    assert run() == ["4.0", "1"]
    (made / "inner.py").write_text(INNER.format(factor=3.0))
    assert run() == ["8.0", "0"]
    (made / "constants.py").write_text("STEP = 0.5\n")
    assert run() == ["7.0", "0"]
    assert run() == ["7.0", "1"]
