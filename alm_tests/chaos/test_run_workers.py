"""Dagster run workers that are stopped, terminated and killed in the middle of an epoch, while others start."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alm_core.accounting.ledger import NATIVE
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import Action, IntentState
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.pairs import WETH_USDC
from alm_localnet.worlds import uniswap_v3_alone
from alm_resources.settings import Settings
from alm_resources.world import World

PAIR, CHAIN = "WETH-USDC", 8453
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
WORKER = """
import json, os, signal, sys, time
from datetime import datetime
from pathlib import Path
from alm_assets.runner import run_epoch
from alm_cli.home import open_instance
from alm_resources.chains.web3_chain import Web3Chain

home, epoch_at, sends, how = sys.argv[1:]
send, left = Web3Chain.send_raw, [int(sends)]

def send_and(self, *what, **named):
    send(self, *what, **named)
    left[0] -= 1
    if left[0] == 0 and how == "stall":
        print("stalled", flush=True)
        time.sleep(3600)
    elif left[0] == 0:
        os.kill(os.getpid(), getattr(signal, how))

Web3Chain.send_raw = send_and
with open_instance(Path(home)) as instance:
    run = run_epoch(instance, "WETH-USDC", datetime.fromisoformat(epoch_at))
    print(json.dumps([run.success, str(run.report)]))
"""


class Workers:
    """A world in which one epoch waits to be run."""

    def __init__(self, localnet: Localnet, home: Path) -> None:
        self.localnet = localnet
        self.home = home
        self.env = {**os.environ, **localnet.env(), "ALM_HOME": str(home), "DAGSTER_HOME": str(home)}
        self.started: list[subprocess.Popen[str]] = []
        self.world = World(Settings.from_env(self.env))

    def start(self, sends: int = 0, how: str = "SIGKILL") -> subprocess.Popen[str]:
        """A process that runs the epoch, and stalls or gets a signal right after so many sends."""
        command = [sys.executable, "-c", WORKER, str(self.home), self.localnet.now.isoformat(), str(sends), how]
        started = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(started)
        return started

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()

    def run(self) -> str:
        """Run the epoch to its end; what the report says."""
        out, err = self.start().communicate(timeout=120)
        assert out.strip(), err[-2000:]
        return str(json.loads(out.splitlines()[-1])[1])

    def signed(self) -> int:
        with self.world.journal.reading() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar())


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    config = uniswap_v3_alone(LocalnetConfig(start_at=START_AT, chains=(CHAIN,), pairs=(WETH_USDC,)))
    home = tmp_path / "home"
    home.mkdir()
    with Localnet(tmp_path / "world", config) as localnet, pytest.MonkeyPatch.context() as patch:
        for name in ("ALM_CONFIG", "ALM_ALERT_URLS", "ALM_JOURNAL_URL", "ALM_HISTORY_DIR", "ALM_HOT_STATE_URL"):
            patch.delenv(name, raising=False)
        localnet.advance_to(localnet.now + timedelta(minutes=15))
        workers = Workers(localnet, home)
        yield workers
        workers.close()


@pytest.mark.chain
def test_workers_terminated_orphaned_and_killed_have_one_effect_together(workers: Workers) -> None:
    # Terminated in the middle of its plan: what is out is out, and no signature follows.
    terminated = workers.start(sends=2, how="SIGTERM")
    terminated.communicate(timeout=120)
    assert workers.signed() == 2
    # Dagster takes that run for lost. Of the next one's worker it hears nothing more, though it lives.
    orphan = workers.start(sends=2, how="stall")
    assert orphan.stdout is not None
    assert orphan.stdout.readline() == "stalled\n"
    signed = workers.signed()
    world, now = workers.world, workers.localnet.now
    plan = world.history.read_epoch("allocations", AllocationPlan, PAIR, now)
    snapshot = world.history.read_epoch("pool_snapshots", MarketSnapshot, PAIR, now)
    assert "is led by" in str(world.executor_for(PAIR).execute(plan, snapshot).halted)
    assert workers.signed() == signed, "who does not lead signs nothing"
    orphan.kill()
    orphan.communicate()
    began = time.monotonic()
    workers.run()
    print(f"process start to the end of the epoch: {time.monotonic() - began:.1f} s")
    _check(workers)


def _check(workers: Workers) -> None:
    """Every step of the epoch once, every nonce once, books as the chain has them."""
    world, now = workers.world, workers.localnet.now
    wallet = world.wallet_of(PAIR)
    snapshot = world.snapshots.read_snapshot(Epoch(pair=PAIR, epoch_at=now), wallet)
    (holdings,) = snapshot.holdings
    intents = world.journal.read_epoch_intents(Epoch(pair=PAIR, epoch_at=now).epoch_id)
    done = [intent for intent in intents if intent.state is IntentState.FINAL_OK]
    assert sorted(intent.nonce for intent in intents if intent.nonce is not None) == list(range(len(done)))
    assert world.chains[CHAIN].read_nonce(wallet) == len(done)
    opened = [intent for intent in done if intent.tx.action is Action.OPEN]
    assert len(holdings.positions) == len(opened) > 0
    balances = {entry.address.lower(): entry.amount for entry in holdings.balances}
    assert world.journal.read_ledger_sums(CHAIN, wallet) == {NATIVE: holdings.native_wei, **balances}
