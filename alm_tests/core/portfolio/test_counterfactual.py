"""A HOLD says from which fee yield on it would act, and there it does."""

import math
from datetime import timedelta

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.portfolio.counterfactual import MAX_SCALE, TOLERANCE_FRAC, fee_counterfactual
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.deciding import FITTING, invested, plan, scaled
from alm_tests.core.portfolio.scene import Scene

MAX_CALLS = 11


class Stepped:
    """A decision that acts from a scale on, and counts how often it is asked."""

    def __init__(self, acts_from: float) -> None:
        self.acts_from = acts_from
        self.calls = 0

    def __call__(self, scale: float) -> DecisionKind:
        self.calls += 1
        return DecisionKind.RS if scale >= self.acts_from else DecisionKind.HOLD


@given(st.floats(1.0001, MAX_SCALE))
def test_the_threshold_is_found_from_above_and_within_a_hundredth(acts_from: float) -> None:
    decide = Stepped(acts_from)
    found = fee_counterfactual(decide, 0.25)
    assert found is not None
    assert found.action is DecisionKind.RS
    assert found.now == 0.25
    assert acts_from * 0.25 <= found.threshold <= acts_from * 0.25 * (1 + TOLERANCE_FRAC)
    assert decide.calls <= MAX_CALLS


@given(st.floats(MAX_SCALE * 1.0001, 1e9))
def test_beyond_a_thousand_times_the_fees_there_is_no_threshold(acts_from: float) -> None:
    decide = Stepped(acts_from)
    assert fee_counterfactual(decide, 0.25) is None
    assert decide.calls == 3


@pytest.mark.parametrize("now", [0.0, -0.1, math.nan])
def test_fees_of_nothing_cannot_be_scaled(now: float) -> None:
    assert fee_counterfactual(Stepped(1.0), now) is None


positions = st.tuples(st.integers(0, 1), st.floats(1000, 2200), st.floats(20, 1500), st.floats(10, 50_000))
yields = st.floats(-1, 4.5).map(lambda power: 10.0**power)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(positions, max_size=3),
    st.sampled_from([(10.0, 20_000.0), (0.4, 300.0), (0.0, 0.0)]),
    st.tuples(yields, yields),
    st.floats(0.3, 1.5),
    st.floats(-2, 1.5).map(lambda power: 10.0**power),
    st.sampled_from([30, None, 1]),
)
@example([], (10.0, 20_000.0), (0.1, 0.1), 1.0, 0.01, None)
@example([(0, 1500.0, 400.0, 28_000.0)], (0.0, 0.0), (200.0, 100.0), 0.3, 100.0, None)
# Here the action comes, goes and comes again within two per cent.
@example(
    [(0, 1000.0, 20.0, 365.0), (0, 1000.0, 20.0, 22_994.0), (0, 1000.0, 20.0, 25_693.0)],
    (0.4, 300.0),
    (57.89944474193293, 1.0),
    0.9375,
    0.562,
    30,
)
def test_fees_beyond_the_threshold_turn_a_hold_into_the_stated_action(
    drawn: list[tuple[int, float, float, float]],
    idle: tuple[float, float],
    fees: tuple[float, float],
    sigma: float,
    gwei: float,
    hours: int | None,
) -> None:
    scene = Scene(
        idle_base=idle[0],
        idle_quote=idle[1],
        fees_usd_day=fees,
        sigma=sigma,
        base_fee_gwei=gwei,
        positions=tuple((at, number, low, low + width, usd) for at, (number, low, width, usd) in enumerate(drawn)),
    )
    last = None if hours is None else END_AT - timedelta(hours=hours)

    def kind(scale: float) -> DecisionKind:
        return plan(scaled(scene, scale), last_rebalance_at=last, history=2).decision.kind

    decision = plan(scene, last_rebalance_at=last, history=2).decision
    if decision.kind is not DecisionKind.HOLD:
        event("acts at today's fees")
        assert decision.counterfactual is None
        return
    found = decision.counterfactual
    if found is None:
        event("no fees would change it")
        assert {kind(scale) for scale in (1.2, 2.0, 5.0, 30.0, 300.0, MAX_SCALE)} == {DecisionKind.HOLD}
        return
    event("a threshold is stated")
    scale = found.threshold / found.now
    assert kind(scale * (1 + 1e-6)) is found.action
    # Searched again with the pools themselves earning more: the same place, and a HOLD right below it.
    seen = {1.0: DecisionKind.HOLD}

    def searched(at: float) -> DecisionKind:
        return seen.setdefault(at, kind(at))

    again = fee_counterfactual(searched, found.now)
    assert again is not None
    assert again.threshold == pytest.approx(found.threshold, rel=TOLERANCE_FRAC)
    held = max(at for at, was in seen.items() if was is DecisionKind.HOLD and at < again.threshold / again.now)
    assert again.threshold / again.now <= held * (1 + TOLERANCE_FRAC)


def test_the_yield_is_that_of_a_full_range_unit_in_the_best_pool() -> None:
    scene = invested(fees_usd_day=(2_000.0, 600.0), positions=((1, 0, 1500.0, 1900.0, 28_000.0),), base_fee_gwei=100.0)
    config = StrategyConfig(rs_cost_multiple=50.0, pra_cost_multiple=1e9, day_budget_frac=1.0)
    found = plan(scene, config=config).decision.counterfactual
    assert found is not None
    assert found.quantity == "fee_yield"
    assert found.now == pytest.approx(2_000.0 * 365.25 / 50e6, rel=1e-3)
    assert found.threshold > found.now
    assert found.action is DecisionKind.RS


def test_a_minimum_hold_is_not_a_matter_of_fees() -> None:
    scene = invested(positions=((1, 0, 1600.0, 2450.0, 28_000.0), FITTING[1]))
    found = plan(scene, last_rebalance_at=END_AT - timedelta(hours=1)).decision
    assert found.binding == "min_hold"
    assert found.counterfactual is None


def test_without_capital_nothing_would_be_done_at_any_yield() -> None:
    found = plan(Scene(idle_base=0.0, idle_quote=0.0)).decision
    assert found.binding == "capital"
    assert found.counterfactual is None
