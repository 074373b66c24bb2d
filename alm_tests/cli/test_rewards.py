"""``alm rewards`` where nothing is enrolled, and where nothing may be signed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.model.errors import ConfigError


def test_without_a_named_gauge_nothing_is_asked_and_no_key_needed(home: Path, runner: CliRunner) -> None:
    for options in ([], ["--claim"]):
        result = runner.invoke(alm, ["rewards", "--json", *options])
        assert result.exit_code == 0
        pairs = json.loads(result.stdout)["pairs"]
        empty = {"wallet": None, "earned": [], "claimed": [], "problems": []}
        assert pairs == {"USDC-USDT": empty, "WETH-USDC": empty}
    assert "nothing is owed" in runner.invoke(alm, ["rewards"]).output


def test_claims_are_refused_in_a_mode_that_never_signs(
    home: Path, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALM_MODE", "paper")
    result = runner.invoke(alm, ["rewards", "--claim"])
    assert isinstance(result.exception, ConfigError)
    assert "ALM_MODE=paper never signs" in str(result.exception)
