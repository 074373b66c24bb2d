"""No control without a scenario that fires it and one that just passes, and no limit that is no control."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from alm_core.model.controls import CONTROLS, RUNBOOK, control_named
from alm_core.portfolio.limit_bounds import LIMIT_RULES

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = {"fires", "passes"}
NAMING = {"Violation", "beyond", "unknown", "_above", "_at_least"}
"""Calls in the core that name a limit, first or by keyword."""
UNMARKED = {"price_interval_frac", "price_interval_stable_frac", "deadline_s", "deadline_slow_s", "drawdown_days"}
UNMARKED |= {"depeg_candles"}
"""Limits that shape what is planned or how far another control looks, and refuse nothing themselves."""


@cache
def trees(folder: str) -> tuple[tuple[str, ast.Module], ...]:
    files = sorted((ROOT / folder).rglob("*.py"))
    return tuple((str(file.relative_to(ROOT)), ast.parse(file.read_text())) for file in files)


def calls(folder: str) -> Iterator[tuple[str, ast.Call]]:
    for name, tree in trees(folder):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{name}:{node.lineno}", node


@cache
def marked() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for where, call in calls("alm_tests"):
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func).endswith("mark.control"):
            name, outcome = (arg.value for arg in call.args if isinstance(arg, ast.Constant))
            found[str(name)][str(outcome)].append(where)
    return found


def limits_named() -> dict[str, str]:
    """Names that the core gives to broken limits, with where."""
    found: dict[str, str] = {}
    for where, call in calls("alm_core"):
        if not (isinstance(call.func, ast.Name) and call.func.id in NAMING):
            continue
        given = [keyword.value for keyword in call.keywords if keyword.arg == "limit"] or call.args[:1]
        for node in given:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[node.value.removesuffix(" x nav_usd")] = where
    return found


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_has_a_scenario_that_fires_it_and_one_that_just_passes(control: object) -> None:
    assert marked()[control.name].keys() >= OUTCOMES, f"{control.name} has only {[*marked()[control.name]]}"


def test_every_marker_names_a_control_and_an_outcome() -> None:
    strange = {name: where for name, where in marked().items() if control_named(name) is None}
    assert not strange
    assert all(outcomes.keys() <= OUTCOMES for outcomes in marked().values())


def test_every_limit_that_the_core_names_is_a_control() -> None:
    strange = {name: where for name, where in limits_named().items() if control_named(name) is None}
    assert not strange
    assert len(limits_named()) > 30, "the names are no longer found"


def test_every_limit_of_the_file_is_a_control_or_only_shapes_plans() -> None:
    assert {name for name in LIMIT_RULES if control_named(name) is None} == UNMARKED


def test_names_of_controls_are_unique() -> None:
    names = [control.name for control in CONTROLS]
    assert len(names) == len(set(names))


def test_every_control_has_an_entry_in_the_runbook() -> None:
    titles = re.findall(r"^#+ (.+)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert {control.entry for control in CONTROLS} <= anchors
