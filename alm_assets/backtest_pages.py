"""The report of a backtest as people read it: its page on disk, and the figures the UI shows."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.backtest_tables import FIRST_DAY, RUN, summary_metadata
from alm_assets.reports import backtest_figures, backtest_page, image_metadata
from alm_assets.tables import Metadata, problem_list
from alm_core.model.market import MarketSnapshot

if TYPE_CHECKING:
    from alm_resources.history import HistoryStore
    from alm_resources.history.backtests import StoredRun


def report_metadata(run: "StoredRun", recorded: "HistoryStore", last_day: date) -> Metadata:
    """Return the metadata of the report up to a day, and write its page into the folder of the run.

    Before the first epoch that is known it says so, and there is no page.
    """
    from alm_resources.history.files import replace_file

    if not run.begun_by(last_day):
        nothing = f"no epoch from {run.first_day} to {last_day} has a recorded market that can be decided on"
        return {RUN: run.name, FIRST_DAY: run.first_day.isoformat(), "problems": problem_list([nothing])}
    names = pool_names(recorded, run.pair, run.first_day, last_day)
    figures = backtest_figures(run.epochs(run.first_day, last_day), names=names)
    path = run.folder / "reports" / f"{last_day.isoformat()}.html"
    path.parent.mkdir(exist_ok=True)
    replace_file(path, page_of(run, recorded, last_day, figures).encode())
    return {
        **summary_metadata(run, run.summary(last_day)),
        **image_metadata(figures, tuple(figures)),
        "page": dg.MetadataValue.path(str(path)),  # pyright: ignore[reportUnknownMemberType] - its PathLike
    }


def page_of(
    run: "StoredRun", recorded: "HistoryStore", last_day: date, figures: Mapping[str, bytes] | None = None
) -> str:
    """Return the page of a run up to a day.

    Raises
    ------
    InvalidInput
        If no epoch is stored.
    """
    names = pool_names(recorded, run.pair, run.first_day, last_day)
    return backtest_page(run.epochs(run.first_day, last_day), run.summary(last_day), names=names, figures=figures)


def pool_names(recorded: "HistoryStore", pair: str, first_day: date, last_day: date) -> dict[str, str]:
    """Return words for the pools recorded on the last day that has snapshots, by id."""
    from alm_resources.history.days import stream_days

    days = [day for day in recorded.stored_days("pool_snapshots", pair) if first_day <= day <= last_day]
    found: dict[str, str] = {}
    for snapshot in stream_days(recorded, "pool_snapshots", MarketSnapshot, pair, days[-1], days[-1]) if days else ():
        for state in snapshot.pools:
            pool = state.pool
            found.setdefault(pool.pool_id, f"{pool.dex} {state.fee_pips / 100:g} bps, chain {pool.chain_id}")
    return found
