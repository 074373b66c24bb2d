"""``alm status``: what stands where, from history and journal; asks no chain."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from alm_cli.progress import terminal
from alm_cli.table import add_epoch, epoch_table
from alm_core.model.errors import AlmError
from alm_core.model.reports import EpochReport
from alm_resources.settings import Settings
from alm_resources.world import build_world

if TYPE_CHECKING:
    from alm_resources.world import World

LOOK_BACK = timedelta(days=7)


def show_status(*, as_json: bool) -> int:
    """Show the last epoch and the open intents of every pair; exit code 1 if a wallet stands halted."""
    settings = Settings.from_env(os.environ)
    world = build_world(settings)
    last = {pair: _last_report(world, pair) for pair in settings.pairs}
    wallets = {pair: _wallet_status(world, pair) for pair in settings.pairs}
    if as_json:
        pairs = {pair: {"last_epoch": _plain(last[pair]), **wallets[pair]} for pair in settings.pairs}
        sys.stdout.write(json.dumps({"mode": settings.mode, "pairs": pairs}) + "\n")
    else:
        _print(last, wallets)
    return 1 if any(status["halted"] for status in wallets.values()) else 0


def _last_report(world: "World", pair: str) -> EpochReport | None:
    now = datetime.now(UTC)
    reports = world.history.read_epochs("epoch_report", EpochReport, pair, now - LOOK_BACK, now + timedelta(minutes=15))
    return reports[-1] if reports else None


def _wallet_status(world: "World", pair: str) -> dict[str, Any]:
    chains = world.registry.chains
    try:
        wallet = world.wallet_of(pair)
    except (AlmError, OSError) as error:
        return {"wallet": None, "open_intents": [], "halted": {}, "note": str(error)}
    halted = {chain: held.reason for chain in chains if (held := world.journal.read_halt(chain, wallet)) is not None}
    opened = [
        f"{intent.tx.action.value} on chain {chain}: {intent.state.value}"
        for chain in chains
        for intent in world.journal.read_open_intents(chain, wallet)
    ]
    return {"wallet": wallet, "open_intents": opened, "halted": halted, "note": ""}


def _plain(report: EpochReport | None) -> Any:
    from pydantic import TypeAdapter

    return None if report is None else TypeAdapter(EpochReport).dump_python(report, mode="json")


def _print(last: dict[str, EpochReport | None], wallets: dict[str, dict[str, Any]]) -> None:
    console = terminal()
    table = epoch_table()
    for report in last.values():
        if report is not None:
            add_epoch(table, report)
    console.print(table)
    for pair, status in wallets.items():
        if last[pair] is None:
            console.print(f"{pair}: no epoch in the last seven days")
        console.print(f"{pair}: wallet {status['wallet'] or '-'} {status['note']}")
        for line in status["open_intents"]:
            console.print(f"  [yellow]open[/] {line}")
        for chain, reason in status["halted"].items():
            console.print(f"  [red]halted[/] chain {chain}: {reason}")
