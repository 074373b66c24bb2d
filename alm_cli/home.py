"""Folders of the CLI: the Dagster instance of a home, and homes that the embedded world may wipe."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from alm_core.model.errors import ConfigError

if TYPE_CHECKING:
    from dagster import DagsterInstance

EMBEDDED_MARK = ".embedded-world"
# What a shell that is set up for real trading may hold; a demo must not write there.
PLACES = ("ALM_HISTORY_DIR", "ALM_JOURNAL_URL", "ALM_HOT_STATE_URL", "ALM_ALERT_URLS", "ALM_LIVE")
TEMPLATE = Path(__file__).resolve().parent.parent / "dagster.yaml"


def fresh_embedded_home(home: Path) -> Path:
    """Empty a home of the embedded world and return it.

    Raises
    ------
    ConfigError
        If the folder holds something that no embedded world left there: it is never deleted.
    """
    home = home.resolve()
    if home.exists() and any(home.iterdir()) and not (home / EMBEDDED_MARK).exists():
        raise ConfigError(f"{home} is not empty and was not made by a demo; choose another --home")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / EMBEDDED_MARK).touch()
    return home


def forget_other_homes() -> None:
    """Drop the variables of this process that point past ``ALM_HOME``, so that everything lies under it."""
    for name in PLACES:
        os.environ.pop(name, None)


def dagster_home(home: Path) -> Path:
    """Return the Dagster folder of a home, with the configuration of this project in it."""
    folder = home.resolve() / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(TEMPLATE, folder / "dagster.yaml")
    return folder


def open_instance(home: Path) -> "DagsterInstance":
    """Open the Dagster instance of a home; runs of this process are recorded there."""
    folder = dagster_home(home)
    os.environ["DAGSTER_HOME"] = str(folder)
    from dagster import DagsterInstance

    return DagsterInstance.from_config(str(folder))
