"""``alm backtest``: goes on where it was stopped, says what is missing, shows what it came to."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from alm_cli.backtest import STOPPED, backtest
from alm_core.model.epochs import EPOCH_LENGTH, EPOCHS_PER_DAY
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_resources.history import HistoryStore
from alm_resources.history.days import write_day
from alm_tests.core.backtest.tape_snapshot import PAIR
from alm_tests.resources.history.tape_history import DAYS, at, recorded_tape

WINDOW = ("--from", DAYS[0].isoformat(), "--to", DAYS[-1].isoformat())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> HistoryStore:
    return recorded_tape(tmp_path_factory.mktemp("recorded"), holes=[at(DAYS[1], 5)])


@pytest.fixture
def over(home: Path, recorded: HistoryStore) -> Path:
    """A home whose history is recorded; what the environment said before is undone by ``home``."""
    home.mkdir()
    os.environ["ALM_HISTORY_DIR"] = str(recorded.root)
    return home


def run(*arguments: str, pair: str = PAIR, window: tuple[str, ...] = WINDOW) -> Result:
    return CliRunner().invoke(backtest, ["--pair", pair, *window, *arguments], catch_exceptions=False)


def answer(*arguments: str) -> dict[str, Any]:
    done = run("--policy", "hodl", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_it_says_what_it_came_to_as_a_table_and_as_json(over: Path) -> None:
    told = answer()
    done = run("--policy", "hodl")
    assert done.exit_code == 0
    for text in (
        f"{PAIR}, policy hodl",
        "HODL at the end",
        "287" if told["epochs"] == 287 else "288 HOLD",
        "held through",
    ):
        assert text in done.stderr
    assert "3 days, 3 of them stored before" in done.stderr
    assert not done.stdout
    assert told["nav_end"] == pytest.approx(told["hodl_usd"], abs=1e-6)
    assert told["price_usd"] == pytest.approx(told["nav_end"] - told["nav_start"], abs=1e-6)
    assert (told["decisions"], told["epochs_missing"], told["rebalances"]) == ({"HOLD": 288}, 1, 0)
    assert Path(told["folder"]).parent == over / "backtest-history"


def test_it_goes_on_after_the_last_whole_day_and_begins_anew_when_told(over: Path) -> None:
    first = answer("--to", DAYS[0].isoformat())
    whole = answer()
    assert whole["folder"] == first["folder"]
    assert "3 days, 3 of them stored before" in run("--policy", "hodl").stderr
    assert "3 days, 0 of them stored before" in run("--policy", "hodl", "--anew").stderr
    again = answer()
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


def test_a_command_that_is_interrupted_says_so_and_keeps_its_days(
    over: Path, recorded: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alm_resources.history.backtests import BacktestRun

    plain = BacktestRun.days

    def interrupted(self: BacktestRun, *arguments: Any, **named: Any) -> Any:
        for number, done in enumerate(plain(self, *arguments, **named)):
            if number == 2:
                raise KeyboardInterrupt
            yield done

    monkeypatch.setattr(BacktestRun, "days", interrupted)
    stopped = run("--policy", "hodl")
    assert stopped.exit_code == STOPPED
    assert "stopped after 2 days; they are stored. Run the command again to go on." in stopped.stderr


KILLED = """
import os, signal, sys
import alm_resources.history.backtests as backtests
from alm_cli.main import main
plain = backtests.run_backtest
def epochs(*arguments):
    for number, epoch in enumerate(plain(*arguments)):
        if number == 96 + 40:
            os.kill(os.getpid(), signal.SIGKILL)
        yield epoch
backtests.run_backtest = epochs
main()
"""


def test_a_command_killed_in_the_middle_of_a_day_is_taken_up_by_the_next_one(over: Path) -> None:
    command = [sys.executable, "-c", KILLED, "backtest", "--pair", PAIR, *WINDOW, "--policy", "tau_reset"]
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert "3 days, 1 of them stored before" in run("--policy", "tau_reset").stderr
    whole = json.loads(run("--policy", "tau_reset", "--json").stdout)
    anew = json.loads(run("--policy", "tau_reset", "--anew", "--json").stdout)
    assert {**whole, "seconds": 0} == {**anew, "seconds": 0}


def test_other_choices_do_not_mix(over: Path) -> None:
    folders = {answer(*choice)["folder"] for choice in ((), ("--capital", "500"), ("--latency", "0"), ("--seed", "3"))}
    assert len(folders) == 4


def test_days_are_shown_in_the_ui_when_told(over: Path, tmp_path: Path) -> None:
    told = answer("--report", "--page", str(tmp_path / "page.html"))
    with dg.DagsterInstance.from_config(str(over / "dagster")) as instance:
        for name in ("candles", "pool_snapshots", "force_signals", "allocations", "executed_transactions"):
            days = instance.get_materialized_partitions(dg.AssetKey(["backtest", name]))
            assert days == {f"{day}|{PAIR}" for day in DAYS}, name
        event = instance.get_latest_materialization_event(dg.AssetKey(["backtest", "backtest_report"]))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["nav_end"].value == told["nav_end"]
    assert str(metadata["figure_nav"].value).startswith("![")
    assert Path(str(metadata["page"].value)).read_text().lower().startswith("<!doctype html>")
    assert "hodl" in (tmp_path / "page.html").read_text()


def test_nothing_recorded_is_an_error_that_names_the_command_that_records(over: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"no candle of ARB-USDC .* none is recorded at all.* --pair ARB-USDC --from"
    ):
        run(pair="ARB-USDC")
    later = ("--from", "2026-03-01", "--to", "2026-03-02")
    advice = (
        r"no candle of WETH-USDC is recorded from 2026-03-01 to 2026-03-02 .*; recorded are 2026-01-01 to 2026-02-03"
    )
    with pytest.raises(InvalidInput, match=advice):
        run(window=later)
    early = ("--from", "2026-01-05", "--to", "2026-01-06")
    with pytest.raises(InvalidInput, match=r"no snapshot of .*alm history backfill --asset pool_snapshots"):
        run(window=early)


def test_snapshots_that_nothing_can_be_decided_on_are_an_error_that_says_why(
    over: Path, recorded: HistoryStore
) -> None:
    problem = SourceProblem(source="history backfill", detail="USD prices of that time are not known")
    day = DAYS[0].replace(day=20)
    seen = recorded.read_epoch("pool_snapshots", MarketSnapshot, PAIR, at(DAYS[0]))
    assert seen is not None
    moments = [at(day) + number * EPOCH_LENGTH for number in range(EPOCHS_PER_DAY)]
    write_day(
        recorded,
        "pool_snapshots",
        PAIR,
        day,
        [replace(seen, epoch_at=one, quote_usd=None, problems=(problem,)) for one in moments],
    )
    window = ("--from", day.isoformat(), "--to", day.isoformat())
    with pytest.raises(
        InvalidInput,
        match=r"can be decided on; 9. snapshots, the last of .*USD prices of that time .*: --quote-usd USD lets",
    ):
        run("--policy", "hodl", window=window)
    told = json.loads(run("--policy", "hodl", "--quote-usd", "1", "--json", window=window).stdout)
    assert told["epochs_missing"] == 0
    assert "USD per USDC assumed: 1 (9" in " ".join(told["assumptions"])
    with pytest.raises(ConfigError, match="'x=1' of the backtest: must be CHAIN=USD"):
        run("--native-usd", "x=1")
    with pytest.raises(ConfigError, match="must be more than 0"):
        run("--quote-usd", "0")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--policy", "nobody"), ConfigError, "policy 'nobody' is not known; there are: default"),
        (("--capital", "0"), ConfigError, "capital of the backtest is 0 USD: must be more than 0"),
        (("--failures", "2"), ConfigError, "failures of the backtest are 2: must be a share from 0 to 1"),
        (("--latency", "-1"), ConfigError, "latency of the backtest is -1 epochs: must not be negative"),
        (("--to", "2026-01-01"), InvalidInput, "--to 2026-01-01 is before --from 2026-01-31"),
        (("--from", "yesterday"), InvalidInput, "--from 'yesterday' is not a day"),
    ],
)
def test_bad_choices_are_named(over: Path, arguments: tuple[str, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(*arguments)


def test_a_variable_that_is_no_number_is_named(over: Path) -> None:
    os.environ["ALM_BACKTEST_CAPITAL_USD"] = "much"
    with pytest.raises(ConfigError, match="ALM_BACKTEST_CAPITAL_USD='much': capital of the backtest must be a number"):
        run()
