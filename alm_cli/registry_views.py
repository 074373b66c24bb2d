"""What ``alm registry`` does and prints."""

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alm_cli.progress import bars, terminal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import ConfigError, SourceError
from alm_resources.chains import chains_from
from alm_resources.registry import ListedPool, Registry, load_registry
from alm_resources.registry.checks import Verdict
from alm_resources.registry.discover import Discovery, FoundPool, discover_pools, discovered_overlay
from alm_resources.registry.verify import Finding, confirmed_overlay, verify_chain
from alm_resources.settings import Settings

_STYLE = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.MISMATCH: "red",
    Verdict.CANNOT_TELL: "yellow",
    Verdict.UNREACHABLE: "magenta",
}


def show_pools(pair: str | None, chains: Sequence[int], *, as_json: bool) -> int:
    """Show listed pools; always exit code 0."""
    registry = _registry()
    wanted = _chain_ids(registry, chains)
    pools = [pool for pool in registry.listed_pools(pair) if pool.chain_id in wanted]
    if as_json:
        _print_json({"pools": [_pool_plain(registry, pool) for pool in pools]})
        return 0
    table = _table("pair", "chain", "dex", "address", "fee pips", "spacing", "evidence", "status")
    for pool in pools:
        step = pool.tick_spacing if pool.bin_step is None else f"bin {pool.bin_step}"
        cells = (pool.fee_pips, step, pool.evidence, registry.status_text(pool))
        table.add_row(pool.pair, str(pool.chain_id), pool.dex, pool.address, *(_cell(value) for value in cells))
    terminal(stderr=False).print(table)
    return 0


def run_verify(chains: Sequence[int], target: Path | None, *, show_all: bool, as_json: bool) -> int:
    """Compare entries with their chains; exit code 0 only if nothing differs and every chain answered."""
    registry = _registry()
    console = terminal()
    clients = chains_from(registry)
    findings: list[Finding] = []
    with bars(console) as progress:
        task = progress.add_task("asking", total=len(_chain_ids(registry, chains)))
        for chain_id in _chain_ids(registry, chains):
            progress.update(task, description=f"chain {chain_id}")
            findings += verify_chain(registry, chain_id, clients[chain_id])
            progress.advance(task)
    counts = Counter(finding.verdict for finding in findings)
    good = not counts[Verdict.MISMATCH] and not counts[Verdict.UNREACHABLE]
    if as_json:
        _print_json({"ok": good, "counts": counts, "findings": [_finding_plain(finding) for finding in findings]})
    else:
        _print_findings(terminal(stderr=False), findings, show_all=show_all)
    _write(console, target, confirmed_overlay(registry, findings), "no unverified pool was confirmed")
    return 0 if good else 1


def run_discover(pair: str, chains: Sequence[int], dexes: Sequence[str], target: Path | None, *, as_json: bool) -> int:
    """Ask factories; exit code 1 if a chain did not answer."""
    registry = _registry()
    registry.pair(pair)
    _refuse_unknown_dexes(registry, dexes)
    console = terminal()
    clients = chains_from(registry)
    found: list[FoundPool] = []
    notes: list[str] = []
    failures: dict[int, str] = {}
    with bars(console) as progress:
        task = progress.add_task("asking", total=len(_chain_ids(registry, chains)))
        for chain_id in _chain_ids(registry, chains):
            progress.update(task, description=f"chain {chain_id}")
            answer = _discover(registry, pair, clients[chain_id], dexes)
            progress.advance(task)
            if isinstance(answer, str):
                failures[chain_id] = answer
                continue
            found += answer.pools
            notes += answer.notes
    if as_json:
        unknown = {str(chain_id): reason for chain_id, reason in failures.items()}
        _print_json({"pools": [_found_plain(pool) for pool in found], "notes": notes, "unknown": unknown})
    else:
        _print_found(terminal(stderr=False), found, notes, failures)
    _write(console, target, discovered_overlay(found), "no pool that is not listed")
    return 1 if failures else 0


def _discover(registry: Registry, pair: str, client: ChainClient, dexes: Sequence[str]) -> Discovery | str:
    try:
        return discover_pools(registry, pair, client, dexes or None)
    except SourceError as error:
        return str(error)


def _registry() -> Registry:
    return load_registry(Settings.from_env(os.environ).registry_overlay)


def _chain_ids(registry: Registry, chains: Sequence[int]) -> list[int]:
    for chain_id in chains:
        registry.chain(chain_id)
    return sorted(set(chains) or registry.chains)


def _refuse_unknown_dexes(registry: Registry, dexes: Sequence[str]) -> None:
    known = {dex for dex, _ in registry.dexes}
    if unknown := sorted(set(dexes) - known):
        raise ConfigError(f"--dex {unknown}: not in the registry with contracts; known are {sorted(known)}")


def _print_findings(console: Console, findings: Sequence[Finding], *, show_all: bool) -> None:
    table = _table("entry", "what", "found", "expected", "verdict")
    for finding in findings:
        if show_all or finding.verdict is not Verdict.OK:
            verdict = f"[{_STYLE[finding.verdict]}]{finding.verdict}[/]"
            cells = (finding.entry, finding.what, finding.found, finding.expected)
            table.add_row(*(escape(cell) for cell in cells), verdict)
    console.print(table)
    for finding in findings:
        if finding.remedy:
            console.print(escape(f"{finding.entry}: {finding.what} is {finding.found}: {finding.remedy}"))
    counts = Counter(finding.verdict for finding in findings)
    console.print(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))


def _print_found(
    console: Console, found: Sequence[FoundPool], notes: Sequence[str], failures: Mapping[int, str]
) -> None:
    table = _table("chain", "dex", "address", "fee pips", "spacing", "liquidity", "listed")
    for pool in found:
        step = pool.tick_spacing if pool.bin_step is None else f"bin {pool.bin_step}"
        figures = (pool.fee_pips, step, pool.liquidity, "yes" if pool.listed else "no")
        table.add_row(str(pool.chain_id), pool.dex, pool.address, *(_cell(value) for value in figures))
    console.print(table)
    for note in notes:
        console.print(escape(note))
    for chain_id, reason in failures.items():
        console.print(escape(f"chain {chain_id}: unknown, it did not answer: {reason}"))


def _write(console: Console, target: Path | None, text: str, nothing: str) -> None:
    if target is None:
        return
    if not text:
        console.print(f"{nothing}; {escape(str(target))} not written")
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error}") from error
    console.print(f"wrote {escape(str(target))}; use it as ALM_REGISTRY or add it to yours")


def _pool_plain(registry: Registry, pool: ListedPool) -> dict[str, Any]:
    names = "pair chain_id address dex family fee_pips tick_spacing bin_step hooks parameters evidence status reason"
    plain = {name: getattr(pool, name) for name in names.split()}
    return plain | {"base": pool.base.address, "quote": pool.quote.address, "shown": registry.status_text(pool)}


def _finding_plain(finding: Finding) -> dict[str, Any]:
    names = ("chain_id", "entry", "place", "what", "found", "expected", "verdict", "remedy")
    return {name: getattr(finding, name) for name in names}


def _found_plain(pool: FoundPool) -> dict[str, Any]:
    names = ("pair", "chain_id", "dex", "family", "address", "fee_pips", "tick_spacing", "bin_step", "listed")
    plain = {name: getattr(pool, name) for name in names}
    # Above 2**53 a JSON reader would lose units.
    return plain | {"base": pool.base.address, "quote": pool.quote.address, "liquidity": str(pool.liquidity)}


def _print_json(content: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")


def _table(*columns: str) -> Table:
    table = Table(pad_edge=False, box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cell(value: object) -> str:
    return "-" if value is None else escape(str(value))
