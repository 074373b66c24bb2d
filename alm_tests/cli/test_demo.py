"""``alm demo`` for real, in a process of its own: chains, contracts, Dagster, books, verdict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alm_cli.replay import FAITHFUL_BP


@pytest.mark.chain
def test_a_short_demo_moves_both_pairs_and_ends_reconciled_with_one_json_object(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALM_")}
    # A shell that is set up for real trading must not reach into the demo, nor the demo into it.
    foreign = tmp_path / "real.db"
    environment |= {"ALM_MODE": "live", "ALM_JOURNAL_URL": f"sqlite:///{foreign}"}
    command = [sys.executable, "-m", "alm_cli.main", "demo", "--epochs", "2", "--json", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1
    summary = json.loads(done.stdout)
    assert summary["reconciled"] is True
    assert summary["epochs"] == 4
    assert sum(summary["decisions"].values()) == 4
    assert summary["decisions"]["PRA"] >= 2
    assert summary["transactions"]["sent"] >= 20
    assert summary["transactions"]["failed"] == 0
    for of_pair in summary["pairs"].values():
        assert of_pair["nav_end_usd"] == pytest.approx(45_000, rel=0.05)
        assert of_pair["problems"] == []
    assert (home / "journal.db").exists()
    assert not foreign.exists()
    for pair in summary["pairs"]:
        _is_simulated_faithfully(pair, home)


def _is_simulated_faithfully(pair: str, home: Path) -> None:
    """The venue of backtests makes of the recorded plan what the chains made of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALM_")}
    days = ["--from", "2020-01-01", "--to", "2040-01-01"]
    command = [sys.executable, "-m", "alm_cli.main", "replay", "--pair", pair, *days, "--simulate", "--json"]
    done = subprocess.run(
        [*command, "--home", str(home)], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    found = json.loads(done.stdout)
    assert found["others"] == [], pair
    assert (found["epochs"], found["compared"]) == (2, 1)
    assert 0 < found["worst_bp"] < FAITHFUL_BP
    assert done.returncode == 0, done.stderr[-2000:]
