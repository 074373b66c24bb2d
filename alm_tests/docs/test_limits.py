"""Every number of docs/execution/limits.md is the one in the code, and no limit is left out."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from alm_core.model.config import LimitsConfig
from alm_core.portfolio.limit_bounds import LIMIT_RULES
from alm_tests.docs.test_strategy_constants import number, seconds_or_number, value_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "execution" / "limits.md").read_text()
ROWS = {
    cells[0]: cells
    for cells in re.findall(r"^\| `(\w+)` \| ([\d.,]+) \| (at \w+) ([\d.,]+) \| ([^|]+) \| (.+) \|$", PAGE, re.M)
}


@pytest.mark.parametrize("name", LIMIT_RULES)
def test_a_limit_is_stated_with_default_ceiling_and_reason(name: str) -> None:
    rule = LIMIT_RULES[name]
    _, default, side, ceiling, unit, reason = ROWS[name]
    assert number(default) == pytest.approx(float(getattr(LimitsConfig(), name)), rel=1e-12)
    assert number(ceiling) == pytest.approx(float(rule.loosest), rel=1e-12)
    assert side == ("at most" if rule.stricter == "lower" else "at least")
    assert unit == rule.unit
    assert len(reason) > 10


def test_no_other_limit_is_stated() -> None:
    assert ROWS.keys() == LIMIT_RULES.keys()
    assert LIMIT_RULES.keys() <= {field.name for field in fields(LimitsConfig)}


def test_constants_of_a_start_are_those_in_the_code() -> None:
    stated = re.findall(r"^\| `(alm_resources\.[\w.]+)` \| ([^|]+) \|", PAGE, re.M)
    assert len(stated) == 4
    for name, value in stated:
        figure = value.strip().removesuffix(" s")
        assert number(figure) == pytest.approx(seconds_or_number(value_of(name)), rel=1e-12), name
