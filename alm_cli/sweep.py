"""``alm sweep``: backtests over pairs, policies, parameters and windows, resumable, into one Parquet."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from alm_core.model.sweeps import SweepResult
    from alm_resources.settings import Settings
    from alm_resources.sweeps.run import SweepRun

LINES = 40
"""Lines told of a sweep where there is no terminal; failures are told besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the command."""

    grid: Path
    engine: str
    workers: int | None
    out: Path | None
    home: str | None
    top: int
    as_json: bool


@click.command()
@click.option("--grid", required=True, type=click.Path(path_type=Path), help="Grid file, TOML; docs/how-to/sweep.md.")
@click.option(
    "--engine", default="local", type=click.Choice(["local", "ray"]), show_default=True, help="Who computes the cells."
)
@click.option("--workers", default=None, type=click.IntRange(min=1), help="Processes; default one per CPU.")
@click.option(
    "--out", default=None, type=click.Path(path_type=Path), help="Parquet; default sweeps/<name of grid> of the home."
)
@click.option("--home", default=None, type=click.Path(exists=True), help="Home to look at; default ALM_HOME.")
@click.option("--top", default=10, type=click.IntRange(min=1), show_default=True, help="Rows of the table of choices.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on stdout.")
def sweep(
    grid: Path, engine: str, workers: int | None, out: Path | None, home: str | None, top: int, as_json: bool
) -> None:
    """Run every combination of a grid over recorded history; the same command again goes on where it stopped.

    Exit code 1 if a cell has no result, 130 if stopped by Ctrl-C. What is best here was selected in sample.
    """
    options = Options(grid=grid, engine=engine, workers=workers, out=out, home=home, top=top, as_json=as_json)
    sys.exit(run_command(options))


def run_command(options: Options) -> int:
    """Sweep under a progress bar, and show what came of it."""
    from alm_cli.progress import bars, terminal
    from alm_resources.registry import load_registry
    from alm_resources.sweeps.engines import engine_named
    from alm_resources.sweeps.grid import read_grid
    from alm_resources.sweeps.run import SweepRequest, run_sweep

    settings = _settings(options.home)
    grid = read_grid(options.grid, settings.strategy, settings.limits, load_registry(settings.registry_overlay))
    out = options.out or settings.home / "sweeps" / f"{options.grid.stem}.parquet"
    request = SweepRequest(grid=grid, history_dir=settings.history_dir.resolve(), out=out)
    engine = engine_named(options.engine, options.workers, os.environ.get("RAY_ADDRESS"))
    console, began = terminal(), time.perf_counter()
    try:
        with bars(console) as progress:
            run = run_sweep(request, engine, Telling(console, progress, options.grid.stem))
    except KeyboardInterrupt:
        console.print(f"stopped; what is finished is in {out}. Run the command again to go on.", markup=False)
        return 130
    seconds = time.perf_counter() - began
    if options.as_json:
        from alm_cli.sweep_views import sweep_json

        sys.stdout.write(json.dumps(sweep_json(run, grid, out, engine.name, seconds)) + "\n")
    else:
        from alm_cli.sweep_views import show_sweep

        show_sweep(run, grid, out, console, options.top, seconds)
    return 0 if _whole(run) else 1


class Telling:
    """Tells how far a sweep is: a bar on a terminal, lines elsewhere."""

    def __init__(self, console: "Console", progress: "Progress", name: str) -> None:
        self._console = console
        self._progress = progress
        self._name = name
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int, result: "SweepResult | None") -> None:
        """Tell of one cell more; of none where the sweep begins."""
        if result is None:
            self._task = self._progress.add_task(self._name, total=total, completed=done)
            going_on = f", {done} of them finished earlier" if done else ""
            self._console.print(f"{self._name}: {total} cells{going_on}", markup=False)
            return
        cell, outcome = result.cell, result.outcome
        if self._task is not None:
            self._progress.update(self._task, completed=done, description=f"{cell.pair} {cell.policy}")
        failed = outcome.status != "ok"
        if failed or (not self._console.is_terminal and done % max(1, total // LINES) == 0):
            detail = f": {outcome.reason}" if failed else ""
            what = f"{cell.pair} {cell.policy} {cell.window.name}"
            self._console.print(f"{done}/{total} {what} {outcome.status}{detail}", markup=False)


def _settings(home: str | None) -> "Settings":
    from alm_resources.settings import Settings

    environ = {**os.environ, "ALM_MODE": "backtest", **({"ALM_HOME": str(Path(home).resolve())} if home else {})}
    return Settings.from_env(environ)


def _whole(run: "SweepRun") -> bool:
    return len(run.results) == run.cells and all(result.outcome.status == "ok" for result in run.results)
