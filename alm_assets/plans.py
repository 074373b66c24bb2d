"""Plan and report of an epoch as people read them: Markdown, tables and the picture of price and ranges."""

import dagster as dg

from alm_assets.pnl import account_rows
from alm_assets.tables import Cell, Metadata, markdown_table, problem_list
from alm_core.math.orientation import range_bounds_at_ticks
from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan, Decision, Target
from alm_core.model.market import MarketSnapshot
from alm_core.model.reports import EpochReport
from alm_core.model.signals import OptimizedRange


def plan_metadata(
    plan: AllocationPlan, snapshot: MarketSnapshot, optimized: OptimizedRange, series: CandleSeries
) -> Metadata:
    """The plan as Markdown with its table of alternatives, and the picture of price and ranges."""
    from alm_assets.figures import price_and_ranges

    pools = {state.pool.pool_id: state.pool for state in snapshot.pools}
    placed = [
        range_bounds_at_ticks(pools[p.pool_id], p.tick_lower, p.tick_upper)
        for holdings in snapshot.holdings
        for p in holdings.positions
        if p.pool_id in pools
    ]
    return {
        "epoch_at": plan.epoch_at.isoformat(),
        "decision": plan.decision.kind.value,
        "reason": plan.decision.reason,
        "nav_usd": plan.nav_usd if plan.nav_usd is not None else "unknown",
        "plan": dg.MetadataValue.md(plan_markdown(plan, snapshot)),
        "price_and_ranges": dg.MetadataValue.md(price_and_ranges(series, optimized, placed)),
        "inputs_hash": plan.inputs_hash,
        "version": f"code {plan.code_version}, config {plan.config_version}",
    }


def plan_markdown(plan: AllocationPlan, snapshot: MarketSnapshot) -> str:
    """Return decision, moves, targets and alternatives of a plan, and the pools that are shut, as Markdown."""
    decision = plan.decision
    targets = [
        (_pool_name(t.pool_id, snapshot), t.share_frac, t.capital_usd, t.expected_apr, *_bounds(t, snapshot))
        for t in plan.targets
    ]
    alternatives = [(a.action, a.gain_usd, a.cost_usd, a.net_usd, a.note) for a in decision.alternatives]
    moves = _moves(plan, snapshot)
    return "\n\n".join(
        (
            f"**{decision.kind}** {decision.reason}",
            f"Binding: {decision.binding}. {_counts_of(plan)}.",
            *_would_act(decision),
            f"APR now {decision.current_apr:.2%}, reachable {decision.optimal_apr:.2%}.",
            *([markdown_table(("move", "pool", "position", "USD", "lower", "upper"), moves)] if moves else []),
            markdown_table(("target", "share", "USD", "expected APR", "lower", "upper"), targets),
            markdown_table(("alternative", "gain USD", "cost USD", "net USD", "note"), alternatives),
            *(f"Nothing may enter {_pool_name(one.pool_id, snapshot)}: {one.reason}." for one in snapshot.refusals),
        )
    )


def _counts_of(plan: AllocationPlan) -> str:
    added = sum(target.token_id is not None for target in plan.opens)
    return f"Closes {len(plan.closes)}, collects {len(plan.collects)}, opens {len(plan.opens) - added}, adds to {added}"


def _would_act(decision: Decision) -> tuple[str, ...]:
    found = decision.counterfactual
    if found is None:
        return ()
    name = found.quantity.replace("_", " ")
    return (f"Would be {found.action} with a {name} above {found.threshold:.2%} a year; it is {found.now:.2%}.",)


def _moves(plan: AllocationPlan, snapshot: MarketSnapshot) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [
        (verb, _pool_name(move.pool_id, snapshot), f"#{move.token_id}", "", "", "")
        for verb, moves in (("close", plan.closes), ("collect", plan.collects))
        for move in moves
    ]
    for target in plan.opens:
        verb, position = ("open", "new") if target.token_id is None else ("add", f"#{target.token_id}")
        where = _pool_name(target.pool_id, snapshot)
        rows.append((verb, where, position, target.capital_usd, *_bounds(target, snapshot)))
    return rows


def report_metadata(report: EpochReport) -> Metadata:
    """The line of the epoch as a table."""
    rows: list[tuple[str, Cell]] = [
        ("price (quote per base)", report.price),
        ("decision", report.decision),
        ("reason", report.reason),
        ("transactions ok / failed / open", _counts(report)),
        ("NAV USD", report.nav_usd),
        ("fees uncollected USD", report.fees_uncollected_usd),
        ("fees collected so far USD", report.fees_collected_usd),
        ("gas USD", report.gas_usd),
        *account_rows(report),
        ("books agree with chain", "not checked" if report.reconciled is None else str(report.reconciled)),
    ]
    figures: Metadata = {
        name: value
        for name in ("price", "nav_usd", "fees_usd", "gas_usd", "hodl_usd", "twr_frac", "mwr_frac", "drawdown_frac")
        if (value := getattr(report, name)) is not None
    }
    return {
        **figures,
        "epoch_at": report.epoch_at.isoformat(),
        "decision": report.decision.value,
        "transactions": _counts(report),
        "report": dg.MetadataValue.md(markdown_table(("figure", "value"), rows)),
        "problems": problem_list(report.problems),
    }


def _counts(report: EpochReport) -> str:
    return f"{report.transactions_ok} / {report.transactions_failed} / {report.transactions_open}"


def _bounds(target: Target, snapshot: MarketSnapshot) -> tuple[float, float]:
    return range_bounds_at_ticks(snapshot.pool_state(target.pool_id).pool, target.tick_lower, target.tick_upper)


def _pool_name(pool_id: str, snapshot: MarketSnapshot) -> str:
    for state in snapshot.pools:
        if state.pool.pool_id == pool_id:
            return f"{state.pool.dex} {state.fee_pips / 100:g} bps on chain {state.pool.chain_id}"
    return pool_id
