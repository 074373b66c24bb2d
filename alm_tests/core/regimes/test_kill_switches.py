"""Kill switches: each fires just past its threshold and not just before; what is unknown is said."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCHS_PER_YEAR
from alm_core.model.past import RecentEpoch
from alm_core.model.pools import AssetClass
from alm_core.model.signals import ForceSignals, RangeParams
from alm_core.ranges.range import half_width_frac
from alm_core.ranges.search import SEARCH_SPACES
from alm_core.regimes.kill_switches import (
    GAS_BUDGET_FRAC,
    MAX_MOVES,
    MIN_DAY_YIELD_FRAC,
    MOVES_WINDOW,
    Bounds,
    KillSwitches,
    kill_switches,
    pathology,
    trailing_yield_frac,
)
from alm_tests.core.portfolio.scene import Scene
from alm_tests.core.regimes.markets import EPOCH, QUARTER

NAV = 10_000.0
INITIAL = SEARCH_SPACES["volatile"].initial
BOUNDS = Bounds(lower=SEARCH_SPACES["volatile"].lower, upper=SEARCH_SPACES["volatile"].upper)


def day(
    *, epochs: int = 96, fees_usd: float = 0.0, loss_usd: float = 0.0, kind: DecisionKind = DecisionKind.HOLD
) -> list[RecentEpoch]:
    """Epochs up to the one before; fees rise to a total, losses add up to one."""
    return [
        RecentEpoch(
            epoch_at=EPOCH.epoch_at - (epochs - number) * QUARTER,
            kind=kind,
            moved=False,
            nav_usd=NAV,
            fees_usd=100.0 + fees_usd * number / (epochs - 1),
            gas_usd=0.0,
            holding_loss_usd=loss_usd / (epochs - 1) if number else 0.0,
        )
        for number in range(epochs)
    ]


def moving(one: RecentEpoch, kind: DecisionKind = DecisionKind.RS, **changes: float | None) -> RecentEpoch:
    return replace(one, kind=kind, moved=True, **changes)


def judged(
    recent: Sequence[RecentEpoch],
    *,
    params: RangeParams = INITIAL,
    signals: ForceSignals | None = None,
    bounds: Bounds | None = BOUNDS,
    asset_class: AssetClass = "volatile",
) -> KillSwitches:
    return kill_switches(EPOCH, recent, params, signals or Scene().signals, bounds, asset_class)


def test_an_ordinary_day_and_an_empty_history_fire_nothing() -> None:
    assert judged(day(fees_usd=20.0, loss_usd=25.0)) == KillSwitches()
    assert judged(()) == KillSwitches()


@pytest.mark.parametrize("asset_class", ["stable", "volatile"])
def test_a_day_that_loses_more_than_its_limit_fires(asset_class: AssetClass) -> None:
    limit = -MIN_DAY_YIELD_FRAC[asset_class] * NAV
    for loss, fires in ((limit * 0.999, False), (limit * 1.001, True)):
        found = judged(day(fees_usd=30.0, loss_usd=30.0 + loss), asset_class=asset_class, bounds=None)
        assert bool(found.fired) is fires
    assert found.fired[0].startswith("negative trailing yield: -")


def test_the_yield_is_fees_less_costs_less_losses_over_nav_of_that_time_and_not_annualised() -> None:
    recent = day(fees_usd=50.0, loss_usd=30.0)
    assert trailing_yield_frac(recent) == pytest.approx(20.0 / NAV)
    recent[10] = moving(recent[10], gas_usd=1.0, expected_cost_usd=7.0)
    recent[20] = moving(recent[20], gas_usd=9.0, expected_cost_usd=7.0)
    # Nothing moved: the expected cost was not paid, the gas of what reverted was.
    recent[30] = replace(recent[30], kind=DecisionKind.PRA, gas_usd=2.0, expected_cost_usd=7.0)
    assert trailing_yield_frac(recent) == pytest.approx((20.0 - 7.0 - 9.0 - 2.0) / NAV)


def test_a_price_that_falls_is_no_loss_of_the_strategy() -> None:
    fallen = [replace(one, nav_usd=NAV * (1 - number / 200)) for number, one in enumerate(day(fees_usd=5.0))]
    assert judged(fallen) == KillSwitches()


def test_a_cost_belongs_to_the_time_after_its_epoch_and_a_loss_to_the_time_before() -> None:
    recent = day(fees_usd=50.0)
    recent[-1] = moving(recent[-1], gas_usd=500.0, holding_loss_usd=3.0)
    recent[0] = moving(recent[0], gas_usd=7.0, holding_loss_usd=900.0)
    assert trailing_yield_frac(recent) == pytest.approx((50.0 - 7.0 - 3.0) / NAV)


def test_a_yield_over_less_than_half_a_day_is_unknown_and_said_to_be() -> None:
    for epochs, known in ((49, True), (48, False)):
        recent = day(epochs=epochs, loss_usd=5_000.0)
        assert (trailing_yield_frac(recent) is not None) is known
        found = judged(recent)
        assert bool(found.fired) is known
        assert bool(found.unknown) is not known
    assert found.unknown == ("negative trailing yield: fees and NAV are not known over 12:00:00",)


def test_epochs_without_fees_or_nav_are_passed_over() -> None:
    recent = day(fees_usd=50.0)
    recent[0] = replace(recent[0], fees_usd=None)
    recent[50] = replace(recent[50], nav_usd=None)
    recent[-1] = replace(recent[-1], fees_usd=None, gas_usd=None)
    assert trailing_yield_frac(recent) == pytest.approx(50.0 * 93 / 95 / NAV)
    unknown = [replace(one, fees_usd=None) for one in recent]
    assert judged(unknown).unknown[0].startswith("negative trailing yield: ")


@pytest.mark.parametrize("kind", [DecisionKind.RS, DecisionKind.PRA, DecisionKind.WIDEN])
def test_more_moves_than_four_in_four_hours_fire(kind: DecisionKind) -> None:
    for moves, fires in ((MAX_MOVES, False), (MAX_MOVES + 1, True)):
        recent = day()
        recent[-moves:] = [moving(one, kind) for one in recent[-moves:]]
        assert bool(judged(recent).fired) is fires
    assert judged(recent).fired == ("excessive moves: 5 in 4:00:00, more than 4",)


def test_a_move_of_exactly_four_hours_ago_counts() -> None:
    recent = day()
    recent[-16:-11] = [moving(one) for one in recent[-16:-11]]
    assert EPOCH.epoch_at - recent[-16].epoch_at == MOVES_WINDOW
    assert judged(recent).fired


def test_moves_that_are_old_that_failed_that_exit_or_that_only_compound_do_not_count() -> None:
    recent = day()
    recent[-17 - MAX_MOVES : -16] = [moving(one) for one in recent[-17 - MAX_MOVES : -16]]
    assert judged(recent) == KillSwitches()
    for kind in (DecisionKind.EXIT, DecisionKind.COMPOUND):
        recent[-20:] = [moving(one, kind) for one in recent[-20:]]
        assert judged(recent) == KillSwitches()
    recent[-20:] = [replace(one, kind=DecisionKind.PRA, moved=False) for one in recent[-20:]]
    assert judged(recent) == KillSwitches()


def test_gas_beyond_its_budget_fires() -> None:
    budget = GAS_BUDGET_FRAC * NAV
    for paid, fires in ((budget * 0.999, False), (budget * 1.001, True)):
        recent = day(fees_usd=1_000.0)
        recent[3] = replace(recent[3], gas_usd=paid / 2)
        recent[70] = replace(recent[70], gas_usd=paid / 2)
        assert bool(judged(recent).fired) is fires
    assert judged(recent).fired[0].startswith("gas budget: 100.10 USD in 24 h, more than 1.00% of 10000.00 USD")


def test_gas_that_is_partly_unknown_fires_by_what_is_known_or_is_said() -> None:
    recent = day(fees_usd=1_000.0)
    recent[5] = replace(recent[5], gas_usd=None)
    assert judged(recent) == KillSwitches(unknown=("gas budget: gas of 1 epochs is not known",))
    recent[6] = replace(recent[6], gas_usd=GAS_BUDGET_FRAC * NAV * 1.01)
    assert judged(recent).fired[0].startswith("gas budget")
    nothing = [replace(one, nav_usd=None) for one in recent]
    assert "gas budget: NAV is not known" in judged(nothing).unknown


def test_a_range_narrower_than_the_sigma_of_an_epoch_is_pathological() -> None:
    signals = Scene().signals
    forces = signals.composite
    width = half_width_frac(
        forces.volatility, INITIAL.base_min_frac, INITIAL.base_max_frac, INITIAL.vforce_exp, INITIAL.vforce_divider
    )
    for factor, fires in ((0.999, False), (1.001, True)):
        sigma = width * factor * EPOCHS_PER_YEAR**0.5
        seen = replace(signals, composite=replace(forces, sigma_annual_frac=sigma))
        assert bool(judged((), signals=seen).fired) is fires
    assert "less than the" in judged((), signals=seen).fired[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"base_min_frac": 1.9e-3},
        {"base_max_frac": 0.4501},
        {"vforce_exp": -1.01},
        {"vforce_divider": 1_001.0},
        {"rs_threshold": 0.95},
    ],
)
def test_parameters_outside_of_their_bounds_are_pathological(changes: dict[str, float]) -> None:
    params = replace(INITIAL, **changes)
    named = judged((), params=params).fired
    assert len(named) == 1
    assert next(iter(changes)) in named[0]
    if "base_max_frac" not in changes:
        # Of an unknown asset class no bound is known.
        assert judged((), params=params, bounds=None) == KillSwitches()


@pytest.mark.parametrize(
    "changes", [{"base_min_frac": 0.3, "base_max_frac": 0.2}, {"vforce_exp": 0.1}, {"base_min_frac": float("nan")}]
)
def test_parameters_that_give_no_range_are_pathological_and_raise_nothing(changes: dict[str, float]) -> None:
    assert judged((), params=replace(INITIAL, **changes), bounds=None).fired[0].startswith("pathological range: ")


@pytest.mark.parametrize("asset_class", ["stable", "volatile"])
def test_initial_parameters_and_corners_of_the_bounds_are_not_out_of_bounds(asset_class: AssetClass) -> None:
    space = SEARCH_SPACES[asset_class]
    bounds = Bounds(lower=space.lower, upper=space.upper)
    still = replace(Scene().signals, composite=replace(Scene().signals.composite, sigma_annual_frac=0.0))
    for params in (space.initial, space.lower, space.upper):
        assert pathology(params, still, bounds) == ""


@settings(max_examples=60, deadline=None)
@given(
    fees=st.floats(0, 500),
    loss=st.floats(0, 500),
    gas=st.lists(st.floats(0, 30), min_size=96, max_size=96),
    moved=st.lists(st.booleans(), min_size=96, max_size=96),
    more=st.floats(0, 300),
)
def test_more_losses_gas_or_moves_never_silence_a_switch(
    fees: float, loss: float, gas: list[float], moved: list[bool], more: float
) -> None:
    def world(extra: float) -> list[RecentEpoch]:
        return [
            replace(one, gas_usd=paid + extra / 96, moved=went or extra > 100, kind=DecisionKind.RS)
            for one, paid, went in zip(day(fees_usd=fees, loss_usd=loss + extra), gas, moved, strict=True)
        ]

    def names(found: KillSwitches) -> set[str]:
        return {text.partition(":")[0] for text in found.fired}

    assert names(judged(world(more))) >= names(judged(world(0.0)))
