"""The assets of the location ``alm_backtest``: a run of a partition computes the whole day of a pair.

Belongs here: which day goes on from which, and what the UI shows. Does not: the backtest itself (``alm_core.backtest``)
and where it is kept (:mod:`alm_resources.history.backtests`).

What an epoch decides depends on the portfolio of the epoch before it, so that the four assets of a day come from one
step, and a day from the day before. A day whose day before is not materialized begins anew with the capital chosen.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from alm_assets.backtest_market import (
    MINUTES_RECORDED,
    SNAPSHOTS_RECORDED,
    recorded_minutes,
    recorded_quarter_hours,
)
from alm_assets.backtest_pages import report_metadata
from alm_assets.backtest_runs import Backtests, Choice
from alm_assets.backtest_tables import FIRST_DAY, RUN, day_metadata
from alm_assets.jobs import BACKTEST_PREFIX
from alm_assets.partitions import day_before, pair_and_day, pair_days
from alm_core.model.errors import InvalidInput

if TYPE_CHECKING:
    from alm_resources.history.backtests import BacktestRun

DAY = timedelta(days=1)


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey([BACKTEST_PREFIX, name])


class BacktestChoice(dg.Config):
    """What is chosen in the launchpad; what is left empty comes from the environment of the code location."""

    policy: str | None = Field(None, description="Policy or rival; else ALM_BACKTEST_POLICY, else default.")
    capital_usd: float | None = Field(None, description="Capital; else ALM_BACKTEST_CAPITAL_USD, else 10000.")
    latency_epochs: int | None = Field(
        None, description="Quarter hours to execution; else ALM_BACKTEST_LATENCY, else 1."
    )
    failure_frac: float | None = Field(None, description="Share that fails, 0..1; else ALM_BACKTEST_FAILURES, else 0.")
    seed: int | None = Field(None, description="Seed of the failures; else ALM_BACKTEST_SEED, else 0.")
    recorded_holdings: bool = Field(False, description="Begin with the holdings recorded at the first epoch.")
    quote_usd: float | None = Field(
        None,
        description="USD per quote token where snapshots know none; else ALM_BACKTEST_QUOTE_USD, else not assumed.",
    )
    native_usd: list[str] = Field(
        [], description="CHAIN=USD per native coin where it is not known; else ALM_BACKTEST_NATIVE_USD."
    )
    anew: bool = Field(False, description="Compute stored days again.")

    def choice(self) -> Choice:
        """Return the choice as the command line makes it."""
        return Choice(
            policy=self.policy,
            capital_usd=self.capital_usd,
            latency_epochs=self.latency_epochs,
            failure_frac=self.failure_frac,
            seed=self.seed,
            recorded_holdings=self.recorded_holdings,
            quote_usd=self.quote_usd,
            native_usd=tuple(self.native_usd),
        )


@dg.asset(
    key=_key("candles"),
    partitions_def=pair_days,
    group_name="market",
    owners=["team:market"],
    kinds={"parquet"},
    tags={"effects": "none", "reads": "history"},
    code_version="1",
    check_specs=[dg.AssetCheckSpec(MINUTES_RECORDED, asset=_key("candles"), description="No minute is missing.")],
)
def candles(
    context: dg.AssetExecutionContext, backtests: dg.ResourceParam[Backtests]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Minutes of the day as they were recorded; prices quote per base. Nothing is fetched: holes are told."""
    metadata, check = recorded_minutes(backtests.recorded, *_pair_and_day(context))
    yield dg.MaterializeResult(metadata=metadata, check_results=[check])


@dg.asset(
    key=_key("pool_snapshots"),
    partitions_def=pair_days,
    group_name="market",
    owners=["team:market"],
    kinds={"parquet"},
    tags={"effects": "none", "reads": "history"},
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            SNAPSHOTS_RECORDED, asset=_key("pool_snapshots"), description="Every quarter hour has a usable snapshot."
        )
    ],
)
def pool_snapshots(
    context: dg.AssetExecutionContext, backtests: dg.ResourceParam[Backtests]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Pools at the quarter hours of the day as they were recorded. A backtest holds through what is missing."""
    metadata, check = recorded_quarter_hours(backtests.recorded, *_pair_and_day(context))
    yield dg.MaterializeResult(metadata=metadata, check_results=[check])


def _spec(name: str, description: str, *deps: dg.AssetDep, group: str = "strategy") -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(name),
        deps=deps,
        description=description,
        group_name=group,
        owners=[f"team:{group}"],
        kinds={"python", "parquet"},
        tags={"effects": "none"},
        code_version="1",
    )


# Dagster's backfills never get to days two and on of a step that waits for itself and whose assets also wait for each
# other: so none of the four names another, though each comes from the one before. Nor is the look-back of candles a
# mapping here: a backfill of one day would reach for every day that looks back on it.
_MARKET = (dg.AssetDep(_key("candles")), dg.AssetDep(_key("pool_snapshots")))
_EXECUTED = _key("executed_transactions")


@dg.multi_asset(
    name="backtest_day",
    partitions_def=pair_days,
    specs=[
        _spec("force_signals", "Volatility, momentum and trend of every epoch, each 0 to 100.", *_MARKET),
        _spec(
            "optimized_ranges",
            "Range parameters in force at every epoch and the range they give, quote per base; from the forces.",
            *_MARKET,
        ),
        _spec(
            "allocations",
            "Decision of every epoch over the simulated portfolio with what there was to choose from, in USD.",
            *_MARKET,
        ),
        _spec(
            "executed_transactions",
            "What the simulated venue did of the allocations, and profit and loss of the day in USD. Nothing is sent.",
            *_MARKET,
            dg.AssetDep(_EXECUTED, partition_mapping=day_before),
            group="execution",
        ),
    ],
)
def backtest_day(
    context: dg.AssetExecutionContext, config: BacktestChoice, backtests: dg.ResourceParam[Backtests]
) -> Iterator[dg.MaterializeResult[Any]]:
    """The whole day of a pair: every epoch decides over what the epoch before left, the first over the day before."""
    pair, day = _pair_and_day(context)
    run, begin = _run_of(context.instance, backtests, pair, day, config.choice())
    done = run.day(day, anew=config.anew)
    for name, metadata in day_metadata(run, done, begin).items():
        yield dg.MaterializeResult(asset_key=_key(name), metadata=metadata)


@dg.asset(
    key=_key("backtest_report"),
    partitions_def=pair_days,
    deps=[dg.AssetDep(_EXECUTED)],
    group_name="execution",
    owners=["team:execution"],
    kinds={"python", "html"},
    tags={"effects": "none"},
    code_version="1",
)
def backtest_report(
    context: dg.AssetExecutionContext, backtests: dg.ResourceParam[Backtests]
) -> dg.MaterializeResult[Any]:
    """What the backtest came to from its first day to this one, in USD: value, HODL, fees, losses, costs, decisions.

    Its value is a ``BacktestSummary``; before the first epoch that is known there is none.
    """
    pair, day = _pair_and_day(context)
    made = _latest(context.instance, pair, day)
    if made is None:
        raise InvalidInput(f"executed_transactions of {pair} on {day} is not materialized: there is nothing to report")
    run = backtests.stored(made[RUN])
    metadata = report_metadata(run, backtests.recorded, day)
    if not run.begun_by(day):
        return dg.MaterializeResult(metadata=metadata)
    return dg.MaterializeResult(value=run.summary(day), metadata=metadata)


def _run_of(
    instance: dg.DagsterInstance, backtests: Backtests, pair: str, day: date, choice: Choice
) -> "tuple[BacktestRun, str]":
    """Return the run that a day belongs to, and in words how it begins the day."""
    anew = backtests.run(pair, choice, day)
    before = _latest(instance, pair, day - DAY)
    if before is None:
        return anew, f"begins anew: {day - DAY} is not materialized"
    run = backtests.run(pair, choice, date.fromisoformat(before[FIRST_DAY]))
    if run.name != before[RUN]:
        return anew, f"begins anew: {day - DAY} is of another backtest, {before[RUN]}"
    return run, f"goes on from {day - DAY}"


def _latest(instance: dg.DagsterInstance, pair: str, day: date) -> dict[str, str] | None:
    """Return the texts that the last materialization of a day carries, ``None`` if there is none."""
    key = dg.MultiPartitionKey({"pair": pair, "day": day.isoformat()})
    wanted = dg.AssetRecordsFilter(asset_key=_EXECUTED, asset_partitions=[key])
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].asset_materialization if records else None
    if made is None:
        return None
    return {name: str(made.metadata[name].value) for name in (RUN, FIRST_DAY)}


def _pair_and_day(context: dg.AssetExecutionContext) -> tuple[str, date]:
    pair, day = pair_and_day(context.partition_key)
    return pair, date.fromisoformat(day)
