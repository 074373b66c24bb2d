"""Fees go back into the positions that earned them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.deciding import FITTING, TARGET, assert_sound, invested, line_of, plan, with_fees
from alm_tests.core.portfolio.scene import Scene


def test_fees_are_collected_and_added_at_the_same_ticks() -> None:
    snapshot = with_fees(invested().snapshot(), 100.0, 50.0)
    found = plan(invested(), snapshot=snapshot)
    assert found.decision.kind is DecisionKind.COMPOUND
    assert found.closes == ()
    assert [collect.token_id for collect in found.collects] == [1, 2]
    held = {position.token_id: position for position in snapshot.holdings[0].positions}
    for target, usd in zip(found.opens, (100.0, 50.0), strict=True):
        assert target.token_id is not None
        position = held[target.token_id]
        assert (target.tick_lower, target.tick_upper) == (position.tick_lower, position.tick_upper)
        assert target.capital_usd == pytest.approx(usd, rel=1e-6)
        assert target.share_frac == pytest.approx(usd / (found.nav_usd or 0.0))
        assert target.expected_apr > 0
    assert_sound(found, snapshot)


def test_compounding_does_not_wait_for_the_minimum_hold() -> None:
    snapshot = with_fees(invested().snapshot(), 100.0, 50.0)
    found = plan(invested(), snapshot=snapshot, last_rebalance_at=END_AT - timedelta(minutes=15))
    assert found.decision.kind is DecisionKind.COMPOUND


def test_idle_capital_goes_along_as_far_as_its_pool_is_short_of_its_target() -> None:
    scene = invested(idle_quote=1000.0)
    alone = plan(scene)
    assert alone.decision.binding == "idle_threshold"
    found = plan(scene, snapshot=with_fees(scene.snapshot(), 100.0, 50.0))
    assert found.decision.kind is DecisionKind.COMPOUND
    assert sum(target.capital_usd for target in found.opens) == pytest.approx(1150.0, rel=1e-3)
    wanted = {target.pool_id: target.capital_usd for target in found.targets}
    for target, held in zip(found.opens, (28_100.0, 12_050.0), strict=True):
        assert held + target.capital_usd <= wanted[target.pool_id] + 200.0


def test_idle_capital_alone_is_nothing_to_compound() -> None:
    found = plan(invested(idle_quote=1000.0))
    assert not any(line.action is DecisionKind.COMPOUND for line in found.decision.alternatives)


def test_idle_capital_does_not_pay_for_compounding_a_trifle() -> None:
    scene = invested(idle_quote=1000.0, base_fee_gwei=2.0)
    found = plan(scene, snapshot=with_fees(scene.snapshot(), 3.0, 3.0))
    assert found.decision.kind is DecisionKind.HOLD
    line = line_of(found, "compound")
    assert line.note.endswith("refused by compound_cost")
    assert line.gain_usd is not None
    assert line.cost_usd is not None
    assert line.gain_usd > 2 * line.cost_usd
    assert "fees alone gain 0." in line.note
    assert "fees alone gain 0." in found.decision.reason


def test_fees_that_do_not_pay_for_their_gas_stay_where_they_are() -> None:
    scene = invested(base_fee_gwei=50.0)
    found = plan(scene, snapshot=with_fees(scene.snapshot(), 100.0, 50.0))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "compound_cost"


def test_only_positions_whose_own_fees_pay_are_compounded() -> None:
    scene = invested(base_fee_gwei=1.0)
    found = plan(scene, snapshot=with_fees(scene.snapshot(), 500.0, 0.5))
    assert [collect.token_id for collect in found.collects] == [1]
    assert [target.token_id for target in found.opens] == [1]


def test_the_multiple_of_costs_is_the_configured_one() -> None:
    snapshot = with_fees(invested().snapshot(), 100.0, 50.0)
    patient = replace(StrategyConfig(), compound_cost_multiple=1e6)
    assert plan(invested(), snapshot=snapshot, config=patient).decision.binding == "compound_cost"


def test_fees_of_a_position_that_has_to_move_are_not_compounded() -> None:
    scene = invested(positions=((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1]))
    found = plan(scene, snapshot=with_fees(scene.snapshot(), 500.0, 500.0))
    assert found.decision.kind is DecisionKind.RS
    compound = line_of(found, "compound")
    assert compound.note.endswith("refused by lower_net")


def test_uncollected_fees_are_not_expected_to_earn() -> None:
    plain, rich = (plan(invested(), snapshot=with_fees(invested().snapshot(), fees, fees)) for fees in (0.0, 4_000.0))
    income = [(one.nav_usd or 0.0) * one.decision.current_apr for one in (plain, rich)]
    # A fifth more if they did; what is left of it is the cost of shifting a larger NAV.
    assert income[0] == pytest.approx(income[1], rel=1e-3)


def test_idle_capital_is_added_to_a_position_that_lies_exactly_where_it_would_be_placed() -> None:
    found = plan(invested(idle_quote=20_000.0))
    assert found.decision.kind is DecisionKind.PRA
    assert {target.token_id for target in found.opens} == {1, 2}


def test_idle_capital_opens_a_position_of_its_own_beside_one_at_other_ticks() -> None:
    near = (TARGET[0] + 10.0, TARGET[1] + 10.0)
    scene = invested(positions=((1, 0, *near, 28_000.0), (2, 1, *TARGET, 12_000.0)), idle_quote=20_000.0)
    found = plan(scene)
    assert {target.pool_id: target.token_id for target in found.opens} == {
        scene.pools[0].pool_id: None,
        scene.pools[1].pool_id: 2,
    }


def test_a_shift_into_a_range_that_is_there_already_adds_to_it() -> None:
    scene = Scene(
        idle_base=0.0,
        idle_quote=0.0,
        positions=((1, 0, 1500.0, 1900.0, 14_000.0), (2, 0, *TARGET, 14_000.0), (3, 1, *TARGET, 12_000.0)),
    )
    found = plan(scene)
    assert [close.token_id for close in found.closes] == [1]
    assert [target.token_id for target in found.opens] == [2]
    assert_sound(found, scene.snapshot())
