import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from alm_core.model.signals import RangeParams
from alm_core.ranges.search import SEARCH_SPACES, Search, SearchSpace, kept, search_params
from alm_core.ranges.space import NAMES
from alm_core.ranges.walk_forward import EMBARGO_BARS, layout_of, yearly
from alm_core.simulation.fitness import Venue, net_returns, simulate
from alm_core.simulation.tape import Tape, tape_from_candles
from alm_tests.core.forces.tapes import walk
from alm_tests.core.ranges.walks import FAIR_APR, best_known, random_walk, usual

SPACE = SEARCH_SPACES["volatile"]


def venue(full_range_apr: float = 0.05) -> Venue:
    return Venue(
        full_range_apr=full_range_apr,
        capital_share=1e-3,
        swap_cost_frac=8e-4,
        gas_cost_frac=2e-4,
        min_hold_bars=48,
        horizon_years=7 / 365.25,
        cost_multiple=2.0,
    )


@cache
def tape(days: int = 30, seed: int = 1) -> Tape:
    return tape_from_candles(walk(days, seed=seed))


@cache
def searched(full_range_apr: float = 0.05, in_force: RangeParams = SPACE.initial, days: int = 30) -> Search:
    return search_params(tape(days), venue(full_range_apr), in_force, SPACE)


def changed(market: Tape, at: slice, **columns: Callable[[np.ndarray], np.ndarray]) -> Tape:
    """The market with columns changed at some bars; extremes still hold the close."""
    fresh = {name: getattr(market, name).copy() for name in columns}
    for name, change in columns.items():
        fresh[name][at] = change(fresh[name][at])
    close = fresh.get("close", market.close)
    return replace(market, **{"low": np.minimum(market.low, close), "high": np.maximum(market.high, close), **fresh})


def test_the_search_comes_close_to_brute_force_on_the_training_part() -> None:
    train = tape().rows(layout_of(len(tape())).folds[-1].train)
    found = searched().candidate
    assert found is not None
    axes = [
        np.geomspace(0.002, 0.1, 6),
        np.geomspace(0.02, 0.45, 6),
        [-0.4],
        np.geomspace(10, 1000, 4),
        [0.1, 0.25, 0.5, 0.9],
    ]
    points = [dict(zip(NAMES, map(float, point), strict=True)) for point in itertools.product(*axes)]
    best = max(
        simulate(train, RangeParams(**point), venue()).net_apr
        for point in points
        if point["base_min_frac"] <= point["base_max_frac"]
    )
    assert found.scores.train == simulate(train, found.params, venue()).net_apr
    assert found.scores.train >= best - 0.01 * abs(best)


def test_adopted_parameters_beat_those_in_force_and_doing_nothing_wherever_they_are_scored() -> None:
    found = searched()
    assert found.success
    assert found.candidate is not None
    assert found.params == found.candidate.params
    layout = layout_of(len(tape()))
    returns, theirs = (net_returns(tape(), params, venue()) for params in (found.params, SPACE.initial))
    assert found.fitness == yearly(returns[layout.folds[-1].validation]) > max(0.0, found.baseline_fitness or 0.0)
    assert found.baseline_fitness == yearly(theirs[layout.folds[-1].validation])
    assert found.test_fitness == yearly(returns[layout.test]) > max(0.0, yearly(theirs[layout.test]))
    assert found.train_fitness == found.candidate.scores.train
    for gain in (found.candidate.over_in_force, found.candidate.over_nothing):
        assert 0.0 < gain.low < gain.mean < gain.high
        assert f"{gain.low:.4f} to {gain.high:.4f}" in found.reason


@pytest.mark.parametrize("seed", range(1, 7))
def test_once_adopted_the_same_parameters_are_not_beaten_by_the_same_market(seed: int) -> None:
    best = search_params(tape(seed=seed), venue(), SPACE.initial, SPACE)
    assert best.success
    again = search_params(tape(seed=seed), venue(), best.params, SPACE)
    assert not again.success
    assert again.params == best.params
    assert again.fitness == again.baseline_fitness == best.fitness
    assert (again.train_fitness, again.test_fitness) == (best.train_fitness, best.test_fitness)


def test_a_better_set_is_adopted_where_the_one_in_force_is_absurdly_narrow_in_a_dear_venue() -> None:
    dear = replace(venue(3.0 * FAIR_APR), swap_cost_frac=3e-3, gas_cost_frac=2e-3)
    narrow = RangeParams(base_min_frac=0.002, base_max_frac=0.02, rs_threshold=0.1)
    for seed in range(8):
        found = search_params(random_walk(seed), dear, narrow, SPACE)
        assert found.success, found.reason
        on_another_walk = random_walk(100 + seed)
        assert (
            simulate(on_another_walk, found.params, dear).net_apr
            > simulate(on_another_walk, narrow, dear).net_apr + 1.0
        )


def test_on_driftless_walks_with_fair_fees_nothing_is_adopted() -> None:
    # All 200 walks, and other fees, are figures of the bench: random_walks_kept_frac.
    found = [search_params(random_walk(seed), usual(FAIR_APR), SPACE.initial, SPACE) for seed in range(24)]
    assert sum(search.success for search in found) <= 1
    assert all(search.candidate is not None for search in found)


def test_on_driftless_walks_with_rich_fees_the_best_known_set_is_kept() -> None:
    rich = 1.5 * FAIR_APR
    best = best_known(rich)
    found = [search_params(random_walk(seed), usual(rich), best, SPACE) for seed in range(24)]
    assert sum(search.success for search in found) <= 1


def test_the_search_is_reproducible_and_within_its_budget() -> None:
    again = search_params(tape(), venue(), SPACE.initial, SPACE)
    assert searched() == again
    assert 0 < again.evaluations <= 3 * (256 + 3 * 220)


def test_nothing_from_the_test_part_on_changes_what_was_found() -> None:
    start = layout_of(len(tape())).test.start
    other = changed(tape(), slice(start, None), close=lambda price: price[::-1] * 1.4, variance_annual=lambda v: 90 * v)
    one, two = searched().candidate, search_params(other, venue(), SPACE.initial, SPACE).candidate
    assert one is not None
    assert two is not None
    assert one.scores.test != two.scores.test
    assert replace(one, scores=replace(one.scores, test=0.0)) == replace(two, scores=replace(two.scores, test=0.0))


def test_the_test_part_can_refuse_what_was_proven_and_adopts_nothing_that_was_not() -> None:
    newest = slice(layout_of(len(tape())).test.start, None)
    ruined = changed(tape(), newest, variance_annual=lambda v: 90 * v)
    refused = search_params(ruined, venue(), SPACE.initial, SPACE)
    assert searched().success
    assert not refused.success
    assert "refused by the test part" in refused.reason
    assert refused.params == SPACE.initial
    # And the other way round: unproven parameters stay unadopted, however kind the test part is to them.
    kind = changed(tape(), newest, variance_annual=lambda v: 0 * v)
    poor = search_params(kind, venue(0.022), SPACE.initial, SPACE)
    assert poor.candidate is not None
    assert poor.candidate.scores.test > 0.0
    assert not poor.success


def test_a_set_that_only_stood_aside_on_the_last_stretch_is_not_adopted() -> None:
    # The price leaps away at the last cut and stays where no shift pays: nothing is earned there, nothing is lost.
    cut = layout_of(len(tape())).folds[-1].train.stop
    end = layout_of(len(tape())).folds[-1].validation.stop
    away = changed(tape(), slice(cut, end), close=lambda price: 1.5 * price, low=lambda price: 1.5 * price)
    away = changed(away, slice(cut, end), high=lambda price: 1.5 * price, sigma_annual=lambda sigma: 9.0 * sigma)
    found = search_params(away, venue(), SPACE.initial, SPACE)
    assert found.candidate is not None
    assert found.candidate.scores.validation == 0.0
    assert found.candidate.over_in_force.low > 0.0
    assert not found.success
    assert "last validation stretch" in found.reason


def test_validation_bars_decide_whether_but_not_what() -> None:
    layout = layout_of(len(tape()))
    after = slice(layout.folds[-1].train.stop, None)
    ruined = changed(tape(), after, variance_annual=lambda v: 90 * v, close=lambda price: price[::-1])
    found = search_params(ruined, venue(), SPACE.initial, SPACE)
    assert found.candidate is not None
    assert searched().candidate is not None
    assert found.candidate.params == searched().candidate.params
    assert found.candidate.scores.train == searched().candidate.scores.train
    assert found.evaluations == searched().evaluations
    assert searched().success
    assert not found.success
    assert layout.folds[-1].validation.start - layout.folds[-1].train.stop == EMBARGO_BARS


def broken(column: str, value: float) -> Tape:
    return changed(tape(), slice(700, 701), **{column: lambda values: np.full_like(values, value)})


def flat() -> Tape:
    same = np.full(len(tape()), 2000.0)
    return replace(tape(), low=same, high=same, close=same, variance_annual=0 * same)


REVERSED = SearchSpace(lower=SPACE.upper, upper=SPACE.lower, initial=SPACE.initial)
TINY = RangeParams(base_min_frac=1e-300, base_max_frac=1e-300, rs_threshold=0.25)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tape": tape(3)}, "192 quarter hours are too few"),
        ({"tape": tape().rows(slice(0, 0))}, "0 quarter hours are too few"),
        ({"tape": flat()}, "flat prices"),
        ({"tape": broken("variance_annual", np.nan)}, "variance_annual of bar 700"),
        ({"tape": broken("sigma_annual", np.inf)}, "sigma_annual of bar 700"),
        ({"tape": broken("low", 0.0)}, "bar 700 of"),
        ({"tape": broken("low", 1e9)}, "bar 700 of"),
        ({"venue": venue(0.0)}, "full_range_apr is 0"),
        ({"venue": venue(np.nan)}, "full_range_apr is nan"),
        ({"venue": venue(np.inf)}, "full_range_apr is inf"),
        ({"venue": replace(venue(), gas_cost_frac=-1.0)}, "gas_cost_frac is -1"),
        ({"venue": venue(1e300)}, "full_range_apr is 1e+300"),
        ({"space": REVERSED}, "base_min_frac from 0.1 to 0.002"),
        ({"in_force": replace(SPACE.initial, rs_threshold=0.05)}, "rs_threshold 0.05 lies outside"),
        ({"in_force": replace(SPACE.initial, base_min_frac=np.nan)}, "base_min_frac nan"),
        ({"in_force": TINY, "space": SearchSpace(lower=TINY, upper=TINY, initial=TINY)}, "fitness is not finite"),
    ],
)
def test_input_that_cannot_be_searched_on_keeps_the_parameters_and_says_why(changes: dict, named: str) -> None:
    given = {"tape": tape(), "venue": venue(), "in_force": SPACE.initial, "space": SPACE, **changes}
    found = search_params(**given)
    assert found == kept(given["in_force"], found.reason)
    assert (found.success, found.fitness, found.train_fitness, found.test_fitness) == (False, None, None, None)
    assert named in found.reason
