"""``alm demo --faults`` for real, in a process of its own: broken sources, true prices, books in order."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alm_localnet.fault_script import FaultScript, described

SEED = 7
"""A seed whose first epoch has half of the sources bad."""


@pytest.mark.chain
def test_a_demo_under_faults_stores_only_true_prices_and_ends_reconciled(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALM_")}
    command = [sys.executable, "-m", "alm_cli.main", "demo", "--faults", "--epochs", "3", "--seed", str(SEED), "--json"]
    command += ["--home", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary["reconciled"] is True
    assert summary["transactions"]["failed"] == 0
    assert set(summary["faults"]) == {"USDC-USDT", "WETH-USDC"}
    for found in summary["faults"].values():
        # A month before the first epoch and the two epochs after it.
        assert found["minutes"] + found["minutes_without_consensus"] == 30 * 1440 + 2 * 15
        assert found["minutes"] > 0.9 * 30 * 1440
        assert found["largest_error_bps"] <= 2.0
    faults = FaultScript(SEED).faults_of(0, 0)
    (liar,) = (server for server, fault in faults.items() if fault.kind == "liar")
    assert {fault.kind for fault in faults.values()} == {"status", "liar", "frozen"}
    told = " ".join(done.stderr.split())
    assert described(faults) in told
    assert re.search(rf"left out (\w+/)*{liar}\b", told)
