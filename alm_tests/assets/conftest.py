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


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster home whose tables are made and hold nothing: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("new-home")
    shutil.copyfile(TEMPLATE, folder / "dagster.yaml")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DAGSTER_HOME", str(folder))
        with dg.DagsterInstance.from_config(str(folder)):
            pass
    return folder


@pytest.fixture
def instance(new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path / "dagster"
    shutil.copytree(new_home, folder)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.from_config(str(folder)) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> MemoryWorld:
    return MemoryWorld(tmp_path)
