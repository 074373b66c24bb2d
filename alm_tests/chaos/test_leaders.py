"""Two executors with one key: one leads, the other keeps off; whoever was paused past its lease cannot act any more."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_localnet import Localnet
from alm_resources.dragonfly import HotState, WalletLeases
from alm_tests.chaos.boundaries import Boundaries
from alm_tests.chaos.killing import forked, stop_myself, wait_for_end, wait_until_stopped
from alm_tests.chaos.redis_server import RedisServer, redis_server
from alm_tests.chaos.rounds import Rounds
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import OPEN

pytestmark = pytest.mark.chain


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def rounds(localnet: Localnet, tmp_path: Path) -> Rounds:
    return Rounds(localnet, tmp_path, Tally("leaders"), seed=1)


class Leaders:
    """Processes that want to carry out one plan."""

    def __init__(self, rounds: Rounds, server: RedisServer, folder: Path) -> None:
        self._rounds = rounds
        self._server = server
        self._folder = folder
        rounds.localnet.advance_to(rounds.localnet.now + timedelta(minutes=15))
        scene = rounds.scene()
        self.wallet = scene.wallet
        self.snapshot: MarketSnapshot = scene.snapshot(rounds.localnet.now)
        self.plan: AllocationPlan = scene.plan(self.snapshot)
        scene.close()

    def start(self, name: str, passed: Callable[[str], None] = lambda boundary: None) -> int:
        """A process that carries the plan out, and says what came of it."""

        def work() -> None:
            scene = self._rounds.scene()
            leases = WalletLeases(self._hot_state())
            executor = scene.executor(Boundaries(scene.journal, passed).around, leases)
            report = executor.execute(self.plan, self.snapshot)
            leases.close()
            (self._folder / name).write_text(json.dumps([leases.holder, report.halted]))

        return forked(work)

    def said(self, name: str) -> tuple[str, str]:
        """Holder and halt of a process that has ended."""
        holder, halted = json.loads((self._folder / name).read_text())
        return holder, str(halted)

    def signed(self) -> int:
        """Signatures in the journal."""
        scene = self._rounds.scene()
        with scene.journal.reading() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM attempts").scalar()
        scene.close()
        return int(count or 0)

    def nonce(self) -> int:
        rpc = self._rounds.localnet.rpc(8453)
        return int(rpc.call("eth_getTransactionCount", self.wallet, "pending"), 16)

    def let_the_lease_end(self) -> None:
        """Thirty seconds pass for a process that stands still and cannot renew."""
        (key,) = self._server.client.keys("alm:lease:*")
        self._server.client.pexpire(key, 1)
        while self._server.client.exists(key):
            os.sched_yield()

    def _hot_state(self) -> HotState:
        return HotState(f"redis://127.0.0.1:{self._server.port}", timeout_s=1.0)


@pytest.mark.parametrize(
    "boundary", ["before reserve_nonce", "after sign", "before send_raw", "after send_raw", "before settle.FINAL_OK"]
)
def test_a_leader_paused_past_its_lease_cannot_act_when_it_goes_on(
    rounds: Rounds, server: RedisServer, tmp_path: Path, boundary: str
) -> None:
    leaders, waiting = Leaders(rounds, server, tmp_path), ["/approve/", "/open/"]

    def pause(passed: str) -> None:
        # In the middle of the plan: once something was approved, at the first mint.
        if waiting and waiting[0] in passed and passed.endswith(boundary):
            waiting.pop(0)
            if not waiting:
                stop_myself()

    old = leaders.start("old", pause)
    wait_until_stopped(old)
    leaders.let_the_lease_end()
    wait_for_end(leaders.start("new"))
    assert leaders.said("new")[1] == "None"
    signed, nonce = leaders.signed(), leaders.nonce()
    os.kill(old, signal.SIGCONT)
    wait_for_end(old)
    # By the fence, or where both signed the same bytes by the journal, which has them already.
    assert re.search("lead|already an attempt", leaders.said("old")[1])
    assert (leaders.signed(), leaders.nonce()) == (signed, nonce), "the paused one did something"
    rounds.check(OPEN, leaders.snapshot, leaders.plan, "None")


def test_a_second_executor_is_refused_by_name_while_the_first_lives(
    rounds: Rounds, server: RedisServer, tmp_path: Path
) -> None:
    leaders = Leaders(rounds, server, tmp_path)

    def start_another(passed: str) -> None:
        if passed.endswith("after send_raw") and not (tmp_path / "second").exists():
            wait_for_end(leaders.start("second"))

    wait_for_end(leaders.start("first", start_another))
    holder, halted = leaders.said("first")
    assert halted == "None"
    assert f"is led by {holder}" in leaders.said("second")[1]
    assert server.client.keys("alm:lease:*") == [], "given back in the end"
    rounds.check(OPEN, leaders.snapshot, leaders.plan, "None")


def test_a_lease_that_is_taken_away_from_a_living_leader_ends_its_work(
    rounds: Rounds, server: RedisServer, tmp_path: Path
) -> None:
    leaders = Leaders(rounds, server, tmp_path)

    def lose_the_lease(passed: str) -> None:
        if passed.endswith("after send_raw") and not (tmp_path / "second").exists():
            server.client.delete(*server.client.keys("alm:lease:*"))
            wait_for_end(leaders.start("second"))

    wait_for_end(leaders.start("first", lose_the_lease))
    assert "lead" in leaders.said("first")[1]
    assert leaders.said("second")[1] == "None"
    rounds.check(OPEN, leaders.snapshot, leaders.plan, "None")
