"""Homes of the embedded world: only what it made is ever deleted."""

import os
from pathlib import Path

import pytest

from alm_cli.home import PLACES, forget_other_homes, fresh_embedded_home
from alm_core.model.errors import ConfigError


def test_a_folder_with_somebody_elses_file_is_refused_and_kept(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    with pytest.raises(ConfigError, match="choose another --home"):
        fresh_embedded_home(tmp_path)
    assert precious.read_text() == "years of work"


def test_the_home_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    home = fresh_embedded_home(tmp_path / "demo")
    (home / "journal.db").write_text("old")
    assert fresh_embedded_home(home) == home
    assert not (home / "journal.db").exists()


def test_an_empty_folder_may_become_a_home(tmp_path: Path) -> None:
    assert fresh_embedded_home(tmp_path) == tmp_path.resolve()


def test_a_demo_does_not_write_where_the_shell_points_for_real_trading(home: Path) -> None:
    for name in PLACES:
        os.environ[name] = "postgresql://books.example/live"
    forget_other_homes()
    assert not set(PLACES) & set(os.environ)
    assert os.environ["ALM_HOME"] == str(home)
