"""Job ``sweep``: a grid of backtests over recorded history, as ``alm sweep`` runs it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.tables import Metadata, markdown_table, problem_list
from alm_resources.settings import Settings

if TYPE_CHECKING:
    from alm_core.model.sweeps import SweepGrid, SweepResult
    from alm_resources.sweeps.run import SweepRequest, SweepRun

SHOWN = 20


class SweepSettings(dg.ConfigurableResource[Settings]):
    """Settings of the environment, in mode ``backtest`` whatever ``ALM_MODE`` says."""

    def create_resource(self, context: dg.InitResourceContext) -> Settings:
        """Read the environment."""
        return Settings.from_env({**os.environ, "ALM_MODE": "backtest"})


class SweepConfig(dg.Config):
    """What to sweep.

    Parameters
    ----------
    grid_file
        Grid file on the machine that runs the job.
    grid
        Or the text of one; schema in docs/how-to/sweep.md.
    engine
        ``inline`` (in the process of the run), ``local`` or ``ray``.
    workers
        Processes of ``local``, or CPUs of the Ray cluster that is started; ``None``: all of the machine.
    ray_address
        Of a running Ray cluster.
    out
        The Parquet; default ``sweeps/`` of the home.
    """

    grid_file: str | None = None
    grid: str | None = None
    engine: str = "inline"
    workers: int | None = None
    ray_address: str | None = None
    out: str | None = None


@dg.op(
    description="Runs what is not finished of a grid of backtests; launching it again goes on where it stopped.",
    out=dg.Out(dg.Nothing),
)
def sweep_cells(context: dg.OpExecutionContext, config: SweepConfig, settings: dg.ResourceParam[Settings]) -> None:
    """Sweep into a Parquet, which is told as a materialization of ``sweep/<its name>``."""
    from alm_resources.sweeps.engines import engine_named
    from alm_resources.sweeps.run import run_sweep

    request = sweep_request(config, settings)
    engine = engine_named(config.engine, config.workers, config.ray_address)
    run = run_sweep(request, engine, lambda done, total, _: context.log.info(f"{done} of {total} cells"))
    metadata = sweep_metadata(run, request.grid, request.out)
    if not any(result.outcome.status == "ok" for result in run.results):
        raise dg.Failure("no cell of the sweep has a result", metadata=metadata, allow_retries=False)
    context.log_event(dg.AssetMaterialization(["sweep", request.out.stem], metadata=metadata))


@dg.job(executor_def=dg.in_process_executor, resource_defs={"settings": SweepSettings()})  # pyright: ignore[reportUnknownMemberType] - PathLike without argument in its signature
def sweep() -> None:
    """A grid of backtests: pairs, policies, parameters and windows."""
    sweep_cells()


def sweep_request(config: SweepConfig, settings: Settings) -> "SweepRequest":
    """Return the grid of a configuration, and where it ends.

    Raises
    ------
    ConfigError
        If there is not exactly one grid, or it cannot be used; names file, key and value.
    """
    from alm_core.model.errors import ConfigError
    from alm_resources.registry import load_registry
    from alm_resources.sweeps.grid import grid_from_text, read_grid
    from alm_resources.sweeps.run import SweepRequest

    if (config.grid_file is None) == (config.grid is None):
        raise ConfigError("sweep: give either grid_file or grid")
    registry = load_registry(settings.registry_overlay)
    if config.grid_file is not None:
        file = Path(config.grid_file)
        name, grid = file.stem, read_grid(file, settings.strategy, settings.limits, registry)
    else:
        text = config.grid or ""
        name = f"grid-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        grid = grid_from_text(text, "grid", settings.strategy, settings.limits, registry)
    out = Path(config.out) if config.out else settings.home / "sweeps" / f"{name}.parquet"
    return SweepRequest(grid=grid, history_dir=settings.history_dir.resolve(), out=out)


def sweep_metadata(run: "SweepRun", grid: "SweepGrid", out: Path) -> Metadata:
    """Best choices and cells, how choices did on later windows, what failed, and where the Parquet is."""
    from alm_core.sweeps import words
    from alm_core.sweeps.ranking import ranked, scores_by_choice, walk_forward

    best_first, steps = ranked(run.results), walk_forward(run.results)
    choices = [words.choice_row(one, grid.varied) for one in scores_by_choice(run.results)[:SHOWN]]
    forward = [words.forward_row(step, grid.varied) for step in steps[-SHOWN:]]
    unfinished = [one for one in run.results if one.outcome.status != "ok"]
    return {
        "parquet": dg.MetadataValue.path(str(out)),  # pyright: ignore[reportUnknownMemberType] - PathLike in it
        "cells": run.cells,
        "ok": len(run.results) - len(unfinished),
        "not_ok": len(unfinished),
        "reused": run.reused,
        "note": words.in_sample_note(words.choice_count(grid), len(steps)),
        "best_choices": dg.MetadataValue.md(markdown_table(words.CHOICE_COLUMNS, choices)),
        "best_cells": _cells(best_first[:SHOWN], grid),
        "worst_cell": _cells(best_first[-1:], grid),
        "walk_forward": dg.MetadataValue.md(markdown_table(words.FORWARD_COLUMNS, forward)),
        "problems": problem_list(
            f"{one.cell.pair} {one.cell.policy} {one.cell.window.name}: {one.outcome.reason}"
            for one in unfinished[:SHOWN]
        ),
    }


def _cells(results: "Sequence[SweepResult]", grid: "SweepGrid") -> dg.MetadataValue:
    from alm_core.sweeps.ranking import over_hodl
    from alm_core.sweeps.words import parameters_text

    rows = [
        (one.cell.pair, one.cell.policy, one.cell.window.name, parameters_text(one.cell, grid.varied), over_hodl(one))
        for one in results
    ]
    return dg.MetadataValue.md(markdown_table(("pair", "policy", "window", "parameters", "NAV / HODL"), rows))
