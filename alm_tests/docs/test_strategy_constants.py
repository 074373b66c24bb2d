"""Every constant that docs/strategy states is the one in the code, and none of the strategy's constants is left out."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alm_core.model.config import StrategyConfig

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "strategy").glob("*.md"))
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<value>[^|]+) \|")
STRATEGY_PACKAGES = ("forces", "ranges", "regimes", "portfolio", "shadow")
CONVERSIONS = {"WEI", "PIPS", "HOUR", "DAY", "DAYS_PER_YEAR"}
"""Names of mere changes of units."""
UNITS = {"%": 0.01, "bp": 1e-4, "h": 3600.0, "min": 60.0, "d": 86_400.0}


def rows() -> Iterator[tuple[str, str, str]]:
    """Page, dotted name and stated value of every constant in the docs."""
    for page in PAGES:
        for line in page.read_text().splitlines():
            found = ROW.match(line)
            if found and found["name"].startswith(("alm_core.", "StrategyConfig.")):
                yield page.name, found["name"], found["value"].strip()


def value_of(name: str) -> Any:
    """The constant a dotted name means; items of tables in brackets, ``alm_core.a.TABLE["key"].field``."""
    if name.startswith("StrategyConfig."):
        return getattr(StrategyConfig(), name.removeprefix("StrategyConfig."))
    parts = re.findall(r"[^.\[\]\"]+", name)
    module = next(cut for cut in range(len(parts), 0, -1) if (ROOT / "/".join(parts[:cut])).with_suffix(".py").exists())
    found: Any = importlib.import_module(".".join(parts[:module]))
    for part in parts[module:]:
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found


def number(stated: str) -> float:
    """A stated value: figures with thousands separators, a unit, a power of ten, or a fraction of two such."""
    if " / " in stated:
        above, below = stated.split(" / ")
        return number(above) / number(below)
    figure, _, unit = stated.replace(",", "").replace("−", "-").partition(" ")
    return float(figure) * UNITS.get(unit, 1.0)


def seconds_or_number(value: Any) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


@pytest.mark.parametrize(("page", "name", "stated"), list(rows()))
def test_a_constant_in_the_docs_is_the_one_in_the_code(page: str, name: str, stated: str) -> None:
    found = value_of(name)
    if isinstance(found, str | bool):
        assert stated.strip("`") == str(found).lower(), f"{page}: {name}"
    else:
        assert number(stated) == pytest.approx(seconds_or_number(found), rel=1e-12), f"{page}: {name}"


def constants_of(path: Path) -> Iterator[str]:
    """Dotted names of the module-level numbers of a file."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [inner for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]
        for name in names:
            value = getattr(importlib.import_module(module), name.id)
            if (
                name.id.isupper()
                and name.id not in CONVERSIONS
                and not name.id.startswith("_")
                and isinstance(value, int | float | timedelta)
            ):
                yield f"{module}.{name.id}"


def test_no_constant_of_the_strategy_is_left_out_of_the_docs() -> None:
    core = ROOT / "alm_core"
    files = [path for package in STRATEGY_PACKAGES for path in sorted((core / package).rglob("*.py"))]
    stated = {name for _, name, _ in rows()}
    known = {name for path in files for name in constants_of(path)}
    known |= {f"StrategyConfig.{field.name}" for field in fields(StrategyConfig)}
    assert sorted(known - stated) == []


def test_the_docs_have_a_page_for_every_part_of_the_strategy() -> None:
    assert {page.stem for page in PAGES} >= {"forces", "ranges", "optimizer", "allocation", "decision", "regimes"}
    assert all(
        f"]({page.name})" in (ROOT / "docs/strategy/README.md").read_text() for page in PAGES if page.stem != "README"
    )
