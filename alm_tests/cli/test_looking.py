"""``alm doctor`` and ``alm status`` on homes without a world."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.main import alm


def test_doctor_in_demo_mode_looks_for_a_local_node_and_nothing_else(home: Path, runner: CliRunner) -> None:
    result = runner.invoke(alm, ["doctor", "--json"])
    answer = json.loads(result.stdout)
    assert [check["name"] for check in answer["checks"]] == ["python", "settings", "embedded world"]
    assert result.exit_code == (0 if answer["ok"] else 1)
    for check in answer["checks"]:
        assert check["ok"] or check["remedy"]


@pytest.mark.parametrize(
    ("settings", "failing", "named"),
    [
        ({"ALM_MODE": "nonsense"}, "settings", "ALM_MODE='nonsense'"),
        ({"ALM_REGISTRY": "/no/such.toml"}, "registry", "/no/such.toml"),
    ],
)
def test_doctor_reports_what_it_cannot_read_as_a_finding_with_a_remedy(
    settings: dict[str, str],
    failing: str,
    named: str,
    home: Path,
    runner: CliRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    result = runner.invoke(alm, ["doctor", "--json"])
    last = json.loads(result.stdout)["checks"][-1]
    assert (result.exit_code, last["name"], last["ok"]) == (1, failing, False)
    assert named in last["detail"]
    assert last["remedy"]


def test_status_of_an_empty_home_knows_nothing_and_invents_nothing(home: Path, runner: CliRunner) -> None:
    result = runner.invoke(alm, ["status", "--json"])
    assert result.exit_code == 0
    pairs = json.loads(result.stdout)["pairs"]
    assert sorted(pairs) == ["USDC-USDT", "WETH-USDC"]
    for pair_id, status in pairs.items():
        assert status["last_epoch"] is None
        assert status["wallet"] is None
        assert f"{pair_id}.json" in status["note"]
        assert (status["open_intents"], status["halted"]) == ([], {})
    assert not (home / "journal.db").exists()
