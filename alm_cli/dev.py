"""``alm dev`` and ``alm ui``: the Dagster UI with the embedded world, or over what a demo left behind."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from alm_cli.embedded import embedded_world, first_epoch_of_demo
from alm_cli.home import dagster_home, forget_other_homes, open_instance
from alm_cli.progress import bars, terminal
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.errors import AlmError

if TYPE_CHECKING:
    from alm_localnet import Localnet

WORKSPACE = Path(__file__).resolve().parent.parent / "workspace.yaml"
MARKET_STEP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What the user asked for."""

    home: str
    port: int
    seed: int
    tape: str | None
    epochs: int


def run_dev(options: DevOptions) -> int:
    """Run past epochs, then ``dagster dev`` with schedule and sensors on, the market following the wall clock."""
    console = terminal()
    home = Path(options.home)
    first = first_epoch_of_demo(options.epochs)
    with embedded_world(home, seed=options.seed, tape=options.tape, first_epoch_at=first, console=console) as localnet:
        _catch_up(localnet, home, first, options.epochs, console)
        stop = threading.Event()
        follower = threading.Thread(target=_follow_wall_clock, args=(localnet, stop, console), daemon=True)
        follower.start()
        console.print(f"Dagster UI: http://127.0.0.1:{options.port}  (Ctrl-C stops it and the local chains)")
        try:
            return _dagster_dev(home, options.port)
        finally:
            stop.set()
            follower.join(timeout=30)


def run_ui(home: str, port: int) -> int:
    """Open the UI over a finished demo; its chains are gone, so runs can be read but not repeated on chain."""
    forget_other_homes()
    os.environ.update({"ALM_HOME": str(Path(home).resolve()), "ALM_MODE": "demo"})
    terminal().print(f"Dagster UI: http://127.0.0.1:{port}")
    return _wait([sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)], Path(home))


def _catch_up(localnet: "Localnet", home: Path, first: datetime, epochs: int, console: Console) -> None:
    from alm_assets.resources import world_from_env
    from alm_assets.runner import run_epoch

    instance = open_instance(home)
    with bars(console) as progress:
        task = progress.add_task("past epochs", total=epochs)
        for number in range(epochs):
            localnet.advance_to(first + number * EPOCH_LENGTH)
            for pair in world_from_env().settings.pairs:
                run_epoch(instance, pair, first + number * EPOCH_LENGTH)
            progress.advance(task)


def _follow_wall_clock(localnet: "Localnet", stop: threading.Event, console: Console) -> None:
    try:
        while not stop.wait(MARKET_STEP_S):
            localnet.advance_to(datetime.now(UTC).replace(second=0, microsecond=0))
    except AlmError as error:
        console.print(f"[red]the market stands still:[/] {error}")


def _dagster_dev(home: Path, port: int) -> int:
    # The warning would send users to another tool of Dagster's that does not read workspace.yaml.
    quiet = ("-W", "ignore:Function `dev_command` is superseded")
    return _wait([sys.executable, *quiet, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)], home)


def _wait(command: list[str], home: Path) -> int:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["DAGSTER_HOME"] = str(dagster_home(home))
    # In a session of its own Ctrl-C does not reach it: told once, by us, it takes its own processes down in order.
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [*command, "-w", str(WORKSPACE)], env=environment, start_new_session=True
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
