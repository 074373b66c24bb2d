"""A Dagster instance on SQLite and a world in memory for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Dagster reads pydantic's old attribute when a ConfigurableResource is made.
    config.addinivalue_line("filterwarnings", "ignore:The `__fields__` attribute is deprecated")
    # Dagster's own tags of a partition with two dimensions.
    config.addinivalue_line("filterwarnings", "ignore:Non-compliant tag keys like .'dagster/partition/")


from alm_tests.assets.world import MemoryWorld  # noqa: E402

TEMPLATE = Path(__file__).resolve().parents[2] / "dagster.yaml"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path / "dagster"
    folder.mkdir()
    shutil.copyfile(TEMPLATE, folder / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.from_config(str(folder)) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> MemoryWorld:
    return MemoryWorld(tmp_path)
