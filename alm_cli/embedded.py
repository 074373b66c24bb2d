"""Starting the embedded world for a command: home, localnet, environment, configuration of a short day."""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from alm_cli.home import forget_other_homes, fresh_embedded_home
from alm_cli.progress import bars
from alm_core.model.epochs import EPOCH_LENGTH, floor_to_epoch
from alm_core.model.errors import ConfigError

if TYPE_CHECKING:
    from alm_localnet import Localnet

# A demo day is eight hours: the twelve-hour hold of real life would allow one placement and nothing else.
DEMO_CONFIG = """\
[strategy]
min_hold = "PT1H"
[limits]
max_day_turnover_frac = 12.0
max_day_spend_frac = 24.0
"""


def first_epoch_of_demo(epochs: int) -> datetime:
    """Return the start of a demo whose last epoch is the quarter hour that has just passed."""
    return floor_to_epoch(datetime.now(UTC)) - (epochs - 1) * EPOCH_LENGTH


@contextmanager
def embedded_world(
    home: Path, *, seed: int, tape: str | None, first_epoch_at: datetime, console: Console
) -> "Generator[Localnet]":
    """Start local chains and stand-ins in a fresh home and point this process's environment at them.

    A configuration that the user named with ``ALM_CONFIG`` counts as it is, and is kept in the home.
    """
    from alm_localnet import Localnet, LocalnetConfig

    home = fresh_embedded_home(home)
    config = home / "alm.toml"
    given = os.environ.get("ALM_CONFIG")
    config.write_text(_read(given) if given else DEMO_CONFIG)
    localnet_config = LocalnetConfig(seed=seed, tape=tape, start_at=first_epoch_at - EPOCH_LENGTH)
    with ExitStack() as stack:
        with bars(console) as progress:
            progress.add_task("starting local chains, deploying contracts", total=None)
            localnet = stack.enter_context(Localnet(home / "localnet", localnet_config))
        forget_other_homes()
        os.environ.update(localnet.env())
        os.environ.update({"ALM_HOME": str(home), "ALM_CONFIG": str(config)})
        stack.callback(_set_again, "ALM_CONFIG", given)
        yield localnet


def _read(given: str) -> str:
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"ALM_CONFIG={given}: {error}") from error


def _set_again(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
