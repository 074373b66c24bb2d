"""Recorded accounts as tables and JSON: profit and loss by rows, promises kept, lots."""

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from alm_core.accounting.lots import KeptLots
    from alm_core.accounting.pnl_decisions import Calibration, DecisionResult
    from alm_core.model.accounts import EpochPnl, PnlLine, RunningPnl
    from alm_core.model.pnl import PnlParts
    from alm_resources.accounts import Interval, PairAccounts

By = Literal["epoch", "position", "pool", "chain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Profit and loss of a window."""

    intervals: "tuple[EpochPnl, ...]"
    do_nothing: tuple[float | None, ...]
    running: "RunningPnl | None"
    hodl_usd: float | None
    decisions: "tuple[DecisionResult, ...]"
    calibration: "Calibration"
    left: tuple[str, ...]


def counted(accounts: "PairAccounts", span: tuple[datetime, datetime]) -> Counted:
    """Return what accounts came to in a window."""
    from alm_core.accounting.pnl_decisions import calibration, decision_results
    from alm_core.accounting.pnl_running import begun_accounts, hodl_usd, went_on
    from alm_resources.accounts import Left

    left = Left()
    pnls: list[EpochPnl] = []
    nothing: list[float | None] = []
    running: RunningPnl | None = None
    last: Interval | None = None
    for one in accounts.intervals(*span, left):
        running = went_on(running or begun_accounts(one.before), one.pnl)
        pnls.append(one.pnl)
        nothing.append(accounts.do_nothing_usd(one))
        last = one
    results = decision_results(accounts.acted(*span), pnls)
    return Counted(
        intervals=tuple(pnls),
        do_nothing=tuple(nothing),
        running=running,
        hodl_usd=hodl_usd(running, last.now) if running is not None and last is not None else None,
        decisions=results,
        calibration=calibration(results),
        left=tuple(left.epochs),
    )


def _grouped(found: Counted, by: By) -> "list[tuple[str, PnlParts, float]]":
    """Name, parts and value at the end of every row."""
    from alm_core.model.accounts import added

    if by == "epoch":
        return [(f"{one.from_at:%Y-%m-%d %H:%M}", one.parts, one.nav_end_usd) for one in found.intervals]
    names: dict[str, list[PnlLine]] = {}
    for one in found.intervals:
        for line in one.lines:
            names.setdefault(_name(line, by), []).append(line)
    last = {_key(line): line.value_usd for line in found.intervals[-1].lines} if found.intervals else {}
    return [
        (name, added(line.parts for line in lines), sum(last.get(key, 0.0) for key in {_key(line) for line in lines}))
        for name, lines in sorted(names.items())
    ]


def _key(line: "PnlLine") -> tuple[int, str | None, int | None]:
    return line.chain_id, line.pool_id, line.token_id


def _name(line: "PnlLine", by: By) -> str:
    if by == "chain":
        return f"chain {line.chain_id}"
    if line.pool_id is None:
        return f"wallet on chain {line.chain_id}"
    return line.pool_id if by == "pool" else f"{line.pool_id} #{line.token_id}"


def plain_pnl(pair: str, found: Counted, by: By) -> dict[str, Any]:
    """Profit and loss for JSON."""
    from alm_core.model.pnl import PnlParts

    running = found.running
    nothing = found.do_nothing
    return {
        "pair": pair,
        "from_at": running.began_at if running else None,
        "to_at": running.as_of_at if running else None,
        "nav_start_usd": running.nav_start_usd if running else None,
        "nav_end_usd": running.nav_usd if running else None,
        "parts": asdict(running.totals if running else PnlParts()),
        "hodl_usd": found.hodl_usd,
        "actions_usd": sum(one.nav_end_usd - (then or 0.0) for one, then in zip(found.intervals, nothing, strict=True))
        if None not in nothing
        else None,
        **_returns(running),
        "by": by,
        "rows": [
            {"name": name, **asdict(parts), "change_usd": parts.change_usd, "value_usd": value}
            for name, parts, value in _grouped(found, by)
        ],
        "decisions": [{**asdict(one), "kind": one.kind.value, "net_usd": one.net_usd} for one in found.decisions],
        "calibration": asdict(found.calibration),
        "unpriced": [asdict(one) for pnl in found.intervals for one in pnl.unpriced],
        "left_out": found.left,
    }


def _returns(running: "RunningPnl | None") -> dict[str, float | None]:
    from alm_core.accounting.pnl_running import money_weighted_of, yearly

    twr = running.growth - 1.0 if running else None
    mwr = money_weighted_of(running) if running else None
    return {
        "twr_frac": twr,
        "twr_annual_frac": yearly(running, twr) if running else None,
        "mwr_frac": mwr,
        "mwr_annual_frac": yearly(running, mwr) if running else None,
        "drawdown_frac": running.drawdown_frac if running else None,
    }


def print_pnl(pair: str, found: Counted, by: By) -> None:
    """Show profit and loss."""
    from rich.table import Table

    from alm_cli.progress import terminal
    from alm_core.model.pnl import PnlParts

    console = terminal(stderr=False)
    if found.running is None:
        console.print(f"{pair}: no two epochs whose holdings are known")
        return
    names = [field.name for field in fields(PnlParts)]
    table = Table(by, *(name.removesuffix("_usd") for name in names), "change", "value", pad_edge=False, box=None)
    for name, parts, value in _grouped(found, by):
        table.add_row(name, *(f"{getattr(parts, n):,.4f}" for n in names), f"{parts.change_usd:,.4f}", f"{value:,.2f}")
    totals = found.running.totals
    table.add_row("all", *(f"{getattr(totals, n):,.4f}" for n in names), f"{totals.change_usd:,.4f}", "")
    console.print(table)
    plain = plain_pnl(pair, found, by)
    for name in ("nav_start_usd", "nav_end_usd", "hodl_usd", "actions_usd", *_returns(found.running)):
        console.print(f"{name}: {_shown(plain[name])}")
    for one in found.decisions:
        console.print(
            f"{one.kind.value} {one.epoch_at:%Y-%m-%d %H:%M}: expected {_shown(one.expected_usd)}, "
            f"came {_shown(one.fees_usd + one.rewards_usd - one.lvr_usd)} USD; "
            f"cost promised {_shown(one.promised_cost_usd)}, paid {_shown(one.cost_usd)} USD"
        )
    ratios = found.calibration
    console.print(f"income {_shown(ratios.income_ratio)} and cost {_shown(ratios.cost_ratio)} of what was promised")
    for text in found.left:
        console.print(f"covered by the next epoch: {text}", markup=False)


def plain_lots(pair: str, found: "KeptLots") -> dict[str, Any]:
    """Lots for JSON."""
    gains = [one.gain_usd for one in found.realised if one.gain_usd is not None]
    return {
        "pair": pair,
        "method": found.method,
        "gain_usd": sum(gains),
        "gain_unknown": sum(one.gain_usd is None for one in found.realised),
        "lots": [{**asdict(one), "amount": _units(one.amount), "kind": one.kind.value} for one in found.lots],
        "realised": [
            {
                **asdict(one),
                "amount": _units(one.amount),
                "kind": one.kind.value,
                "acquired_kind": one.acquired_kind.value if one.acquired_kind else None,
                "gain_usd": one.gain_usd,
            }
            for one in found.realised
        ],
        "problems": found.problems,
    }


def print_lots(pair: str, found: "KeptLots") -> None:
    """Show lots."""
    from rich.table import Table

    from alm_cli.progress import terminal

    console = terminal(stderr=False)
    table = Table("asset", "left", "acquired", "cost USD", "how", pad_edge=False, box=None)
    for lot in found.lots:
        table.add_row(lot.asset, _units(lot.amount), text_of(lot.acquired_at), _shown(lot.cost_usd), lot.kind.value)
    console.print(table)
    plain = plain_lots(pair, found)
    console.print(
        f"{pair}, {found.method}: {len(found.realised)} disposals, gain {_shown(plain['gain_usd'])} USD; "
        f"of {plain['gain_unknown']} it is unknown"
    )
    for text in found.problems:
        console.print(text, markup=False)


def _units(amount: int) -> str:
    from decimal import Decimal, localcontext

    from alm_core.model.lots import LOT_DECIMALS

    with localcontext() as context:
        context.prec = 100
        return f"{Decimal(amount).scaleb(-LOT_DECIMALS).normalize():f}"


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.6g}"


def text_of(value: object) -> str:
    """Return a value that JSON has no form for."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return "unknown" if value is None else str(value)
