"""``alm reconcile``: books against chains, and with ``--full`` all that a start looks at; looks only, unless told."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from alm_cli.progress import terminal
from alm_core.execution.books_check import BOOKS_EQUAL_CHAIN
from alm_core.execution.leaving import ChainLook, look_at, take_back_rights
from alm_core.execution.reconcile import reconcile
from alm_core.execution.saga import PlanExecutor
from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import AlmError, ConfigError
from alm_core.model.startup import ChainVerdict, StartupState, state_of
from alm_resources.settings import Settings
from alm_resources.startup.code import is_contract
from alm_resources.startup.reconciliation import Reconciler, proposals
from alm_resources.world import build_world

if TYPE_CHECKING:
    from alm_resources.world import World

_EPOCH_LEAD = timedelta(minutes=1)
_UNPRICED_NATIVE_USD = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line."""

    pairs: tuple[str, ...] = ()
    full: bool = False
    repair: bool = False
    adopt: bool = False
    accept_code: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _PairVerdict:
    pair: str
    wallet: str
    verdicts: tuple[ChainVerdict, ...]
    done: tuple[str, ...] = ()

    @property
    def state(self) -> StartupState:
        return state_of(self.verdicts)

    def plain(self) -> dict[str, Any]:
        chains = [verdict.plain() for verdict in self.verdicts]
        plain = {"pair": self.pair, "wallet": self.wallet, "state": self.state.value, "chains": chains}
        return plain | {"done": [*self.done]}


def run_reconcile(request: Request) -> int:
    """Look at every pair; exit code 0 only if all is green.

    Raises
    ------
    ConfigError
        If something is to be done in a mode that never signs.
    """
    settings = Settings.from_env(os.environ)
    if (request.repair or request.adopt) and not settings.signs:
        raise ConfigError(f"ALM_MODE={settings.mode} never signs; nothing can be repaired")
    world = build_world(settings)
    found = [_pair(world, pair, request) for pair in request.pairs or settings.pairs]
    if request.as_json:
        state = state_of(tuple(verdict for one in found for verdict in one.verdicts))
        sys.stdout.write(json.dumps({"state": state.value, "pairs": [one.plain() for one in found]}) + "\n")
    else:
        _print(found)
    return 0 if all(one.state is StartupState.GREEN for one in found) else 1


def _pair(world: "World", pair: str, request: Request) -> _PairVerdict:
    reconciler = world.reconciler_for(pair, full=request.full or request.accept_code)
    done: list[str] = []
    if request.accept_code:
        done += _accept_code(world, reconciler)
    if request.adopt:
        done += _adopt(world, reconciler)
    if request.repair:
        done += _repair(world, reconciler)
    return _PairVerdict(pair=pair, wallet=reconciler.wallet, verdicts=reconciler.look(), done=tuple(done))


def _accept_code(world: "World", reconciler: Reconciler) -> list[str]:
    """Take the code of all watched contracts as it is now for right; a person has looked at what changed."""
    done: list[str] = []
    checks = world.startup_checks(reconciler.pair)
    for chain_id in checks.chain_ids:
        seen = checks.of_chain(chain_id)
        done += [f"accepted: {one.text}" for one in seen.found if one.control == "code_hash"]
        world.startup_memory.add_pins([code for code in seen.codes if is_contract(code)], replace=True)
        world.journal.lift_halt(chain_id, reconciler.wallet, set_by="code_hash")
    return done


def _adopt(world: "World", reconciler: Reconciler) -> list[str]:
    """Take the chain's word for balances, positions and nonce; a person has looked at the differences."""
    done: list[str] = []
    for chain_id in sorted({pool.chain_id for pool in world.registry.pools_of(reconciler.pair)}):
        try:
            world.journal.take_lead(chain_id, reconciler.wallet)
            view = reconciler.view(chain_id)
            report = reconcile(view, world.journal, reconciler.standing(view), books="corrected")
        except AlmError as error:
            done.append(f"chain {chain_id}: {type(error).__name__}: {error}")
            continue
        done += [f"chain {chain_id}: {text}" for text in (*report.adopted, *report.differences)]
        if report.green:
            for control in ("journal_lost", BOOKS_EQUAL_CHAIN):
                world.journal.lift_halt(chain_id, reconciler.wallet, set_by=control)
    return done


def _repair(world: "World", reconciler: Reconciler) -> list[str]:
    """Bring to its end what is in flight, book what the chain explains, and take back rights; as an executor does."""
    executor = world.executor_for(reconciler.pair)
    if not isinstance(executor, PlanExecutor):
        raise ConfigError(f"ALM_MODE={world.settings.mode} never signs; nothing can be repaired")
    done, looks, name = list[str](), list[ChainLook](), f"{reconciler.pair} repair {token_hex(6)}"
    for chain_id in sorted({pool.chain_id for pool in world.registry.pools_of(reconciler.pair)}):
        try:
            looks.append(_look(world, reconciler, chain_id, name))
        except AlmError as error:
            done.append(f"chain {chain_id}: {type(error).__name__}: {error}")
    if looks:
        report = take_back_rights(executor, looks, reconciler.pair)
        done += [f"chain {tx.chain_id}: {tx.state.value} {tx.summary}" for tx in report.transactions]
        done += [f"transfer to chain {one.to_chain}: {one.state.value} {one.detail}" for one in report.transfers]
        done += [report.halted] if report.halted else []
    return done


def _look(world: "World", reconciler: Reconciler, chain_id: int, name: str) -> ChainLook:
    chain = world.chains[chain_id]
    own = [pool for pool in world.registry.pools_of(reconciler.pair) if pool.chain_id == chain_id]
    spenders = sorted(at for chain, at in reconciler.allow_list.spenders if chain == chain_id)
    return look_at(
        lambda _: reconciler.view(chain_id),
        own,
        spenders,
        _UNPRICED_NATIVE_USD,
        name,
        floor_to_epoch(max(chain.read_block().block_at, datetime.now(UTC)) + _EPOCH_LEAD),
    )


def _print(found: Sequence[_PairVerdict]) -> None:
    console = terminal(stderr=False)
    table = Table("pair", "chain", "state", "block", "rights left", "transfers", "sent 24 h")
    for one in found:
        for verdict in one.verdicts:
            state = "[green]green[/]" if verdict.green else "[red]not green[/]"
            counts = (verdict.block_number, len(verdict.allowances), len(verdict.transfers), verdict.transactions_24h)
            table.add_row(one.pair, str(verdict.chain_id), state, *map(str, counts))
    console.print(table)
    for one in found:
        for text in one.done:
            console.print(escape(f"{one.pair}: {text}"), soft_wrap=True)
        for verdict in one.verdicts:
            where = f"{one.pair}, chain {verdict.chain_id}"
            for text in verdict.differences:
                console.print(f"[red]{escape(f'{where}: {text}')}[/]", soft_wrap=True)
            for text in (*verdict.warnings, *proposals(verdict.allowances)):
                console.print(f"[yellow]{escape(f'{where}: {text}')}[/]", soft_wrap=True)
            for text in verdict.adopted:
                console.print(escape(f"{where}: would adopt {text}"), soft_wrap=True)
        console.print(f"{one.pair}: {one.state.value}")
