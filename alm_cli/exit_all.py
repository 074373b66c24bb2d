"""``alm exit-all``: everything closed and every right taken back, with nothing but the chains and the key."""

import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from alm_cli.progress import terminal
from alm_core.execution.chain_state import ChainView
from alm_core.execution.leaving import ChainLook, NoSwaps, leave, look_at
from alm_core.execution.saga import PlanExecutor
from alm_core.math.liquidity import price_interval
from alm_core.model.books import Standstill
from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import AlmError, ConfigError
from alm_core.model.market import Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import ExecutionReport, UnsignedTransaction
from alm_core.portfolio.plan_limits import is_stable
from alm_resources.dex import adapters
from alm_resources.journal import SqlJournal
from alm_resources.journal.fences import begin_fences_late
from alm_resources.roundtrip.prices import native_usd
from alm_resources.settings import Settings
from alm_resources.signer import allow_list_from
from alm_resources.world import World, build_world

if TYPE_CHECKING:
    from alm_core.model.ports import Signer

_EPOCH_LEAD = timedelta(minutes=1)
_UNPRICED_NATIVE_USD = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line."""

    pairs: tuple[str, ...] = ()
    chains: tuple[int, ...] = ()
    yes: bool = False
    despite_halt: bool = False
    journal: Path | None = None
    as_json: bool = False


@dataclass(slots=True)
class _ChainExit:
    """What was found and done on one chain. ``left`` is what was there at the end."""

    chain_id: int
    found: ChainLook | None = None
    left: ChainLook | None = None
    reports: tuple[ExecutionReport, ...] = ()
    errors: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def state(self) -> str:
        if self.found is None:
            return "unread"
        if self.left is None:
            return "planned" if not self.errors else "refused"
        return "left" if self.left.is_left else "failed"


class _UnhaltedJournal(SqlJournal):
    """A journal whose standstills do not bind: a person has said so for this one run."""

    def read_halt(self, chain_id: int, wallet: str) -> Standstill | None:
        """Return ``None``."""
        del chain_id, wallet
        return None


def run_exit_all(request: Request) -> int:
    """Show, or with ``yes`` do, the exit of every pair; exit code 0 if nothing is left, or all of it can be left.

    Raises
    ------
    ConfigError
        If the mode never signs, or a pair or chain is unknown.
    """
    settings = Settings.from_env(os.environ)
    if request.yes and not settings.signs:
        raise ConfigError(f"ALM_MODE={settings.mode} never signs; nothing can be left")
    world = build_world(settings)
    found = {pair: _Exit(world, pair, request).run() for pair in request.pairs or settings.pairs}
    if request.as_json:
        plain = {pair: _plain(world, pair, chains) for pair, chains in found.items()}
        sys.stdout.write(json.dumps({"dry_run": not request.yes, "pairs": plain}) + "\n")
    else:
        _print(world, found, done=request.yes)
    good = {"left"} if request.yes else {"planned"}
    return 0 if all(one.state in good for chains in found.values() for one in chains) else 1


class _Exit:
    """The exit of one pair's wallet."""

    def __init__(self, world: World, pair: str, request: Request) -> None:
        self._world = world
        self._request = request
        self._pair = pair
        self._pools = world.registry.pools_of(pair)
        self._signer: Signer = world.signer_for(pair)
        self._run = secrets.token_hex(6)
        self._allowed = allow_list_from(world.registry, pair)

    @cached_property
    def _journal(self) -> SqlJournal:
        folder, kind = self._request.journal, _UnhaltedJournal if self._request.despite_halt else SqlJournal
        return kind(self._world.settings.journal_url if folder is None else f"sqlite:///{folder / 'exit-all.db'}")

    def run(self) -> list[_ChainExit]:
        """Leave all chains at once: one that hangs keeps no other waiting."""
        chains = [_ChainExit(chain_id=one) for one in sorted({pool.chain_id for pool in self._pools})]
        wanted = [one for one in chains if not self._request.chains or one.chain_id in self._request.chains]
        _ = self._journal  # opened, and migrated, once
        with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as workers:
            list(workers.map(self._leave_chain, wanted))
        self._journal.close()
        return wanted

    def _leave_chain(self, done: _ChainExit) -> None:
        began = time.monotonic()
        try:
            self._look_and_leave(done)
        except AlmError as error:
            done.errors.append(f"{type(error).__name__}: {error}")
        done.seconds = time.monotonic() - began

    def _look_and_leave(self, done: _ChainExit) -> None:
        chain_id, wallet = done.chain_id, self._signer.address
        native = self._native_usd(chain_id)
        done.found = self._look(chain_id, "look", native)
        done.errors += done.found.problems
        standstill = self._journal.read_halt(chain_id, wallet)
        if standstill is not None and standstill.mode == "halt":
            done.errors.append(
                f"halted by {standstill.set_by}: {standstill.reason}; --despite-halt leaves all the same"
            )
            return
        if not self._request.yes:
            return
        begin_fences_late(self._journal, chain_id, wallet)
        executor = self._executor(capped=native is not None)
        done.left, done.reports = leave(executor, lambda phase: self._look(chain_id, phase, native))
        done.errors += [report.halted for report in done.reports if report.halted]

    def _look(self, chain_id: int, phase: str, native: float | None) -> ChainLook:
        head = self._world.chains[chain_id].read_block().block_at
        return look_at(
            lambda pools: ChainView(
                self._world.chains[chain_id], self._adapters, pools, self._signer.address, self._world.programmes
            ),
            [pool for pool in self._pools if pool.chain_id == chain_id],
            sorted(address for chain, address in self._allowed.spenders if chain == chain_id),
            _UNPRICED_NATIVE_USD if native is None else native,
            f"{self._pair} exit {self._run} {chain_id} {phase}",
            floor_to_epoch(max(head, datetime.now(UTC)) + _EPOCH_LEAD),
        )

    @cached_property
    def _adapters(self) -> Any:
        return adapters(self._world.settings.allowed_hooks, self._journal.read_positions)

    def _executor(self, *, capped: bool) -> PlanExecutor:
        limits = self._world.settings.limits
        return PlanExecutor(
            chains=self._world.chains,
            adapters=self._adapters,
            swaps=NoSwaps(),
            signer=self._signer,
            journal=self._journal,
            limits=limits if capped else replace(limits, max_gas_usd=inf),
            allow_list=self._allowed,
            programmes=self._world.programmes,
        )

    def _native_usd(self, chain_id: int) -> float | None:
        """Price of gas as pools of the chain tell it: no service is asked. ``None`` lifts the cap in USD."""
        chain = self._world.chains[chain_id]
        view = ChainView(chain, self._adapters, self._pools, self._signer.address)
        for pool in [pool for pool in self._pools if pool.chain_id == chain_id]:
            try:
                (state,) = view.read_pools((pool,), view.read_block())
                return native_usd(self._world.registry, state, chain, self._adapters, {})
            except AlmError:
                continue
        return None


def _planned(world: World, look: ChainLook, position: Position) -> tuple[UnsignedTransaction, int | None]:
    """Close of a position as it would be sent now, and its gas where it can be simulated as it stands."""
    state = look.snapshot.pool_state(position.pool_id)
    adapter, limits, owner = world.adapters[state.pool.family], world.settings.limits, look.holdings.wallet
    half_width = limits.price_interval_stable_frac if is_stable(state) else limits.price_interval_frac
    interval = price_interval(state.sqrt_price_x96, half_width)
    deadline_at = state.block.block_at + timedelta(seconds=limits.deadline_s)
    tx = adapter.plan_close(state, position, interval, owner, deadline_at)
    if position.staked_in is not None or adapter.removing_grants(state.pool, owner):
        return tx, None
    return tx, world.chains[state.pool.chain_id].simulate(tx)


def _plain(world: World, pair: str, chains: Sequence[_ChainExit]) -> list[dict[str, Any]]:
    return [
        {
            "chain_id": one.chain_id,
            "state": one.state,
            "positions": [] if one.found is None else [_position(world, one, held) for held in one.found.positions],
            "recovered": _recovered(world, pair, one),
            "allowances": [
                {"token": right.token, "spender": right.spender, "amount": str(right.amount)}
                for look in [one.left or one.found]
                if look is not None
                for right in look.rights
            ],
            "transactions": [
                {"action": tx.action.value, "summary": tx.summary, "state": tx.state.value, "tx_hash": tx.tx_hash}
                for report in one.reports
                for tx in report.transactions
            ],
            "seconds": round(one.seconds, 3),
            "errors": one.errors,
        }
        for one in chains
    ]


def _position(world: World, one: _ChainExit, held: Position) -> dict[str, Any]:
    assert one.found is not None
    plain: dict[str, Any] = {"pool_id": held.pool_id, "token_id": str(held.token_id), "staked_in": held.staked_in}
    plain |= {name: str(getattr(held, name)) for name in ("amount0", "amount1", "fees0", "fees1")}
    if one.left is not None:
        return plain
    try:
        tx, gas = _planned(world, one.found, held)
    except AlmError as error:
        return plain | {"minima": {}, "gas": None, "error": str(error)}
    return plain | {"minima": {bound.token: str(bound.min_delta) for bound in tx.bounds}, "gas": gas}


def _recovered(world: World, pair: str, one: _ChainExit) -> list[dict[str, str]]:
    """What the wallet has more of each token than before."""
    if one.found is None or one.left is None:
        return []
    return [
        {
            "token": token.address,
            "symbol": token.symbol,
            "amount": str(one.left.holdings.balance(token.address) - one.found.holdings.balance(token.address)),
        }
        for token in _tokens(world.registry.pools_of(pair), one)
    ]


def _tokens(pools: Sequence[Pool], one: _ChainExit) -> list[Any]:
    read = {entry.address for look in (one.found, one.left) if look is not None for entry in look.holdings.balances}
    own = {t.address: t for pool in pools if pool.chain_id == one.chain_id for t in (pool.token0, pool.token1)}
    return [own[address] for address in sorted(own) if address in read]


def _print(world: World, found: dict[str, list[_ChainExit]], *, done: bool) -> None:
    console = terminal(stderr=False)
    table = Table("pair", "chain", "state", "positions", "recovered" if done else "to recover", "rights left", "s")
    for pair, chains in found.items():
        for one in chains:
            positions = one.found.positions if one.found else ()
            look = one.left or one.found
            shown = _shown(world, pair, one) if done else _expected(world, pair, one)
            rights = "-" if look is None else str(len(look.rights))
            cells = (pair, str(one.chain_id), one.state, str(len(positions)), shown, rights, f"{one.seconds:.1f}")
            table.add_row(*cells)
    console.print(table)
    for pair, chains in found.items():
        for one in chains:
            for error in one.errors:
                console.print(f"[red]{escape(f'{pair}, chain {one.chain_id}: {error}')}[/]", soft_wrap=True)
    if not done:
        console.print("Nothing was sent. Add --yes to do it.")


def _shown(world: World, pair: str, one: _ChainExit) -> str:
    decimals = {token.address: token.decimals for token in _tokens(world.registry.pools_of(pair), one)}
    entries = _recovered(world, pair, one)
    return ", ".join(f"{Decimal(e['amount']).scaleb(-decimals[e['token']]):f} {e['symbol']}" for e in entries)


def _expected(world: World, pair: str, one: _ChainExit) -> str:
    totals: dict[str, int] = {}
    for held in one.found.positions if one.found else ():
        pool = one.found.snapshot.pool_state(held.pool_id).pool if one.found else None
        assert pool is not None
        totals[pool.token0.address] = totals.get(pool.token0.address, 0) + held.amount0 + held.fees0
        totals[pool.token1.address] = totals.get(pool.token1.address, 0) + held.amount1 + held.fees1
    tokens = {token.address: token for token in _tokens(world.registry.pools_of(pair), one)}
    return ", ".join(
        f"{Decimal(raw).scaleb(-tokens[address].decimals):f} {tokens[address].symbol}"
        for address, raw in sorted(totals.items())
    )
