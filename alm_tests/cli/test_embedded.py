"""The embedded world takes the user's configuration, or says what is wrong with it."""

import os
import subprocess
import sys
from pathlib import Path


def demo(home: Path, config: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALM_")}
    command = [sys.executable, "-m", "alm_cli.main", "demo", "--epochs", "1", "--home", str(home)]
    return subprocess.run(
        command,
        env={**environment, "ALM_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = demo(tmp_path / "home", tmp_path / "none.toml")
    assert done.returncode != 0
    assert "ALM_CONFIG=" in done.stderr
    assert "none.toml" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_policy_that_does_not_exist_is_named_before_any_epoch(tmp_path: Path) -> None:
    config = tmp_path / "alm.toml"
    config.write_text('[strategy]\npolicy = "best"\n')
    done = demo(tmp_path / "home", config)
    assert done.returncode != 0
    assert "policy = 'best'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
