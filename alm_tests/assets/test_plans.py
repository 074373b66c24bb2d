"""A plan as people read it."""

from dataclasses import replace

from alm_assets.plans import plan_markdown
from alm_core.model.decisions import DecisionKind
from alm_core.model.market import PoolRefusal
from alm_core.model.signals import RegimeState
from alm_tests.core.portfolio.deciding import FITTING, invested, plan, with_fees
from alm_tests.core.portfolio.scene import Scene


def test_a_hold_says_from_which_fee_yield_on_it_would_act() -> None:
    scene = Scene(fees_usd_day=(10.0, 10.0), sigma=0.9)
    found = plan(scene)
    stated = found.decision.counterfactual
    assert stated is not None
    text = plan_markdown(found, scene.snapshot())
    assert f"Would be PRA with a fee yield above {stated.threshold:.2%} a year; it is {stated.now:.2%}." in text
    assert "| move |" not in text


def test_an_action_has_no_would_be() -> None:
    assert "Would be" not in plan_markdown(plan(Scene()), Scene().snapshot())


def test_collects_and_adds_are_listed_with_their_positions() -> None:
    snapshot = with_fees(invested().snapshot(), 100.0, 50.0)
    text = plan_markdown(plan(invested(), snapshot=snapshot), snapshot)
    assert "Closes 0, collects 2, opens 0, adds to 2." in text
    assert "| collect | uni-v3 5 bps on chain 8453 | #1 |" in text
    assert "| add | uni-v3 30 bps on chain 8453 | #2 |" in text


def test_closes_and_opens_are_listed() -> None:
    scene = invested(positions=((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1]))
    text = plan_markdown(plan(scene), scene.snapshot())
    assert "| close | uni-v3 5 bps on chain 8453 | #1 |" in text
    assert "| open | uni-v3 5 bps on chain 8453 | new |" in text


def test_an_exit_whose_gain_nobody_knows_says_unknown() -> None:
    snapshot = replace(invested().snapshot(), chains=())
    found = plan(invested(), snapshot=snapshot, regime=RegimeState.EXIT)
    assert found.decision.kind is DecisionKind.EXIT
    assert "| EXIT | unknown | unknown | unknown |" in plan_markdown(found, snapshot)


def test_a_pool_that_was_not_read_is_named_by_its_id() -> None:
    snapshot = invested().snapshot()
    found = plan(invested(), regime=RegimeState.EXIT)
    text = plan_markdown(found, replace(snapshot, pools=snapshot.pools[1:]))
    assert f"| close | {snapshot.pools[0].pool.pool_id} | #1 |" in text


def test_pools_that_nothing_may_enter_are_named_with_the_reason() -> None:
    snapshot = Scene().snapshot()
    first = snapshot.pools[0].pool.pool_id
    shut = replace(snapshot, refusals=(PoolRefusal(pool_id=first, reason="pool price: deviates 5 %"),))
    text = plan_markdown(plan(Scene(), snapshot=shut), shut)
    assert text.endswith("\n\nNothing may enter uni-v3 5 bps on chain 8453: pool price: deviates 5 %.")
    assert "Nothing may enter" not in plan_markdown(plan(Scene()), snapshot)
