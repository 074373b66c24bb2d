"""Totals of the kill suite: what was lost or doubled, or took too long to recover, is never lost in the sum."""

import json
from pathlib import Path
from typing import Any

import pytest

from alm_tests.chaos.kills import main
from alm_tests.chaos.tally import Tally


def totals_of(tallies: list[Tally], folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALM_KILLS_DIR", str(folder))
        for tally in tallies:
            tally.write()
    capsys.readouterr()
    code = main(folder)
    return code, json.loads(capsys.readouterr().out)


def test_kills_of_all_tests_are_summed_and_halted_plans_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Tally("first", kills=3, recovery_s=[0.1, 0.3])
    first.halted["exit: closes nothing"] += 2
    second = Tally("second", kills=4, recovery_s=[0.2], missed=["open: 1/swap/9 before sign"])
    code, line = totals_of([first, second], tmp_path, capsys)
    assert code == 0
    assert (line["kills"], line["missed"], line["halted"]) == (7, 1, 2)
    assert line["halted_most"] == [["exit: closes nothing", 2]]
    assert line["by_test"] == {"first": 3, "second": 4}
    assert (line["recovery_p50_s"], line["recovery_max_s"]) == (0.2, 0.3)


@pytest.mark.parametrize(
    "bad", [{"lost": 1}, {"duplicated": 1}, {"recovery_s": [30.1]}, {"recovery_s": []}], ids=lambda bad: next(iter(bad))
)
def test_a_run_that_lost_doubled_or_was_slow_fails(
    bad: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = totals_of([Tally("bad", **({"kills": 1, "recovery_s": [30.0]} | bad))], tmp_path, capsys)
    assert code == 1
