"""``alm keystore``."""

import json
from pathlib import Path

from click.testing import CliRunner

from alm_cli.main import alm


def test_a_new_key_is_stored_encrypted_and_only_its_address_is_shown(home: Path, runner: CliRunner) -> None:
    result = runner.invoke(alm, ["keystore", "WETH-USDC"])
    assert result.exit_code == 0
    stored = next(home.rglob("WETH-USDC.json"))
    assert stored.stat().st_mode & 0o777 == 0o400
    content = json.loads(stored.read_text())
    assert result.stdout.strip().removeprefix("0x").lower() == content["address"].removeprefix("0x").lower()
    assert set(content["crypto"]) >= {"ciphertext", "kdf", "mac"}
    password = next(home.rglob("keystore-password")).read_text().strip()
    assert password not in result.output


def test_an_existing_key_is_never_overwritten(home: Path, runner: CliRunner) -> None:
    runner.invoke(alm, ["keystore", "WETH-USDC"])
    before = next(home.rglob("WETH-USDC.json")).read_bytes()
    assert runner.invoke(alm, ["keystore", "WETH-USDC"]).exit_code != 0
    assert next(home.rglob("WETH-USDC.json")).read_bytes() == before
