"""Bodies broken at random on their way through whole epochs run by Dagster.

No body ends the process or an epoch with anything but a reason; what is stored is finite and true.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from alm_assets.runner import EpochRun
from alm_cli.verdict import verdict_of
from alm_core.model.candles import EXCHANGES, MINUTE_MS
from alm_core.model.decisions import DecisionKind
from alm_core.model.errors import AlmError
from alm_resources.world import World
from alm_tests.chaos.breaking import Breaker, BreakingNode
from alm_tests.chaos.stage import BASE, PAIR, Stage, assert_next_epoch_is_normal, fault, registry_with_base_at
from alm_tests.resources.http.bodies import sound

pytestmark = pytest.mark.chain

TOLERANCE_BPS = 2.0
LARGEST_VOLUME = 1e31
METHODS = ("eth_call", "eth_getBlockByNumber", "eth_call", "eth_feeHistory")
"""What an epoch that holds asks a node, the largest answer twice as often."""


def test_broken_bodies_of_exchanges_and_geckoterminal_end_no_epoch_and_enter_no_minute(
    stage: Stage, world: World
) -> None:
    outcomes, runs = Counter[str](), list[EpochRun]()
    for case in range(8):
        stage.localnet.faults.clear()
        exchange, figures = Breaker(case), Breaker(case)
        stage.localnet.faults.set(EXCHANGES[case % len(EXCHANGES)], fault("rewrite", rewrite=exchange))
        stage.localnet.faults.geckoterminal = fault("rewrite", rewrite=figures)
        if case % 2:
            # The service that would make up for it is no better.
            stage.localnet.faults.dexscreener = fault("rewrite", rewrite=figures)
        runs.append(stage.next_epoch())
        outcomes += outcome_of(stage, world, runs[-1], f"case {case}")
        assert exchange.sent
        assert figures.sent
        outcomes["bodies"] += len(exchange.sent) + len(figures.sent)
    stage.localnet.faults.clear()
    assert outcomes["bodies"] >= 20
    assert min(outcomes["held"], outcomes["went on"]) >= 1
    assert_recovered(stage, world, runs)


def test_broken_answers_of_a_node_end_no_epoch_and_enter_no_minute(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))
    outcomes, runs = Counter[str](), list[EpochRun]()
    node = BreakingNode(stage.localnet.rpc(BASE).url)
    with node.served() as url, monkeypatch.context() as patch:
        patch.setenv("ALM_REGISTRY", str(registry_with_base_at(url, stage.localnet, tmp_path)))
        for case in range(8):
            breaker = Breaker(case)
            node.methods, node.breaker = METHODS[case % len(METHODS)], breaker
            runs.append(stage.next_epoch())
            outcomes += outcome_of(stage, world, runs[-1], f"case {case}")
            assert breaker.sent
            outcomes["bodies"] += len(breaker.sent)
    assert outcomes["bodies"] >= 8
    assert min(outcomes["held"], outcomes["went on"]) >= 1
    assert_recovered(stage, world, runs)


def outcome_of(stage: Stage, world: World, run: EpochRun, case: str) -> Counter[str]:
    """Check what an epoch left behind; returns whether it held for want of a source or went on."""
    report = run.report
    assert run.success or any(error.__name__ in str(run.error) for error in errors_of_ours()), f"{case}: {run.error}"
    assert report.decision is not DecisionKind.HOLD or report.reason, case
    assert_history_is_true(stage, world, case)
    if not run.success:
        return Counter(held=1)
    assert all(map(sound, stage.snapshot(world, run).markets)), case
    return Counter(["held" if stage.plan(world, run).decision.binding == "source" else "went on"])


def assert_recovered(stage: Stage, world: World, runs: Sequence[EpochRun]) -> None:
    """With sound sources an epoch is as usual, and whatever the others had begun is settled."""
    assert_next_epoch_is_normal(stage, world)
    assert verdict_of(world, [run.report for run in runs]).reconciled


def errors_of_ours(kind: type[AlmError] = AlmError) -> set[type[AlmError]]:
    """Every error raised on purpose; any other is one that nobody thought of."""
    return {kind}.union(*(errors_of_ours(each) for each in kind.__subclasses__()))


def assert_history_is_true(stage: Stage, world: World, case: str) -> None:
    """Every minute of two hours is there, was traded, and has the prices of the market."""
    end_at = stage.localnet.now
    stored = world.history.read_candles(PAIR, end_at - timedelta(hours=2), end_at)
    assert len(stored) == 120, case
    assert not stored.filled.any(), case
    assert all(after - before == MINUTE_MS for before, after in pairwise(stored.ts_ms.tolist())), case
    first = int(stored.ts_ms[0]) // MINUTE_MS
    true = stage.localnet.market.bars(PAIR, first, first + len(stored))
    for column in ("open", "high", "low", "close"):
        error_bps = np.abs(getattr(stored, column) / getattr(true, column) - 1) * 1e4
        assert error_bps.max() <= TOLERANCE_BPS, f"{case}: {column}"
    assert ((stored.volume >= 0) & (stored.volume < LARGEST_VOLUME)).all(), case
