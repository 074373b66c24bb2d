"""The tool that puts faults into the safety core sees what it is for."""

import ast
import json
import os
import subprocess
import sys

import pytest

from alm_tests.mutants.loading import ROOT
from alm_tests.mutants.operators import mutants_of, mutated
from alm_tests.mutants.safety_core import modules_and_tests

SOURCE = '''
"""Text."""
from typing import Protocol

class Port(Protocol):
    def read(self) -> int: ...

def within(value: int, bound: int = 10) -> bool:
    """Text."""
    if value < 0 or not isinstance(value, int):
        raise ValueError(f"{value} < 0")
    return value <= bound
'''


def test_every_fault_compiles_and_changes_the_module() -> None:
    right = ast.dump(ast.parse(SOURCE))
    mutants = mutants_of("m.py", SOURCE)
    trees = [mutated(SOURCE, mutant) for mutant in mutants]
    assert len({ast.dump(tree) for tree in trees} | {right}) == len(mutants) + 1
    for tree in trees:
        compile(tree, "m.py", "exec")


def test_faults_are_where_a_programmer_makes_them_and_nowhere_else() -> None:
    changes = {(mutant.line, mutant.change) for mutant in mutants_of("m.py", SOURCE)}
    assert {line for line, _ in changes} == {8, 10, 11, 12}
    assert (12, "LtE becomes Lt") in changes
    assert (10, "not is dropped") in changes
    assert (10, "Or becomes And") in changes
    assert (11, "raise is left out") in changes
    assert (8, "10 becomes 11") in changes
    assert len([change for line, change in changes if line == 11]) == 1, "texts and what is raised with are left alone"


@pytest.mark.parametrize("module", [*modules_and_tests(ROOT)])
def test_every_module_of_the_safety_core_has_faults_or_no_code_and_tests(module: str) -> None:
    assert modules_and_tests(ROOT)[module], "no tests of its own"
    for mutant in mutants_of(module, (ROOT / module).read_text())[::25]:
        compile(mutated((ROOT / module).read_text(), mutant), module, "exec")


@pytest.mark.parametrize(("tests", "survived"), [("test_leading.py", 0), ("test_erc20.py", 4)])
def test_faults_are_killed_by_tests_that_see_them_and_survive_those_that_do_not(tests: str, survived: int) -> None:
    command = [sys.executable, "-m", "alm_tests.mutants", "alm_core/execution/leading.py"]
    command += ["--tests", f"alm_tests/core/execution/{tests}"]
    env = {**os.environ, "ALM_MUTANTS": "all", "ALM_MUTANTS_JOBS": "1"}
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    report = json.loads(run.stdout.splitlines()[-1])
    assert (report["tried"], report["survived"]) == (4, survived), run.stdout + run.stderr
    assert run.returncode == (1 if survived else 0)
