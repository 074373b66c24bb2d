import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alm_resources.dragonfly import HotState, WalletLeases
from alm_resources.dragonfly.leases import is_dead, own_holder
from alm_tests.chaos.killing import forked
from alm_tests.chaos.redis_server import RedisServer, Way, redis_server

WALLET = "0x" + "Ab" * 20
NAME = f"wallet:8453:{WALLET.lower()}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def way(server: RedisServer) -> Iterator[tuple[Way, str]]:
    server.client.flushall()
    way = Way(server.port)
    with way.served() as url:
        yield way, url


@pytest.fixture
def lead(way: tuple[Way, str]) -> Iterator[Callable[..., WalletLeases]]:
    """Makes leases, each over a connection of its own."""
    opened: list[tuple[WalletLeases, HotState]] = []

    def made(**how: object) -> WalletLeases:
        hot_state = HotState(way[1], timeout_s=0.5)
        opened.append((WalletLeases(hot_state, **how), hot_state))
        return opened[-1][0]

    yield made
    way[0].mode, way[0].delay_s = "pass", 0.0
    for leases, hot_state in opened:
        leases.close()
        hot_state.close()


def reason(leases: WalletLeases, chain_id: int = 8453) -> str:
    return str(leases.refusal(chain_id, WALLET))


def until(true: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        os.sched_yield()
    return true()


@pytest.mark.control("lead", "fires")
def test_one_leads_and_another_is_told_who(lead: Callable[..., WalletLeases]) -> None:
    first, second = lead(), lead()
    assert first.refusal(8453, WALLET) is None
    assert first.refusal(8453, WALLET.lower()) is None
    assert first.holder in reason(second)
    assert second.refusal(1, WALLET) is None


@pytest.mark.control("lead", "passes")
def test_a_lead_given_back_is_free_at_once_and_cannot_be_asked_for_again(lead: Callable[..., WalletLeases]) -> None:
    first, second = lead(), lead()
    assert first.refusal(8453, WALLET) is None
    first.close()
    first.close()
    assert second.refusal(8453, WALLET) is None
    assert "over" in reason(first)


def test_a_lease_lives_thirty_seconds_and_each_question_prolongs_it(
    server: RedisServer, lead: Callable[..., WalletLeases]
) -> None:
    leases = lead()
    assert leases.refusal(8453, WALLET) is None
    assert 29_000 < server.client.pttl(f"alm:lease:{NAME}") <= 30_000
    server.client.pexpire(f"alm:lease:{NAME}", 900)
    assert leases.refusal(8453, WALLET) is None
    assert 29_000 < server.client.pttl(f"alm:lease:{NAME}") <= 30_000


def test_a_held_lease_is_prolonged_between_questions(server: RedisServer, lead: Callable[..., WalletLeases]) -> None:
    leases = lead(renew_s=0.02)
    assert leases.refusal(8453, WALLET) is None
    server.client.pexpire(f"alm:lease:{NAME}", 900)
    assert until(lambda: server.client.pttl(f"alm:lease:{NAME}") > 29_000)


def test_what_was_lost_is_not_taken_again_by_the_same_executor(
    server: RedisServer, lead: Callable[..., WalletLeases]
) -> None:
    first, second = lead(), lead()
    assert first.refusal(8453, WALLET) is None
    server.client.flushall()
    assert "was lost" in reason(first)
    assert "was lost" in reason(first)
    assert second.refusal(8453, WALLET) is None
    assert "was lost" in reason(first)


def test_the_thread_notices_a_loss_and_the_next_question_is_refused(
    server: RedisServer, lead: Callable[..., WalletLeases]
) -> None:
    leases = lead(renew_s=0.02)
    assert leases.refusal(8453, WALLET) is None
    server.client.flushall()
    assert until(lambda: not leases._held)
    assert "was lost" in reason(leases)
    assert server.client.keys() == []


def test_an_expired_lease_is_taken_over_and_its_holder_is_refused(lead: Callable[..., WalletLeases]) -> None:
    first, second = lead(ttl_s=0.05), lead()
    assert first.refusal(8453, WALLET) is None
    assert until(lambda: second.refusal(8453, WALLET) is None)
    assert "was lost" in reason(first)


@pytest.mark.parametrize("mode", ["drop", "lose"])
def test_no_answer_is_a_refusal_with_a_reason(
    way: tuple[Way, str], lead: Callable[..., WalletLeases], mode: str
) -> None:
    first, second = lead(), lead()
    assert first.refusal(8453, WALLET) is None
    way[0].mode = mode
    assert "is not known: hot state" in reason(first)
    assert "is not known: hot state" in reason(second, 1)
    way[0].mode = "pass"
    assert first.refusal(8453, WALLET) is None


def test_a_lead_whose_answer_was_lost_is_found_to_be_ours(
    server: RedisServer, way: tuple[Way, str], lead: Callable[..., WalletLeases]
) -> None:
    leases, other = lead(), lead()
    way[0].mode, way[0].word = "lose", b"INCR"
    assert "is not known" in reason(leases)
    way[0].mode = "pass"
    assert leases.holder in reason(other)
    assert leases.refusal(8453, WALLET) is None
    assert server.client.get(f"alm:fence:{NAME}") == "1", "the command was sent once"


def test_an_answer_that_took_most_of_the_life_of_the_lease_is_not_believed(lead: Callable[..., WalletLeases]) -> None:
    moments = [0.0, 0.81, 10.0, 10.79]
    leases = lead(ttl_s=1.0, clock=lambda: moments.pop(0))
    assert "took 0.8 s" in reason(leases)
    assert leases.refusal(8453, WALLET) is None


def test_a_password_that_is_not_known_and_a_full_memory_are_refusals(
    server: RedisServer, way: tuple[Way, str], lead: Callable[..., WalletLeases]
) -> None:
    holder, late, stranger = lead(), lead(), lead()
    assert holder.refusal(8453, WALLET) is None
    server.client.config_set("maxmemory", "1")
    assert "OOM" in reason(late, 1)
    assert holder.refusal(8453, WALLET) is None, "what is held needs no memory"
    server.client.config_set("maxmemory", "0")
    server.client.config_set("requirepass", "secret")
    try:
        assert "NOAUTH" in reason(stranger) or "Authentication" in reason(stranger)
    finally:
        server.client.execute_command("AUTH", "secret")
        server.client.config_set("requirepass", "")


def test_giving_back_never_raises(way: tuple[Way, str], lead: Callable[..., WalletLeases]) -> None:
    leases = lead()
    assert leases.refusal(8453, WALLET) is None
    way[0].mode = "drop"
    leases.close()


def test_a_key_that_holds_something_else_is_a_refusal(server: RedisServer, lead: Callable[..., WalletLeases]) -> None:
    server.client.set(f"alm:lease:{NAME}", "what is this")
    assert "no holder and fence" in reason(lead())


def test_the_lead_of_a_process_of_this_machine_that_is_dead_is_taken_at_once(
    way: tuple[Way, str], lead: Callable[..., WalletLeases]
) -> None:
    code = (
        "import os\nfrom alm_resources.dragonfly import HotState, WalletLeases\n"
        f"leases = WalletLeases(HotState({way[1]!r}))\nassert leases.refusal(8453, {WALLET!r}) is None\n"
        "print(leases.holder, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True)
    assert is_dead(run.stdout.strip())
    assert lead().refusal(8453, WALLET) is None


def test_a_holder_that_lives_or_is_elsewhere_or_unknown_is_not_dead() -> None:
    own = own_holder()
    machine, process, number = own.rsplit(":", 2)
    assert int(process) == os.getpid()
    assert not is_dead(own)
    assert not is_dead(f"elsewhere:{2**22 + 1}:{number}")
    assert is_dead(f"{machine}:{2**22 + 1}:{number}"), "no process has such a number"
    assert not is_dead("a")
    assert not is_dead(f"{machine}:x:{number}")


def test_a_process_of_another_user_is_not_dead_because_it_may_not_be_signalled() -> None:
    machine = own_holder().rsplit(":", 2)[0]

    def work() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)
        assert not is_dead(f"{machine}:1:x")

    _, status = os.waitpid(forked(work), 0)
    assert status == 0


def test_a_forked_child_does_not_lead_what_its_parent_leads(lead: Callable[..., WalletLeases], tmp_path: Path) -> None:
    leases = lead()
    assert leases.refusal(8453, WALLET) is None
    child = os.fork()
    if child == 0:
        (tmp_path / "said").write_text(reason(leases))
        leases.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert "another one" in (tmp_path / "said").read_text()
    assert leases.refusal(8453, WALLET) is None
