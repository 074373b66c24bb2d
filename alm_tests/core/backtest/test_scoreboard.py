"""The scoreboard is honest: nobody sees what comes, scores come back as they were kept, differences are paired."""

from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_tests.bench.scoreboard import store as stores
from alm_tests.bench.scoreboard.decisions import kept
from alm_tests.bench.scoreboard.run import WARM_DAYS, Score, epochs_of
from alm_tests.bench.scoreboard.statistics import standings
from alm_tests.bench.scoreboard.store import ScoreStore
from alm_tests.bench.scoreboard.tapes import ScoreTape, seeded
from alm_tests.bench.scoreboard.world import first_epoch

DAYS = 12


def score(policy: str, daily: float, tape: str = "tape", noise: int = 5) -> Score:
    """A path that earns ``daily`` a day above noise that every policy on the tape shares."""
    shared = np.random.default_rng(noise).normal(0.0, 0.02, DAYS * EPOCHS_PER_DAY + 1)
    gained = daily * np.arange(shared.size) / EPOCHS_PER_DAY
    return Score(
        tape=tape,
        policy=policy,
        nav_usd=10_000.0 * np.exp(shared + gained),
        earned_usd=10_000.0 * np.exp(shared + gained) * daily / EPOCHS_PER_DAY,
        fees_usd=1.0,
        lvr_usd=1.0,
        gas_usd=1.0,
        swap_usd=1.0,
        moves=8,
        promised_usd=0.0,
        decisions={"HOLD": DAYS * EPOCHS_PER_DAY, "RS": 3, "COMPOUND": 5},
        problems=0,
        cpu_s=0.0,
    )


def with_another_future(tape: ScoreTape, day: int) -> ScoreTape:
    """The same tape until a scored day begins; from then on price, fees and liquidity are others."""
    row = (WARM_DAYS + day) * 1440
    factor = np.where(np.arange(len(tape.candles)) < row, 1.0, 1.3)
    prices = {name: getattr(tape.candles, name) * factor for name in ("open", "high", "low", "close", "volume")}
    return replace(
        tape,
        candles=replace(tape.candles, **prices),
        fees_base=tape.fees_base * factor**3,
        fees_quote=tape.fees_quote * factor**3,
        active_usd=tape.active_usd / factor,
    )


@pytest.mark.parametrize("policy", ["default", "seed", "auto_like", "beefy_like"])
def test_what_comes_later_changes_nothing_before_it(policy: str) -> None:
    tape = seeded(1)
    other = with_another_future(tape, 1)
    until_at = first_epoch(tape, WARM_DAYS) + timedelta(days=1)
    count = EPOCHS_PER_DAY + 2
    one, another = (list(islice(epochs_of(which, policy, 2), count)) for which in (tape, other))
    known = [epoch for epoch in one if epoch.epoch_at <= until_at]
    assert len(known) == EPOCHS_PER_DAY + 1
    assert known == another[: len(known)]
    assert one[-1] != another[-1]


def test_differences_are_paired_by_tape_and_day() -> None:
    scores = [
        made
        for tape, noise in (("a", 1), ("b", 2))
        for made in (
            score("hodl", 0.0, tape, noise),
            score("default", 0.0010, tape, noise),
            score("wide", 0.0004, tape, noise),
        )
    ]
    rows = {row.policy: row for row in standings(scores)}
    assert rows["wide"].excess.mean == pytest.approx(0.0004)
    # The noise that both share is gone: the interval is the difference itself, but for the value in a day.
    behind = rows["wide"].behind_ours
    assert (behind.low, behind.mean, behind.high) == pytest.approx((0.0006, 0.0006, 0.0006), rel=0.1)
    assert rows["wide"].edge.mean == pytest.approx(0.0004, rel=0.1)
    assert (rows["hodl"].edge.low, rows["hodl"].edge.high) == (0.0, 0.0)
    ours = rows["default"].behind_ours
    assert (ours.low, ours.mean, ours.high) == (0.0, 0.0, 0.0)
    assert [row.policy for row in standings(scores)] == ["default", "wide", "hodl"]
    assert rows["wide"].moves_per_week == pytest.approx(3 * 7 / DAYS, rel=1e-3)
    assert rows["wide"].compounds_per_week == pytest.approx(5 * 7 / DAYS, rel=1e-3)


def test_a_score_comes_back_as_it_was_kept_and_not_to_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = score("wide", 0.001, "Polygon USDC/WETH 0.05 %")
    one.nav_usd[7] = np.nan
    ScoreStore(tmp_path, None).keep(one)
    found = ScoreStore(tmp_path, None).known(one.tape, "wide")
    assert found is not None
    np.testing.assert_array_equal(found.nav_usd, one.nav_usd)
    np.testing.assert_array_equal(found.earned_usd, one.earned_usd)
    assert (found.tape, found.policy, found.decisions) == (one.tape, one.policy, one.decisions)
    assert ScoreStore(tmp_path, None).known(one.tape, "hodl") is None
    assert ScoreStore(tmp_path, 5).known(one.tape, "wide") is None
    monkeypatch.setattr(stores, "code_hash", lambda: "other")
    assert ScoreStore(tmp_path, None).known(one.tape, "wide") is None


def test_what_decisions_kept_adds_up_to_what_the_run_made_after_the_first() -> None:
    epochs = list(epochs_of(seeded(2), "beefy_like", 3))
    found = kept(epochs)
    assert len(found) > 2
    first = next(number for number, one in enumerate(epochs) if one.kind.value != "HOLD") + 1
    totals, begun = epochs[-1].book.totals, epochs[first].book.totals
    assert sum(one.fees_usd for one in found) == pytest.approx(totals.fees_usd - begun.fees_usd)
    assert sum(one.lvr_usd for one in found) == pytest.approx(totals.lvr_usd - begun.lvr_usd)
    costs = totals.swap_usd + totals.gas_usd
    assert sum(one.costs_usd for one in found) == pytest.approx(costs)
