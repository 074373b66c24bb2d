"""``alm epoch``: one cycle of the configured pairs through Dagster, in this process."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from rich.console import Console

from alm_cli.home import open_instance
from alm_cli.progress import bars, terminal
from alm_cli.table import add_epoch, epoch_table
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.reports import EpochReport
from alm_resources.registry import load_registry
from alm_resources.settings import Settings

if TYPE_CHECKING:
    from alm_assets.runner import EpochRun


def run_epochs(pairs: tuple[str, ...], epoch_at: str | None, *, as_json: bool) -> int:
    """Run one epoch of each pair; exit code 1 if a run failed (its epoch counts as HOLD)."""
    settings = Settings.from_env(os.environ)
    epochs = [Epoch(pair=pair, epoch_at=_moment(epoch_at)) for pair in _known(settings, pairs or settings.pairs)]
    console = terminal()
    runs: list[EpochRun] = []
    with bars(console) as progress:
        task = progress.add_task("epochs", total=len(epochs))
        for epoch in epochs:
            progress.update(task, description=epoch.epoch_id)
            runs.append(_run(settings, epoch))
            progress.advance(task)
    _show([run.report for run in runs], console, as_json=as_json)
    return 0 if all(run.success and run.report.reconciled is not False for run in runs) else 1


def _run(settings: Settings, epoch: Epoch) -> "EpochRun":
    from alm_assets.runner import run_epoch

    return run_epoch(open_instance(settings.home), epoch.pair, epoch.epoch_at)


def _known(settings: Settings, pairs: tuple[str, ...]) -> tuple[str, ...]:
    if settings.mode == "demo" and settings.registry_overlay is None:
        raise ConfigError("ALM_MODE=demo: its world lives only inside `alm demo` and `alm dev`; set ALM_MODE=paper")
    registry = load_registry(settings.registry_overlay)
    return tuple(registry.pair(pair_id).pair_id for pair_id in pairs)


def _moment(text: str | None) -> datetime:
    if text is None:
        return floor_to_epoch(datetime.now(UTC))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"--at {text!r} is not an ISO time, e.g. 2026-11-22T10:30:00Z") from error
    if moment.tzinfo is None:
        raise InvalidInput(f"--at {text!r} has no time zone; write it with Z")
    return moment


def _show(reports: list[EpochReport], console: Console, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(TypeAdapter(list[EpochReport]).dump_json(reports).decode() + "\n")
        return
    table = epoch_table()
    for report in reports:
        add_epoch(table, report)
    console.print(table)
    for report in reports:
        console.print(f"{report.pair}: {report.reason}")
        for problem in report.problems:
            console.print(f"  [yellow]{problem}[/]")
