"""What ``alm dex roundtrip`` does and prints."""

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alm_cli.progress import bars, terminal
from alm_core.model.dex_ports import DexAdapter
from alm_core.model.errors import ConfigError, InvalidInput
from alm_resources.chains import Web3Chain
from alm_resources.dex import adapters
from alm_resources.journal import SqlJournal
from alm_resources.registry import ListedPool, Registry, load_registry
from alm_resources.roundtrip import Options, PoolLine, RoundTrip
from alm_resources.roundtrip.chosen import is_of_this_machine, pools_in, refuse_remote, traded
from alm_resources.roundtrip.mark import MarkFile
from alm_resources.roundtrip.pool_wallet import PoolWallet
from alm_resources.settings import Settings
from alm_resources.signer import vault_from_environment
from alm_resources.signer.vault import KeyVault

_DEFAULT_USD = 100.0
_TEMPORARY = "alm-roundtrip-"
_SETTINGS = ("ALM_CONFIG", "ALM_ALLOWED_HOOKS")
"""Settings that count here; mode and homes are those of trading and have no part in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line."""

    file: Path
    pools: tuple[str, ...] = ()
    usd: float | None = None
    wait_s: float = 30.0
    width_frac: float | None = None
    only_in_range: bool = False
    prices: tuple[str, ...] = ()
    home: Path | None = None
    live: bool = False
    as_json: bool = False


def run_roundtrip(request: Request) -> int:
    """Go through the pools, one after the other; exit code 1 if any is not ok.

    Raises
    ------
    ConfigError, InvalidInput
        If file, key or options cannot be used: nothing was read or sent then.
    """
    _refuse_unbounded(request)
    settings = Settings.from_env({name: os.environ[name] for name in _SETTINGS if name in os.environ})
    registry = load_registry(request.file)
    if registry.wallet is None:
        raise ConfigError(f'{request.file}: [wallet] is missing; add key_env = "NAME" of the variable with the key')
    given = dict(_price(text) for text in request.prices)
    pools = pools_in(registry, request.file, request.pools)
    if not request.live:
        refuse_remote(registry, pools)
    vault = vault_from_environment(registry.wallet.key_env, os.environ)
    options = Options(
        usd=request.usd or registry.wallet.usd or _DEFAULT_USD,
        wait_s=request.wait_s,
        width_frac=request.width_frac,
        only_in_range=request.only_in_range,
        given_usd=given,
        limits=settings.limits,
    )
    home = _home(request.home)
    desk = _Desk(registry, vault, options, home, settings.allowed_hooks)
    lines, interrupt = _go_through(desk, pools, as_json=request.as_json)
    if not request.as_json:
        _show(terminal(stderr=False), registry, pools, lines)
    good = len(lines) == len(pools) and all(line.ok for line in lines)
    _part_with(home, keep=request.home is not None or not good, good=good)
    if interrupt is not None:
        raise interrupt
    return 0 if good else 1


@dataclass(frozen=True, slots=True)
class _Desk:
    registry: Registry
    vault: KeyVault
    options: Options
    home: Path
    allowed_hooks: tuple[str, ...]


def _go_through(
    desk: _Desk, pools: Sequence[ListedPool], *, as_json: bool
) -> tuple[list[PoolLine], BaseException | None]:
    """Make the round trips one after the other, until one is interrupted; each line is printed when it is known."""
    lines, interrupt = list[PoolLine](), None
    with ExitStack() as stack:
        journal = SqlJournal(f"sqlite:///{desk.home / 'journal.db'}")
        stack.callback(journal.close)
        chains = {one: Web3Chain(desk.registry.chain(one)) for one in sorted({pool.chain_id for pool in pools})}
        for chain in chains.values():
            stack.callback(chain.close)
        known = adapters(desk.allowed_hooks, journal.read_positions)
        progress = stack.enter_context(bars(terminal()))
        task = progress.add_task("", total=len(pools))
        for listed in pools:
            name = f"{listed.dex} {listed.pair} on chain {listed.chain_id}"

            def tell(what: str, name: str = name) -> None:
                progress.update(task, description=f"{name}: {what}")

            line, interrupt = _round_trip(desk, listed, journal, chains[listed.chain_id], known, tell)
            lines.append(line)
            progress.advance(task)
            if as_json:
                click.echo(json.dumps(line.plain()))
            if interrupt is not None:
                break
    return lines, interrupt


def _round_trip(
    desk: _Desk,
    listed: ListedPool,
    journal: SqlJournal,
    chain: Web3Chain,
    known: Mapping[str, DexAdapter],
    tell: Callable[[str], None],
) -> tuple[PoolLine, BaseException | None]:
    registry, pool = desk.registry, traded(desk.registry, listed)
    if pool is None:
        why = registry.status_text(listed)
        return PoolLine(
            chain=listed.chain_id, dex=listed.dex, family=listed.family, pool=listed.address, ok=False, error=why
        ), None
    real = not all(is_of_this_machine(url) for url in registry.chain(pool.chain_id).rpc)
    options = replace(desk.options, sends_for_real=real)
    wallet = PoolWallet(
        registry=registry,
        pool=pool,
        chain=chain,
        vault=desk.vault,
        journal=journal,
        adapters=known,
        options=options,
    )
    trip = RoundTrip(wallet, options, MarkFile(desk.home, pool), tell)
    line = trip.run()
    return line, trip.interrupt


def _refuse_unbounded(request: Request) -> None:
    numbers = {"--usd": request.usd, "--wait": request.wait_s, "--width": request.width_frac}
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise InvalidInput(f"{name} {number}: must be a finite number")


def _price(text: str) -> tuple[str, float]:
    symbol, _, number = text.partition("=")
    try:
        usd = float(number)
    except ValueError:
        usd = math.nan
    if not symbol.strip() or not (math.isfinite(usd) and usd > 0):
        raise InvalidInput(f"--price {text!r}: write SYMBOL=USD, for example WETH=3000")
    return symbol.strip().upper(), usd


def _home(wanted: Path | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--home {wanted}: {error}") from error
    return wanted


def _part_with(home: Path, *, keep: bool, good: bool) -> None:
    if not keep:
        shutil.rmtree(home, ignore_errors=True)
    elif any(home.glob("open-*.json")):
        click.echo(f"A position may be open still: run again with --home {home} to settle and close it.", err=True)
    elif not good:
        click.echo(f"Journal kept in {home}", err=True)


def _show(console: Console, registry: Registry, pools: Sequence[ListedPool], lines: Sequence[PoolLine]) -> None:
    table = Table(pad_edge=False, box=None)
    for column in ("chain", "dex", "family", "pool", "ok", "opened", "fees", "closed", "gas", "dust"):
        table.add_column(column, overflow="fold")
    for listed, line in zip(pools, lines, strict=False):
        table.add_row(*_cells(registry, listed, line))
    console.print(table)
    for line in lines:
        if line.error is not None:
            console.print(f"[red]{line.chain}:{line.pool}[/] {escape(line.error)}", soft_wrap=True)


def _cells(registry: Registry, listed: ListedPool, line: PoolLine) -> tuple[str, ...]:
    ordered = (listed.base, listed.quote) if listed.base_is_token0 else (listed.quote, listed.base)

    def shown(amount0: int, amount1: int) -> str:
        return " ".join(
            f"{Decimal(raw).scaleb(-token.decimals):.6g} {token.symbol}"
            for raw, token in zip((amount0, amount1), ordered, strict=True)
        )

    opened, fees, closed = line.opened, line.fees, line.closed
    coin = registry.chain(line.chain).native_symbol
    return (
        str(line.chain),
        line.dex,
        line.family,
        line.pool,
        "[green]yes[/]" if line.ok else "[red]no[/]",
        "-" if opened is None else shown(opened.amount0, opened.amount1) + ("" if opened.in_range else " (one side)"),
        "-" if fees is None else fees.note or shown(fees.amount0, fees.amount1),
        "-" if closed is None else shown(closed.amount0, closed.amount1),
        "-" if line.gas is None else f"{line.gas.used:,} ({Decimal(line.gas.wei).scaleb(-18):.3g} {coin})",
        "-" if line.dust is None else f"{line.dust.amount0} {line.dust.amount1}",
    )
