"""The hot state goes wrong under a plan: what is in flight comes to its end, nothing new begins, nothing doubles."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import ExecutionReport, IntentState
from alm_localnet import Localnet
from alm_resources.dragonfly import HotState, WalletLeases
from alm_tests.chaos.redis_server import RedisServer, Way, redis_server
from alm_tests.chaos.rounds import Rounds
from alm_tests.chaos.tally import Tally
from alm_tests.chaos.ways import OPEN
from alm_tests.core.execution.fakes import Crash

pytestmark = pytest.mark.chain
CHAIN = 8453
TTL_S = 2.0
"""A lease that could not be given back is in the way so long."""


@dataclass
class Hot:
    """A plan, an executor's way to the server of leases, and what can go wrong there."""

    rounds: Rounds
    server: RedisServer
    replica: RedisServer
    way: Way
    url: str
    snapshot: MarketSnapshot
    plan: AllocationPlan

    def execute(self, at_first_send: Callable[[], None] | None = None) -> ExecutionReport:
        """One process's execution; something happens as its first bytes leave."""
        scene = self.rounds.scene()
        hot_state = HotState(self.url, timeout_s=0.4)
        leases = WalletLeases(hot_state, ttl_s=TTL_S)
        executor = scene.executor(leadership=leases)
        if at_first_send:
            executor._chains = {CHAIN: AtFirstSend(scene.chains[CHAIN], at_first_send)}
        try:
            return executor.execute(self.plan, self.snapshot)
        finally:
            leases.close()
            hot_state.close()
            scene.close()

    def finished(self) -> bool:
        """Carry the plan on with the server in order again, and check everything."""
        self.way.mode = "pass"
        deadline = time.monotonic() + 10
        while self.server.client.keys("alm:lease:*"):
            assert time.monotonic() < deadline
            os.sched_yield()
        report = self.execute()
        assert report.halted is None, report.halted
        self.rounds.check(OPEN, self.snapshot, self.plan, "None")
        return True


class AtFirstSend:
    """A chain client; something happens right after the first bytes have left."""

    def __init__(self, chain: object, happens: Callable[[], None]) -> None:
        self._chain = chain
        self._happens = [happens]

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)

    def send_raw(self, *what: object, **how: object) -> None:
        self._chain.send_raw(*what, **how)
        if self._happens:
            self._happens.pop()()


@pytest.fixture
def hot(localnet: Localnet, tmp_path: Path) -> Iterator[Hot]:
    rounds = Rounds(localnet, tmp_path, Tally("redis"), seed=1)
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    scene = rounds.scene()
    snapshot = scene.snapshot(localnet.now)
    plan = scene.plan(snapshot)
    scene.close()
    with redis_server(tmp_path / "first") as server, redis_server(tmp_path / "second") as replica:
        way = Way(server.port)
        with way.served() as url:
            yield Hot(rounds, server, replica, way, url, snapshot, plan)


def restart(hot: Hot) -> None:
    hot.server.kill()
    hot.server.start()


def fill_memory(hot: Hot) -> None:
    hot.server.client.config_set("maxmemory", "1")
    hot.server.client.delete(*hot.server.client.keys("alm:lease:*"))


FAULTS: dict[str, Callable[[Hot], None]] = {
    "killed": lambda hot: hot.server.kill(),
    "restarted empty": restart,
    "emptied": lambda hot: hot.server.client.flushall(),
    "partitioned": lambda hot: setattr(hot.way, "mode", "drop"),
    "replies lost": lambda hot: setattr(hot.way, "mode", "lose"),
    "failed over to a replica that lags": lambda hot: hot.way.fail_over_to(hot.replica.port),
    "out of memory": fill_memory,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_in_flight_ends_and_nothing_new_begins(hot: Hot, fault: str) -> None:
    report = hot.execute(lambda: FAULTS[fault](hot))
    assert [tx.state for tx in report.transactions if tx.tx_hash] == [IntentState.FINAL_OK], "what was out is settled"
    assert "lead" in str(report.halted)
    if fault == "killed":
        assert "hot state" in str(hot.execute().halted), "and stays so as long as it is down"
        hot.server.start()
    hot.server.client.config_set("maxmemory", "0")
    assert hot.finished()


@pytest.mark.parametrize("fault", ["killed", "partitioned", "out of memory"])
def test_nothing_begins_without_it_and_what_a_killed_process_left_in_flight_is_settled(hot: Hot, fault: str) -> None:
    def crash() -> None:
        raise Crash

    with pytest.raises(Crash):
        hot.execute(crash)
    hot.server.client.flushall()
    FAULTS[fault](hot) if fault != "out of memory" else hot.server.client.config_set("maxmemory", "1")
    report = hot.execute()
    assert "is not known: hot state" in str(report.halted)
    assert [tx.state for tx in report.transactions if tx.tx_hash] == [IntentState.FINAL_OK]
    if fault == "killed":
        hot.server.start()
    hot.server.client.config_set("maxmemory", "0")
    assert hot.finished()


def test_slow_answers_slow_a_plan_down_and_nothing_else(hot: Hot) -> None:
    hot.way.delay_s = 0.1
    assert hot.finished()


def test_lost_answers_leave_the_fence_of_the_journal_as_it_was(hot: Hot) -> None:
    """Each question is sent once: the number of holders in the server is that of questions, not a multiple of it."""
    hot.way.mode, hot.way.word = "lose", b"INCR"
    for _ in range(5):
        assert "is not known" in str(hot.execute().halted)
    (fence,) = hot.server.client.mget(hot.server.client.keys("alm:fence:*"))
    assert int(fence) <= 5
    hot.server.client.delete(*hot.server.client.keys("alm:lease:*"))
    scene = hot.rounds.scene()
    assert scene.journal.take_lead(CHAIN, scene.wallet) == 1, "no fence was used up"
    scene.close()
    assert hot.finished()
