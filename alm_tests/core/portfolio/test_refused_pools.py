"""Pools with a token that does not keep its word: nothing goes in, and what is in there comes out."""

from dataclasses import replace

import pytest

from alm_core.model.decisions import DecisionKind, PositionClose
from alm_core.model.market import MarketSnapshot, PoolRefusal
from alm_core.portfolio.plan_limits import check_plan
from alm_tests.core.portfolio.deciding import LIMITS, invested, plan
from alm_tests.core.portfolio.scene import Scene

REASON = "FOO: takes a fee of every transfer"


def refusing(snapshot: MarketSnapshot, *numbers: int) -> MarketSnapshot:
    refusals = [PoolRefusal(pool_id=snapshot.pools[number].pool.pool_id, reason=REASON) for number in numbers]
    return replace(snapshot, refusals=tuple(refusals))


@pytest.mark.parametrize("number", [0, 1])
def test_capital_goes_where_tokens_keep_their_word(number: int) -> None:
    scene = Scene(fees_usd_day=(40_000.0, 40_000.0))
    free = plan(scene)
    assert {target.pool_id for target in free.opens} == {state.pool.pool_id for state in scene.snapshot().pools}
    bound = plan(scene, snapshot=refusing(scene.snapshot(), number))
    assert {target.pool_id for target in bound.opens} == {scene.snapshot().pools[1 - number].pool.pool_id}


def test_with_every_pool_refused_nothing_is_placed() -> None:
    scene = Scene(fees_usd_day=(40_000.0, 40_000.0))
    found = plan(scene, snapshot=refusing(scene.snapshot(), 0, 1))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.opens == ()


def test_a_held_position_is_never_added_to() -> None:
    scene = invested(idle_quote=40_000.0, fees_usd_day=(40_000.0, 40_000.0))
    snapshot = refusing(scene.snapshot(), 0, 1)
    found = plan(scene, snapshot=snapshot)
    assert found.opens == ()


@pytest.mark.control("tokens", "fires")
@pytest.mark.control("tokens", "passes")
def test_a_plan_that_places_there_is_refused_by_name_but_one_that_leaves_is_not() -> None:
    scene = Scene(fees_usd_day=(40_000.0, 40_000.0))
    placing = plan(scene)
    broken = check_plan(placing, refusing(scene.snapshot(), 0), LIMITS)
    assert [(one.limit, one.value) for one in broken] == [("tokens", REASON)]
    leaving = replace(invested(), fees_usd_day=(40_000.0, 40_000.0))
    held = leaving.snapshot().holdings[0].positions
    exits = replace(
        plan(leaving),
        decision=replace(placing.decision, kind=DecisionKind.EXIT),
        opens=(),
        collects=(),
        closes=tuple(_close(leaving.snapshot(), one.token_id, one.pool_id) for one in held),
    )
    assert check_plan(exits, refusing(leaving.snapshot(), 0, 1), LIMITS) == ()


def _close(snapshot: MarketSnapshot, token_id: int, pool_id: str) -> PositionClose:
    return PositionClose(pool_id=pool_id, chain_id=snapshot.pool_state(pool_id).pool.chain_id, token_id=token_id)
