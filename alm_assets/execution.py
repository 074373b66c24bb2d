"""The one asset with effects, and the report of the epoch.

Belongs here: handing the plan over. Does not: how it is carried out, retried or made safe (``alm_core.execution``).
"""

from collections.abc import Iterator

import dagster as dg

from alm_assets.checks import BOOKS_EQUAL_CHAIN, books_equal_chain, check_specs
from alm_assets.epochs import epoch_of
from alm_assets.partitions import pair_days
from alm_assets.past import previous_report
from alm_assets.plans import report_metadata
from alm_assets.pnl import with_accounts
from alm_assets.ports import Executor, History, KeepsBooks
from alm_assets.provenance import stored_sha256
from alm_assets.reports import report_images
from alm_assets.tables import INPUTS_SHA256, execution_metadata
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.model.transactions import ExecutionReport
from alm_resources.settings import Settings

WALLET_POOL = "wallet:transactions"


@dg.asset(
    partitions_def=pair_days,
    group_name="execution",
    owners=["team:execution"],
    kinds={"evm"},
    tags={"effects": "transactions"},
    code_version="1",
    pool=WALLET_POOL,
    check_specs=check_specs(
        BOOKS_EQUAL_CHAIN,
        "executed_transactions",
        "The ledger sums to balances and positions of every chain, to the wei; where not, the chain is halted.",
    ),
)
def executed_transactions(
    allocations: AllocationPlan, pool_snapshots: MarketSnapshot, executor: dg.ResourceParam[Executor]
) -> Iterator[dg.MaterializeResult[ExecutionReport]]:
    """Transactions of the plan with their outcome; gas in wei. Run again, it resumes or finds everything done."""
    report = executor.execute(allocations, pool_snapshots)
    verdicts = executor.check_books(allocations.pair) if isinstance(executor, KeepsBooks) else None
    yield dg.MaterializeResult(
        value=report,
        metadata={**execution_metadata(report), INPUTS_SHA256: stored_sha256(allocations, pool_snapshots)},
        check_results=[books_equal_chain(verdicts)],
    )


@dg.asset(
    partitions_def=pair_days,
    group_name="execution",
    owners=["team:execution"],
    kinds={"parquet"},
    tags={"effects": "none"},
    code_version="1",
)
def epoch_report(
    context: dg.AssetExecutionContext,
    force_signals: ForceSignals,
    optimized_ranges: OptimizedRange,
    allocations: AllocationPlan,
    pool_snapshots: MarketSnapshot,
    executed_transactions: ExecutionReport,
    history: dg.ResourceParam[History],
    settings: dg.ResourceParam[Settings],
    executor: dg.ResourceParam[Executor],
) -> dg.MaterializeResult[EpochReport]:
    """The epoch in one line: price, forces, range, decision, transactions, NAV, fees and gas in USD; its day drawn."""
    from alm_core.accounting.epoch_reports import epoch_report as report_of

    before = previous_report(epoch_of(context, history), history)
    report = report_of(force_signals, optimized_ranges, allocations, pool_snapshots, executed_transactions, before)
    report, ledger = with_accounts(report, pool_snapshots, history, executor)
    inputs = (force_signals, optimized_ranges, allocations, pool_snapshots, executed_transactions, *(before or ()))
    drawn = report_images(report.pair, report.epoch_at.date(), history, settings.home, latest=report)
    return dg.MaterializeResult(
        value=report, metadata={**report_metadata(report), **drawn, INPUTS_SHA256: stored_sha256(*inputs, *ledger)}
    )
