"""The tool that puts faults into the safety core sees what it is for."""

import ast
import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest

from alm_tests.mutants.equivalents import equivalents
from alm_tests.mutants.loading import ROOT
from alm_tests.mutants.operators import is_in_function, mutants_of, mutated
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


def test_every_equivalent_is_a_fault_of_today_and_says_why_nobody_sees_it() -> None:
    modules = {module for module, _, _ in equivalents()}
    faults = {
        (mutant.module, mutant.code, mutant.change)
        for module in modules
        for mutant in mutants_of(module, (ROOT / module).read_text())
    }
    assert equivalents().keys() <= faults, "the line or the fault is gone: so must be the entry"
    assert all(len(reason) > 20 for reason in equivalents().values())


def test_a_fault_is_put_into_functions_that_exist_already() -> None:
    module = "alm_core/execution/leading.py"
    (fault,) = (one for one in mutants_of(module, (ROOT / module).read_text()) if one.change == "condition is False")
    code = (
        "import json, sys\n"
        "from alm_core.execution import leading\n"
        "from alm_tests.mutants.loading import swap_in\n"
        "from alm_tests.mutants.operators import Mutant\n"
        "check = leading.LedGuard.check\n"
        "swap_in(Mutant(**json.loads(sys.argv[1])))\n"
        "from types import SimpleNamespace as N\n"
        "guard = leading.LedGuard(N(check=lambda *_: print('through')), N(refusal=lambda *_: 'another leads'))\n"
        "check(guard, N(chain_id=1, sender='0x'), None)\n"
    )
    told = json.dumps(asdict(fault))
    run = subprocess.run([sys.executable, "-c", code, told], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout == "through\n", run.stderr


def test_what_is_made_when_a_module_is_imported_is_no_functions_matter() -> None:
    inside = {mutant.line for mutant in mutants_of("m.py", SOURCE) if is_in_function(mutant, SOURCE)}
    assert inside == {10, 11, 12}, "the default of line 8 is made once"
