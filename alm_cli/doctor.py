"""``alm doctor``: look at everything an epoch needs, and say what to do about each thing that is not right."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from rich.progress import Progress, SpinnerColumn, TextColumn

from alm_cli.progress import terminal
from alm_core.model.chain_ports import ChainClient
from alm_core.model.epochs import floor_to_epoch
from alm_core.model.errors import AlmError, BadAnswer, SourceUnavailable
from alm_core.model.pools import Pool
from alm_resources.settings import Settings
from alm_resources.world import World, build_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of one check."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


Check = tuple[str, Callable[[], str], str]


def run_doctor(*, as_json: bool) -> int:
    """Run all checks; exit code 0 only if everything is in order."""
    console = terminal()
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as progress:
        task = progress.add_task("looking", total=None)
        findings: list[Finding] = []
        for name, check, remedy in _checks():
            progress.update(task, description=name)
            findings.append(_finding(name, check, remedy))
    if as_json:
        sys.stdout.write(
            json.dumps({"ok": all(f.ok for f in findings), "checks": [asdict(f) for f in findings]}) + "\n"
        )
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[red]FAIL[/]"
            console.print(f"{mark} {finding.name}: {finding.detail}")
            if not finding.ok:
                console.print(f"     {finding.remedy}")
    return 0 if all(f.ok for f in findings) else 1


def _finding(name: str, check: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=check())
    except (AlmError, OSError, LookupError) as error:
        return Finding(name=name, ok=False, detail=str(error), remedy=remedy)


def _checks() -> Iterator[Check]:
    yield "python", lambda: sys.version.split()[0], ""
    try:
        settings = Settings.from_env(os.environ)
        world = build_world(settings)
    except (AlmError, OSError) as error:
        reason = error
        yield "settings", lambda: _raise(reason), "correct it; the table under Configuration in README.md has them all"
        return
    yield "settings", lambda: f"mode {settings.mode}, home {settings.home}", ""
    if settings.mode == "demo" and settings.registry_overlay is None:
        yield "embedded world", _local_node, "install npm, or let `make env` bring one"
        return
    yield "registry", lambda: _registry(world), "correct the file named above, or unset ALM_REGISTRY"
    if not _readable(world):
        return
    yield "journal", lambda: _journal(world), "start the database or correct ALM_JOURNAL_URL"
    yield "hot state", lambda: _hot_state(world), "start DragonflyDB or correct ALM_HOT_STATE_URL"
    yield from _pair_checks(world)
    yield "geckoterminal", lambda: _gecko(world), "check the network, then services.geckoterminal_url of the registry"
    yield from _chain_checks(world)


def _raise(error: Exception) -> str:
    raise error


def _local_node() -> str:
    from alm_localnet.node import anvil_binary

    return f"anvil at {anvil_binary()}; the embedded world starts with `make demo` or `make dev`"


def _registry(world: World) -> str:
    registry = world.registry
    return f"{len(registry.chains)} chains, version {registry.version[:12]}"


def _readable(world: World) -> bool:
    try:
        return bool(world.registry.chains)
    except AlmError:
        return False


def _journal(world: World) -> str:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        world.journal.read_open_intents(0, "")
    except SQLAlchemyError as error:
        # Its text may hold the address with the password.
        raise SourceUnavailable("journal", type(error).__name__) from None
    return "answers"


def _hot_state(world: World) -> str:
    world.hot_state.ping()
    return "answers"


def _pair_checks(world: World) -> Iterator[Check]:
    for pair_id in world.settings.pairs:
        remedy = f"make a keystore {world.settings.keystore_dir / pair_id}.json, or set ALM_KEYSTORE_DIR"
        yield f"wallet {pair_id}", lambda pair_id=pair_id: world.wallet_of(pair_id), remedy
        yield (
            f"candles {pair_id}",
            lambda pair_id=pair_id: _candles(world, pair_id),
            "check the network; each exchange is named above",
        )


def _candles(world: World, pair_id: str) -> str:
    end_at = floor_to_epoch(datetime.now(UTC))
    fetched = world.candle_feed.fetch_candles(pair_id, end_at - timedelta(minutes=15), end_at)
    problems = "; ".join(f"{p.source}: {p.detail}" for p in fetched.problems)
    return f"{len(fetched.series)} minutes from {', '.join(fetched.sources)}" + (f" ({problems})" if problems else "")


def _gecko(world: World) -> str:
    pools = [pool for pair_id in world.settings.pairs for pool in world.registry.pools_of(pair_id)]
    return f"{len(world.pool_markets.fetch_pools(pools))} of {len(pools)} pools known"


def _chain_checks(world: World) -> Iterator[Check]:
    for chain_id, chain in world.chains.items():
        remedy = f"check the endpoints of chain {chain_id} in the registry, or set others with ALM_REGISTRY"
        yield f"chain {chain_id}", lambda chain=chain: f"block {chain.read_block().number}", remedy
        pools = [p for pair in world.settings.pairs for p in world.registry.pools_of(pair) if p.chain_id == chain_id]
        if pools:
            remedy = "nothing is placed in these pools; take them out of the registry, or look again later"
            yield f"tokens {chain_id}", lambda chain=chain, pools=pools: _tokens(world, chain, pools), remedy


def _tokens(world: World, chain: ChainClient, pools: Sequence[Pool]) -> str:
    from alm_resources.tokens.pools import PoolScreen

    wallets = {pair: world.wallet_of(pair) for pair in world.settings.pairs}
    by_pair = {p.pool_id: wallets[pair] for pair in wallets for p in world.registry.pools_of(pair)}
    block, screen = chain.read_block(), PoolScreen(world.hot_state)
    refused = [one for pool in pools for one in screen.refused(chain, [pool], by_pair[pool.pool_id], block)]
    if refused:
        raise BadAnswer("tokens", "; ".join(f"{one.pool_id}: {one.reason}" for one in refused))
    return f"those of {len(pools)} pools keep their word"
