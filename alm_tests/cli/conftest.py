"""An empty home and no setting of the machine's own, for each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Home of the command under test; what the command sets in the environment is undone."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("ALM_", "DAGSTER_"))]:
        del os.environ[name]
    folder = tmp_path / "home"
    os.environ["ALM_HOME"] = str(folder)
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def runner() -> CliRunner:
    """Runs commands in this process."""
    return CliRunner()
