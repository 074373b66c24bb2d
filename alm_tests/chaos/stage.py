"""A world on which epochs of one pair, run by Dagster, follow each other while its sources go wrong."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from alm_assets.resources import world_from_env
from alm_assets.runner import EpochRun, run_epoch
from alm_cli.home import open_instance
from alm_cli.verdict import verdict_of
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.transactions import Intent
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.pairs import WETH_USDC
from alm_localnet.servers.faults import Fault
from alm_localnet.worlds import uniswap_v3_alone
from alm_resources.candles import CcxtCandleFeed
from alm_resources.world import World

PAIR = "WETH-USDC"
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
ETHEREUM, BASE = 1, 8453
UNTIL_CLEARED = 1_000_000


def fault(kind: str, **how: object) -> Fault:
    """A fault that stays until it is cleared."""
    return Fault(kind=kind, times=UNTIL_CLEARED, **how)


@dataclass
class Stage:
    """A localnet, an instance and a home on which epochs of one pair follow each other."""

    localnet: Localnet
    instance: dg.DagsterInstance
    home: Path
    first: EpochRun | None = None

    def next_epoch(self) -> EpochRun:
        """Play a quarter hour and run the epoch at its end."""
        self.play_quarter_hour()
        return self.run_epoch()

    def play_quarter_hour(self) -> None:
        self.localnet.advance_to(self.localnet.now + EPOCH_LENGTH)

    def run_epoch(self) -> EpochRun:
        return run_epoch(self.instance, PAIR, self.localnet.now)

    def holdings(self, world: World) -> tuple[Holdings, ...]:
        """What the wallet owns on each chain at its last block; a transaction would have made a new block."""
        epoch = Epoch(pair=PAIR, epoch_at=self.localnet.now)
        snapshot = world.snapshots.read_snapshot(epoch, world.wallet_of(PAIR))
        assert snapshot.problems == ()
        return snapshot.holdings

    def nonces(self, world: World) -> list[str]:
        """Nonce of the wallet on every chain, pending transactions included."""
        wallet = world.wallet_of(PAIR)
        return [chain.rpc.call("eth_getTransactionCount", wallet, "pending") for chain in self.localnet.chains]

    def intents(self, world: World, run: EpochRun) -> list[Intent]:
        return list(world.journal.read_epoch_intents(run.epoch.epoch_id))

    def alerts(self, run: EpochRun) -> list[str]:
        """Texts of the alerts about an epoch."""
        file = self.home / "alerts.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [f"{line['title']}\n{line['body']}" for line in lines if run.epoch.epoch_id in line["title"]]

    def snapshot(self, world: World, run: EpochRun) -> MarketSnapshot:
        """The snapshot stored for an epoch."""
        return world.history.read_epoch("pool_snapshots", MarketSnapshot, PAIR, run.epoch.epoch_at)

    def plan(self, world: World, run: EpochRun) -> AllocationPlan:
        """The plan stored for an epoch."""
        return world.history.read_epoch("allocations", AllocationPlan, PAIR, run.epoch.epoch_at)


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """Place capital in a first epoch, during which GeckoTerminal knows no fee of any pool."""
    home = folder / "home"
    home.mkdir()
    config = uniswap_v3_alone(LocalnetConfig(start_at=START_AT, chains=(ETHEREUM, BASE), pairs=(WETH_USDC,)))
    with Localnet(folder / "two-chains", config) as localnet, pytest.MonkeyPatch.context() as patch:
        for name in ("ALM_CONFIG", "ALM_ALERT_URLS", "ALM_JOURNAL_URL", "ALM_HISTORY_DIR", "ALM_HOT_STATE_URL"):
            patch.delenv(name, raising=False)
        for name, value in {**localnet.env(), "ALM_HOME": str(home)}.items():
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(home))
        # How often Dagster asks again is its own matter; how long it waits in between would be paid by every case.
        patch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)
        with open_instance(home) as instance:
            stage = Stage(localnet, instance, home)
            localnet.faults.geckoterminal = fault("null_fee")
            stage.first = stage.next_epoch()
            localnet.faults.clear()
            yield stage


@contextmanager
def hasty_world(stage: Stage) -> Iterator[World]:
    """The world of the stage, its exchanges asked with short timeouts; no fault outlives it."""
    world = world_from_env()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(world), "candle_feed", CcxtCandleFeed(world.registry, timeout_s=1.0, attempts=2))
        yield world
    stage.localnet.faults.clear()


def assert_next_epoch_is_normal(stage: Stage, world: World) -> None:
    """The epoch after the fault has every minute as traded, sees no problem, and books equal the chains."""
    run = stage.next_epoch()
    assert run.success
    assert run.report.problems == ()
    assert run.report.reconciled is True
    assert run.report.nav_usd == pytest.approx(30_000, rel=0.2)
    assert stage.alerts(run) == []
    assert verdict_of(world, [run.report]).reconciled
    assert_every_minute_was_traded(stage, world)


def assert_every_minute_was_traded(stage: Stage, world: World) -> None:
    """History has all of the last hour, and none of it made up."""
    end_at = stage.localnet.now
    candles = world.history.read_candles(PAIR, end_at - timedelta(hours=1), end_at)
    assert len(candles) == 60
    assert not candles.filled.any()


def registry_with_base_at(url: str, localnet: Localnet, folder: Path) -> Path:
    """Registry of a localnet whose Base has its only node elsewhere."""
    text = localnet.registry_file.read_text()
    own = localnet.rpc(BASE).url
    assert text.count(own) == 1
    registry = folder / "registry.toml"
    registry.write_text(text.replace(own, url))
    return registry
