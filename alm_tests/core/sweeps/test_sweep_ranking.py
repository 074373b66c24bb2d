"""What is concluded from a sweep: order, means over windows, and that no choice sees the window it is scored on."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.backtest import BacktestSummary, VenueConfig
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.sweeps import CellOutcome, SweepCell, SweepGrid, SweepResult, SweepWindow
from alm_core.sweeps.cells import cell_count, cells_of
from alm_core.sweeps.ranking import over_hodl, ranked, scores_by_choice, walk_forward
from alm_core.sweeps.words import in_sample_note

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICIES = ("hodl", "wide", "tau_reset")


def window(day: int, days: int = 5) -> SweepWindow:
    first_at = START + timedelta(days=day)
    return SweepWindow(first_at=first_at, end_at=first_at + timedelta(days=days))


def result(policy: str, seen: SweepWindow, score: float | None, *, pair: str = "A-B", gas: float = 1.0) -> SweepResult:
    cell = SweepCell(
        pair=pair,
        policy=policy,
        window=seen,
        capital_usd=1_000.0,
        venue=VenueConfig(gas_multiple=gas),
        strategy=StrategyConfig(),
        limits=LimitsConfig(),
        range_params=None,
    )
    if score is None:
        return SweepResult(cell=cell, outcome=CellOutcome(cell_id="", status="failed", reason="nothing recorded"))
    summary = BacktestSummary(
        pair=pair,
        policy=policy,
        first_at=seen.first_at,
        last_at=seen.end_at,
        nav_start=1_000.0,
        nav_end=score * 2_000.0,
        fees_usd=0.0,
        rewards_usd=0.0,
        lvr_usd=0.0,
        gas_usd=0.0,
        swap_usd=0.0,
        bridge_usd=0.0,
        price_usd=0.0,
        hodl_usd=2_000.0,
        rebalances=0,
        failures=0,
        decisions={},
        epochs=1,
        epochs_missing=0,
        seconds=1.0,
    )
    return SweepResult(cell=cell, outcome=CellOutcome(cell_id="", status="ok", summary=summary))


scores = st.floats(0.1, 3.0, allow_nan=False)


@given(table=st.lists(st.tuples(scores, scores, scores), min_size=2, max_size=5))
def test_a_choice_is_made_on_its_window_alone_and_scored_on_the_next(table: list[tuple[float, float, float]]) -> None:
    results = [
        result(policy, window(5 * number), score)
        for number, row in enumerate(table)
        for policy, score in zip(POLICIES, row, strict=True)
    ]
    steps = walk_forward(results)
    assert len(steps) == len(table) - 1
    for number, step in enumerate(steps):
        best = max(range(3), key=lambda place: table[number][place])
        assert step.chosen.policy == POLICIES[best]
        assert step.chosen.window == window(5 * number)
        assert step.scored.window == window(5 * number + 5)
        assert step.chosen_over_hodl == pytest.approx(max(table[number]))
        assert step.scored_over_hodl == pytest.approx(table[number + 1][best])
        assert step.best_over_hodl == pytest.approx(max(table[number + 1]))
        assert step.rank == 1 + sum(other > table[number + 1][best] for other in table[number + 1])
    # What happens later changes no earlier choice.
    later = [replace(one, outcome=result("hodl", one.cell.window, 9.0).outcome) for one in results[-3:]]
    again = walk_forward([*results[:-3], *later])
    assert [step.chosen for step in again] == [step.chosen for step in steps]


def test_windows_that_overlap_score_nothing() -> None:
    results = [result(policy, window(day), 1.0) for policy in POLICIES for day in (0, 2, 4)]
    assert walk_forward(results) == []
    (step,) = walk_forward([*results, result("wide", window(6), 1.1)])[:1]
    assert (step.chosen.window, step.scored.window) == (window(0), window(6))
    assert (step.chosen.policy, step.choices) == ("wide", 1), "the others have no result to be scored with"


def test_pairs_and_ways_of_simulating_are_not_chosen_among() -> None:
    cheap = [result("wide", window(day), 2.0) for day in (0, 5)]
    dear = [result("wide", window(day), 0.5, gas=50.0) for day in (0, 5)]
    other = [result("wide", window(day), 0.7, pair="C-D") for day in (0, 5)]
    found = {step.scored_over_hodl: step.choices for step in walk_forward([*cheap, *dear, *other])}
    assert found == {2.0: 1, 0.5: 1, 0.7: 1}
    assert [(one.pair, one.mean_over_hodl) for one in scores_by_choice([*cheap, *dear, *other])] == [
        ("A-B", pytest.approx(2.0)),
        ("C-D", pytest.approx(0.7)),
        ("A-B", pytest.approx(0.5)),
    ]


def test_a_mean_over_windows_is_geometric_and_the_worst_one_is_told() -> None:
    (one,) = scores_by_choice([result("wide", window(0), 2.0), result("wide", window(5), 0.5)])
    assert (one.windows, one.mean_over_hodl, one.worst_over_hodl) == (2, pytest.approx(1.0), 0.5)
    (lost,) = scores_by_choice([result("wide", window(0), 2.0), result("wide", window(5), 0.0)])
    assert lost.mean_over_hodl == 0.0


@given(found=st.lists(st.one_of(st.none(), scores), max_size=12))
def test_cells_without_a_result_have_no_rank_and_are_no_zero(found: list[float | None]) -> None:
    results = [result("wide", window(day), score) for day, score in enumerate(found)]
    told = [over_hodl(one) for one in ranked(results)]
    assert told == sorted((over_hodl(one) for one in results if one.outcome.summary), key=lambda one: -(one or 0.0))
    assert len(told) == sum(score is not None for score in found)


def test_a_hodl_of_no_value_gives_no_score() -> None:
    one = result("wide", window(0), 1.0)
    assert one.outcome.summary is not None
    worthless = replace(one, outcome=replace(one.outcome, summary=replace(one.outcome.summary, hodl_usd=0.0)))
    assert over_hodl(worthless) is None
    assert not math.isnan(over_hodl(one) or math.nan)


@given(sizes=st.tuples(*[st.integers(1, 3)] * 4))
def test_the_cells_are_every_combination_once(sizes: tuple[int, int, int, int]) -> None:
    grid = SweepGrid(
        pairs=tuple(f"P{number}-Q" for number in range(sizes[0])),
        policies=POLICIES[: sizes[1]],
        windows=tuple(window(day) for day in range(sizes[2])),
        capitals_usd=(None, 1e4),
        venues=(VenueConfig(), VenueConfig(seed=1)),
        strategies=tuple(StrategyConfig(lvr_weight=number / 4) for number in range(sizes[3])),
        ranges=(None,),
        limits=LimitsConfig(),
    )
    cells = cells_of(grid)
    assert len(cells) == len(set(cells)) == cell_count(grid) == math.prod(sizes) * 4
    assert {(cell.pair, cell.policy) for cell in cells} == set(product(grid.pairs, grid.policies))
    assert cells[0].config.venue == VenueConfig()


def test_the_note_says_that_the_best_of_many_is_selected() -> None:
    assert "in sample" in in_sample_note(2, 0)
    assert "two or more windows" in in_sample_note(2, 0)
    assert "walk-forward" in in_sample_note(2, 3)
    assert "nothing was selected" in in_sample_note(1, 3)
