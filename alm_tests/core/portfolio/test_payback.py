"""Actions that kept less than they promised make the next one prove more."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.past import RecentEpoch
from alm_core.portfolio.payback import EVIDENCE, MAX_PAYBACK_FACTOR, payback_factor
from alm_tests.core.portfolio.deciding import epoch_past, invested, line_of, plan, with_fees

WEEK = timedelta(days=7)


def day(
    kept_frac: float, *, hours: float = 12.0, gas_usd: float | None = 1.0, lost_usd: float | None = None
) -> tuple[RecentEpoch, ...]:
    """A day on which an action promised 700 USD a week; ``kept_frac`` of it came in, beside 10 USD a day as before."""
    acted, oldest = timedelta(hours=hours), timedelta(hours=hours + 6)
    promised = 100.0 * hours / 24.0
    return (
        epoch_past(oldest, fees_usd=40.0),
        epoch_past(
            acted,
            kind=DecisionKind.RS,
            moved=True,
            fees_usd=42.5,
            gas_usd=gas_usd,
            expected_gain_usd=700.0,
            expected_cost_usd=5.0,
        ),
        epoch_past(
            timedelta(0),
            fees_usd=42.5 + 10.0 * hours / 24.0 + kept_frac * promised + (lost_usd or 0.0),
            holding_loss_usd=lost_usd,
        ),
    )


def test_what_kept_its_promise_changes_nothing() -> None:
    assert payback_factor(day(1.0), WEEK) == pytest.approx(1.0)
    assert payback_factor(day(3.0), WEEK) == 1.0


def test_the_factor_is_as_documented() -> None:
    assert payback_factor(day(0.25), WEEK) == pytest.approx(1.0 + 2.0 * 0.75)
    assert payback_factor(day(0.0), WEEK) == pytest.approx(MAX_PAYBACK_FACTOR)
    assert payback_factor(day(-1.0), WEEK) == MAX_PAYBACK_FACTOR


def test_a_shortfall_of_an_hour_proves_little() -> None:
    assert payback_factor(day(0.0, hours=1.0), WEEK) == pytest.approx(1.0 + 2.0 * (timedelta(hours=1) / EVIDENCE))


def test_gas_beyond_what_was_expected_counts_against_the_promise() -> None:
    # 50 USD promised by now, all of it kept, 25 USD more gas than the action was to cost.
    assert payback_factor(day(1.0, gas_usd=30.0), WEEK) == pytest.approx(1.0 + 2.0 * 0.5)
    assert payback_factor(day(1.0, gas_usd=None), WEEK) == pytest.approx(1.0)


def test_what_positions_lost_against_holding_is_not_kept() -> None:
    earned_and_lost = day(0.5, lost_usd=20.0)
    assert payback_factor(earned_and_lost, WEEK) == pytest.approx(1.0 + 2.0 * 0.5)


def test_what_is_not_known_changes_nothing() -> None:
    before, acted, after = day(0.0)
    assert payback_factor((), WEEK) == 1.0
    assert payback_factor((acted, after), WEEK) == 1.0
    assert payback_factor((before, acted), WEEK) == 1.0
    blind = epoch_past(timedelta(hours=12), kind=DecisionKind.RS, moved=True, expected_gain_usd=700.0)
    assert payback_factor((before, blind, after), WEEK) == 1.0
    idle = epoch_past(timedelta(hours=12), fees_usd=42.5)
    assert payback_factor((before, idle, after), WEEK) == 1.0


def test_a_plan_that_moved_nothing_promised_nothing() -> None:
    before, _, after = day(0.0)
    unmoved = epoch_past(timedelta(hours=12), kind=DecisionKind.RS, fees_usd=42.5, expected_gain_usd=700.0)
    assert payback_factor((before, unmoved, after), WEEK) == 1.0


money = st.floats(0, 1e6)
epochs = st.builds(
    lambda moved, fees, gas, gain, cost, lost: {
        "moved": moved,
        "fees_usd": fees,
        "gas_usd": gas,
        "expected_gain_usd": gain,
        "expected_cost_usd": cost,
        "holding_loss_usd": lost,
    },
    st.booleans(),
    st.none() | money,
    st.none() | money,
    money,
    money,
    st.none() | money,
)


@given(st.lists(epochs, max_size=8))
def test_the_factor_is_never_below_one_nor_above_three(drawn: list[dict[str, object]]) -> None:
    recent = tuple(epoch_past(timedelta(hours=len(drawn) - at), **figures) for at, figures in enumerate(drawn))
    assert 1.0 <= payback_factor(recent, WEEK) <= MAX_PAYBACK_FACTOR


def test_after_broken_promises_an_action_needs_a_larger_gain() -> None:
    snapshot = with_fees(invested(base_fee_gwei=1.0).snapshot(), 40.0, 40.0)
    scene, config = invested(base_fee_gwei=1.0), StrategyConfig(compound_cost_multiple=1.5)
    trusted = plan(scene, snapshot=snapshot, config=config, recent=day(1.0))
    doubted = plan(scene, snapshot=snapshot, config=config, recent=day(0.0))
    assert trusted.decision.kind is DecisionKind.COMPOUND
    assert doubted.decision.kind is DecisionKind.HOLD
    assert line_of(doubted, "compound").note.endswith("refused by compound_cost")
    assert "3.00 times" in doubted.decision.reason
    assert "times" not in trusted.decision.reason
