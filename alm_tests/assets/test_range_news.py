"""Regimes and kill switches as people see them: in the metadata of the range, and as alerts where they begin."""

from dataclasses import replace
from typing import Any

import dagster as dg

from alm_assets.replay import replay_epoch
from alm_assets.runner import run_epoch
from alm_assets.tables import PROBLEM_TEXTS, range_metadata, range_news
from alm_core.model.epochs import Epoch
from alm_core.model.signals import OptimizedRange, Regime, RegimeState
from alm_tests.assets.world import EPOCH_AT, PAIR, QUARTER, MemoryWorld
from alm_tests.core.portfolio.scene import Scene


def optimized(state: RegimeState = RegimeState.NORMAL, *switches: str, since: int = 0) -> OptimizedRange:
    plain = Scene().optimized
    regime = Regime(state=state, reason="volatility_ratio 2 reaches 1", since_at=plain.epoch_at - since * QUARTER)
    return replace(plain, regime=regime, kill_switches=switches, train_fitness=0.31, test_fitness=None)


def test_a_regime_is_news_at_the_epoch_that_entered_it() -> None:
    entered = optimized(RegimeState.SUPPRESS)
    assert range_news(entered, None) == ["regime suppress: volatility_ratio 2 reaches 1"]
    assert range_news(optimized(RegimeState.SUPPRESS, since=1), entered) == []
    assert range_news(optimized(RegimeState.NORMAL), entered) == []


def test_a_kill_switch_is_news_when_it_did_not_fire_before() -> None:
    before = optimized(RegimeState.NORMAL, "gas budget: 101 USD", since=3)
    now = optimized(RegimeState.NORMAL, "gas budget: 102 USD", "excessive moves: 5 in 4:00:00", since=3)
    assert range_news(now, before) == ["kill switch: excessive moves: 5 in 4:00:00"]
    assert range_news(now, None) == [f"kill switch: {text}" for text in now.kill_switches]


def test_the_range_shows_regime_switches_and_every_score() -> None:
    shown: dict[str, Any] = {
        name: getattr(entry, "value", entry)
        for name, entry in range_metadata(optimized(RegimeState.WIDEN, "gas budget: 9 USD"), None).items()
    }
    assert (shown["regime"], shown["regime_reason"]) == ("widen", "volatility_ratio 2 reaches 1")
    assert shown["kill_switches"] == "- gas budget: 9 USD"
    assert "| fitness on training part (net APR frac) | 0.31 |" in shown["range"]
    assert "| fitness on test part | unknown |" in shown["range"]
    assert f"| regime since | {Scene().optimized.epoch_at.isoformat()} |" in shown["range"]
    assert len(shown[PROBLEM_TEXTS]) == 2
    assert PROBLEM_TEXTS not in range_metadata(optimized(), None)


def run(world: MemoryWorld, instance: dg.DagsterInstance, number: int) -> OptimizedRange:
    at = EPOCH_AT + number * QUARTER
    done = run_epoch(instance, PAIR, at, job=world.job(), history=world.history, alerts=world.alerts)
    assert done.error is None
    found = world.history.read_epoch("optimized_ranges", OptimizedRange, PAIR, at)
    assert found is not None
    return found


def quote_at(world: MemoryWorld, usd: float) -> None:
    world.snapshots.change = lambda snapshot: replace(snapshot, quote_usd=usd)


def test_a_regime_goes_from_epoch_to_epoch_and_is_alerted_where_it_begins(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    assert run(world, instance, 0).regime == Regime(reason="unknown: lasting_quote_depeg_frac")
    quote_at(world, 0.96)
    assert run(world, instance, 1).regime.state is RegimeState.STOP_ADDING
    assert run(world, instance, 2).regime.state is RegimeState.EXIT
    quote_at(world, 0.999)
    last = run(world, instance, 3).regime
    assert (last.state, last.since_at, last.calm_epochs) == (RegimeState.EXIT, EPOCH_AT + 2 * QUARTER, 1)
    for number in range(4):
        again = replay_epoch(Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER), world.history)
        assert again.verdict == "identical", again
    told = [(title, body) for title, body, _ in world.alerts.sent]
    assert [title for title, _ in told] == [
        f"{PAIR}@2025-11-20T10:45:00Z: 1 problems",
        f"{PAIR}@2025-11-20T11:00:00Z: 1 problems",
    ]
    assert "regime stop_adding: quote_depeg_frac 0.04 reaches 0.01" in told[0][1]
    assert "regime exit: lasting_quote_depeg_frac 0.04 reaches 0.03" in told[1][1]
