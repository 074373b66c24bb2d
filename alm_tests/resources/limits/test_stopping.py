"""Two processes that race for the last of a cap, and how fast a halt stops one that signs without end."""

import json
import multiprocessing
import os
import subprocess
import sys
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from alm_core.execution.spending import COUNTED
from alm_core.model.books import ANY_CHAIN, ANY_WALLET
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.guarded import AT
from alm_tests.resources.limits.racing import race, sign_without_end

FORK = multiprocessing.get_context("fork")
ROUNDS = 25


def test_of_two_that_race_for_what_is_left_of_a_day_at_most_one_gets_it(tmp_path: Path) -> None:
    """Each wants 10,000 of the 15,000 USD that a round adds; both would be 5,000 too much."""
    url, ready = f"sqlite:///{tmp_path / 'journal.db'}", FORK.Barrier(2)
    SqlJournal(url).close()
    racers = [FORK.Process(target=race, args=(url, number, 10_000, ready, ROUNDS)) for number in (1, 2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(120)
    assert [racer.exitcode for racer in racers] == [0, 0]
    journal = SqlJournal(url)
    intents = journal.read_intents_since("WETH-USDC", AT)
    assert len(intents) == 2 * ROUNDS
    spent = Fraction(0)
    for turn in range(ROUNDS):
        spent += sum(10_000 for one in intents if one.step_no == turn and one.state in COUNTED)
        assert spent <= 15_000 * (turn + 1)
    assert spent >= 10_000 * ROUNDS // 2, "somebody got through"
    journal.close()


@pytest.mark.parametrize("switch", [[], ["--withdraw-only"]])
def test_a_halt_from_another_process_stops_signatures_within_a_second(
    tmp_path: Path, switch: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The hot state is down all the while: the journal is enough."""
    url, begun = f"sqlite:///{tmp_path / 'journal.db'}", FORK.Event()
    SqlJournal(url).close()
    signing = FORK.Process(target=sign_without_end, args=(url, begun))
    signing.start()
    assert begun.wait(20)
    environ = {
        **os.environ,
        "ALM_HOME": str(tmp_path),
        "ALM_JOURNAL_URL": url,
        "ALM_HOT_STATE_URL": "redis://127.0.0.1:1",
        "ALM_MODE": "demo",
    }
    command = [sys.executable, "-m", "alm_cli.main", "halt", "--reason", "drill", "--json", *switch]
    told = json.loads(subprocess.run(command, env=environ, capture_output=True, check=True, text=True).stdout)
    assert told["mode"] == ("withdraw_only" if switch else "halt")
    assert "does not answer" in told["hot_state"] or switch
    signing.join(10)
    assert signing.exitcode == 0, "it went on signing"
    journal = SqlJournal(url)
    standstill = journal.read_halt(8453, "0x" + "aa" * 20)
    assert standstill is not None
    assert standstill.reason == "drill"
    intents = journal.read_intents_since("WETH-USDC", AT)
    signed: list[datetime] = [one.signed_at for intent in intents for one in journal.read_attempts(intent.key)]
    late_s = (max(signed) - standstill.set_at).total_seconds()
    with capsys.disabled():
        sys.stdout.write(f"\nhalt {switch}: last signature {late_s * 1000:.0f} ms after it, of {len(signed)}\n")
    assert late_s <= 1.0
    assert len(signed) > 5
    assert {(at, who) for at, who, _ in journal.read_halts()} == {(ANY_CHAIN, ANY_WALLET)}
    journal.close()
