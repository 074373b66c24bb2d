"""``alm doctor`` against a running embedded world."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from alm_cli.main import alm
from alm_core.model.epochs import floor_to_epoch
from alm_localnet import Localnet, LocalnetConfig


@pytest.mark.chain
def test_doctor_finds_everything_in_order_and_names_a_chain_that_went_away(home: Path, runner: CliRunner) -> None:
    with Localnet(home / "localnet", LocalnetConfig(start_at=floor_to_epoch(datetime.now(UTC)))) as localnet:
        os.environ.update(localnet.env())
        before = json.loads(runner.invoke(alm, ["doctor", "--json"]).stdout)
    after = runner.invoke(alm, ["doctor", "--json"])
    assert [check for check in before["checks"] if not check["ok"]] == []
    looked_at = {check["name"] for check in before["checks"]}
    assert {"journal", "hot state", "wallet WETH-USDC", "candles WETH-USDC", "geckoterminal", "chain 1"} <= looked_at
    failed = {check["name"]: check for check in json.loads(after.stdout)["checks"] if not check["ok"]}
    assert after.exit_code == 1
    assert {"chain 1", "geckoterminal"} <= set(failed)
    assert all(check["remedy"] for check in failed.values())
