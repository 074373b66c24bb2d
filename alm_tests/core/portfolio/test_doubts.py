"""A pool whose price nobody else agrees with: nothing enters it, and only its own position stops the pair."""

from dataclasses import replace

import pytest

from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import tick_at_sqrt_price_x96
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.market import MarketSnapshot, PoolRefusal, Twap
from alm_core.portfolio.doubts import doubt_of, with_doubted
from alm_tests.core.portfolio.deciding import LIMITS, plan
from alm_tests.core.portfolio.scene import EPOCH, PRICE, Scene

EVENLY = StrategyConfig(max_pool_share=0.35)
THREE = Scene(fees_usd_day=(40_000.0, 40_000.0, 40_000.0), active_usd=(50e6, 50e6, 50e6))
OFF = 1 + 2 * LIMITS.max_price_deviation_frac


def moved(snapshot: MarketSnapshot, *numbers: int, by: float = OFF) -> MarketSnapshot:
    """The snapshot with the prices of some pools elsewhere."""
    pools = list(snapshot.pools)
    for number in numbers:
        root = sqrt_price_x96_from_price(pools[number].pool, PRICE * by)
        pools[number] = replace(pools[number], sqrt_price_x96=root, tick=tick_at_sqrt_price_x96(root))
    return replace(snapshot, pools=tuple(pools))


def pool_id(number: int) -> str:
    return THREE.pools[number].pool_id


@pytest.mark.parametrize("number", [0, 1, 2])
def test_one_pool_elsewhere_gets_nothing_and_the_others_all_the_same(number: int) -> None:
    assert pool_id(number) in {target.pool_id for target in plan(THREE, config=EVENLY).opens}
    found = plan(THREE, snapshot=moved(THREE.snapshot(), number), config=EVENLY)
    assert found.decision.kind is not DecisionKind.HOLD
    assert {target.pool_id for target in found.opens} == {pool_id(one) for one in range(3)} - {pool_id(number)}


def test_a_pool_away_from_its_own_mean_gets_nothing_either() -> None:
    snapshot = THREE.snapshot()
    far = replace(snapshot.pools[1], twap=Twap(window_s=1800, tick=snapshot.pools[1].tick + 300))
    found = plan(THREE, snapshot=replace(snapshot, pools=(snapshot.pools[0], far, snapshot.pools[2])), config=EVENLY)
    assert {target.pool_id for target in found.opens} == {pool_id(0), pool_id(2)}


def test_a_position_in_a_doubted_pool_stops_the_pair() -> None:
    held = replace(THREE, positions=((1, 1, 1900.0, 2100.0, 10_000.0),))
    found = plan(held, snapshot=moved(held.snapshot(), 0, 1))
    assert (found.decision.kind, found.decision.binding) == (DecisionKind.HOLD, "price_deviation")
    assert pool_id(1) in found.decision.reason
    elsewhere = plan(held, snapshot=moved(held.snapshot(), 0))
    assert elsewhere.decision.binding != "price_deviation"


def test_where_most_pools_disagree_with_the_candles_the_candles_may_be_wrong() -> None:
    doubt = doubt_of(EPOCH, THREE.signals, moved(THREE.snapshot(), 0, 2), LIMITS)
    assert doubt is not None
    assert doubt.binding == "price_deviation"
    assert doubt.reason.startswith(f"2 of 3 pools: pool price: {pool_id(0)} deviates")


def test_one_of_two_pools_is_not_most() -> None:
    two = Scene()
    assert doubt_of(EPOCH, two.signals, moved(two.snapshot(), 1), LIMITS) is None
    assert doubt_of(EPOCH, two.signals, moved(two.snapshot(), 0, 1), LIMITS) is not None


def test_pools_without_liquidity_neither_doubt_nor_count() -> None:
    snapshot = moved(THREE.snapshot(), 0, 1, by=3.0)
    dry = replace(snapshot, pools=(replace(snapshot.pools[0], liquidity=0), *snapshot.pools[1:]))
    assert doubt_of(EPOCH, THREE.signals, dry, LIMITS) is None, "one of the two that have some"
    assert {one.pool_id for one in with_doubted(dry, THREE.signals, LIMITS).refusals} == {pool_id(1)}


def test_a_pool_within_the_bound_is_not_doubted_and_one_beyond_is() -> None:
    bound = LIMITS.max_price_deviation_frac
    for by, refused in ((1 + bound * 0.99, []), (1 + bound * 1.01, [pool_id(2)]), (1 - bound * 1.01, [pool_id(2)])):
        seen = with_doubted(moved(THREE.snapshot(), 2, by=by), THREE.signals, LIMITS)
        assert [one.pool_id for one in seen.refusals] == refused


def test_what_was_refused_before_keeps_its_reason() -> None:
    known = PoolRefusal(pool_id=pool_id(0), reason="FOO: takes a fee of every transfer")
    snapshot = replace(moved(THREE.snapshot(), 0, 1), refusals=(known,))
    seen = with_doubted(snapshot, THREE.signals, LIMITS)
    assert seen.refusal(pool_id(0)) == known.reason
    assert "deviates" in str(seen.refusal(pool_id(1)))
    assert len(seen.refusals) == 2
