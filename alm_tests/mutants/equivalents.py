"""Faults that nobody can see: what a module does with them is what it does without. Each with its reason."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from alm_tests.mutants.operators import Mutant

FILE = Path(__file__).with_name("equivalents.toml")


def equivalents() -> dict[tuple[str, str, str], str]:
    """Return the reasons by module, text of the line and change."""
    found = tomllib.loads(FILE.read_text())["equivalent"]
    return {(one["module"], one["code"], one["change"]): one["reason"] for one in found}


def without_equivalents(mutants: Sequence[Mutant]) -> tuple[Mutant, ...]:
    """Return the faults that a test could see."""
    known = equivalents()
    return tuple(one for one in mutants if (one.module, one.code, one.change) not in known)
