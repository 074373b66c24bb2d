import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.portfolio.chainview import ChainView, chain_views, views_at
from alm_core.portfolio.survey import survey_chains
from alm_tests.core.portfolio.scene import Scene, with_market

TARGET = (1900.0, 2100.0)
FREE = StrategyConfig(max_pool_share=1.0)


def joined(snapshots: Sequence[MarketSnapshot]) -> MarketSnapshot:
    first, *others = snapshots
    for one in others:
        first = replace(
            first,
            chains=first.chains + one.chains,
            pools=first.pools + one.pools,
            holdings=first.holdings + one.holdings,
        )
    return first


def views(
    *scenes: Scene, config: StrategyConfig = FREE, fee_scale: float = 1.0, snapshot: MarketSnapshot | None = None
) -> tuple[ChainView, ...]:
    past = tuple(joined(moment) for moment in zip(*(scene.history(4) for scene in scenes), strict=True))
    now = snapshot or joined([scene.snapshot() for scene in scenes])
    return chain_views(scenes[0].signals, scenes[0].optimized, now, past, config, fee_scale=fee_scale)


def wanted(view: ChainView) -> list[float]:
    return [slot.wanted_usd for slot in view.slots.values()]


def placed(found: Sequence[ChainView]) -> float:
    return math.fsum(amount for view in found for amount in wanted(view))


def invested(first: float, second: float, **changes: object) -> Scene:
    positions = ((1, 0, *TARGET, first), (2, 1, *TARGET, second))
    return Scene(**{"idle_base": 0.0, "idle_quote": 0.0, "positions": positions, **changes})


LARGE = Scene(idle_base=500.0, idle_quote=1e6)
"""Capital enough to dilute the pools."""
DEEP = replace(FREE, exit_impact_frac=1.0)
RICH, POOR = Scene(chain_id=1), Scene(chain_id=8453, idle_base=1.0, idle_quote=2_000.0)


def test_every_chain_places_its_own_capital_and_says_that_it_binds() -> None:
    found = views(POOR, RICH)
    assert [view.chain.block.chain_id for view in found] == [1, 8453]
    assert [math.fsum(wanted(view)) for view in found] == pytest.approx([40_000.0, 4_000.0], rel=1e-9)
    assert all(view.binding[0] == "capital" for view in found)
    assert all(view.fill.kkt_residual_frac < 1e-9 for view in found)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("max_chain_share", "max_chain_share 1"),
        ("max_family_share", "max_family_share uniswap_v3"),
        ("max_issuer_share", "max_issuer_share test"),
    ],
)
def test_a_share_of_everything_holds_over_all_chains_and_is_named(rule: str, name: str) -> None:
    found = views(RICH, POOR, config=replace(FREE, **{rule: 0.5}))
    total = sum(view.nav_usd for view in found)
    counted = found[:1] if rule == "max_chain_share" else found
    assert placed(counted) == pytest.approx(0.5 * total, rel=1e-9)
    assert name in found[0].binding
    assert "capital" not in found[0].binding


def test_an_issuer_limits_only_the_pools_of_its_tokens() -> None:
    snapshot = RICH.snapshot()

    def by_bridge(pool: Pool) -> Pool:
        return replace(pool, token1=replace(pool.token1, issuer="bridge"))

    first, second = snapshot.pools
    split = replace(snapshot, pools=(replace(first, pool=by_bridge(first.pool)), second))
    plain, capped = (views(RICH, config=one, snapshot=split)[0] for one in (FREE, replace(FREE, max_issuer_share=0.3)))
    assert wanted(plain)[0] > 0.3 * plain.nav_usd
    # Both pools share the issuer of the base token: that limit takes both, the bridge's would take only one.
    assert placed([capped]) == pytest.approx(0.3 * capped.nav_usd, rel=1e-9)
    assert "max_issuer_share test" in capped.binding
    assert "max_issuer_share bridge" not in capped.binding


def test_no_pool_gets_more_than_could_be_sold_into_it_again() -> None:
    thin = Scene(active_usd=(1e6, 30e6), fees_usd_day=(5_000.0, 12_000.0))
    view = views(thin)[0]
    pool_id = thin.pools[0].pool_id
    assert view.slots[pool_id].wanted_usd == pytest.approx(1e6 * 0.02 / 2, rel=1e-3)
    assert f"exit_capacity {pool_id}" in view.binding
    assert math.fsum(wanted(view)) == pytest.approx(view.nav_usd, rel=1e-9)


def test_a_pool_that_can_only_take_a_trifle_gets_nothing() -> None:
    thin = Scene(active_usd=(1e4, 30e6), fees_usd_day=(500.0, 12_000.0))
    view = views(thin)[0]
    assert view.slots[thin.pools[0].pool_id].wanted_usd == 0.0
    assert f"exit_capacity {thin.pools[0].pool_id}" in view.binding


def test_no_more_pools_than_allowed_are_wanted_on_a_chain() -> None:
    scene = replace(LARGE, active_usd=(50e6, 30e6, 30e6), fees_usd_day=(20_000.0, 12_000.0, 12_000.0))
    assert sum(amount > 0 for amount in wanted(views(scene, config=DEEP)[0])) == 3
    view = views(scene, config=replace(DEEP, max_positions=1))[0]
    assert sum(amount > 0 for amount in wanted(view)) == 1
    assert "max_positions" in view.binding


def near_best(gwei: float) -> Scene:
    """All capital placed, a thousandth of one pool's in the wrong one. A pool's liquidity has ours in it."""
    view = views(replace(LARGE, base_fee_gwei=gwei), config=DEEP)[0]
    first, second = (view.slots[pool.pool_id] for pool in LARGE.pools)
    wrong = 0.001 * first.wanted_usd
    amounts = first.wanted_usd - wrong, second.wanted_usd + wrong
    ours = [slot.placement(usd).active_usd(slot.price) for slot, usd in zip((first, second), amounts, strict=True)]
    active = tuple(others + own for others, own in zip(LARGE.active_usd, ours, strict=True))
    return invested(*amounts, base_fee_gwei=gwei, active_usd=active)


def held_by_pool(view: ChainView) -> dict[str, float]:
    return {entry.placement.pool_id: entry.usd.total for entry in view.held}


def test_positions_near_the_best_split_are_wanted_as_they_are_to_the_last_cent() -> None:
    scene = near_best(500.0)
    view = views(scene, config=DEEP)[0]
    assert {pool_id: slot.wanted_usd for pool_id, slot in view.slots.items()} == held_by_pool(view)
    assert any(name.startswith("move_costs") for name in view.binding)
    changed = replace(scene, fees_usd_day=(20_000.0 * 0.999, 12_000.0))
    assert wanted(views(changed, config=DEEP)[0]) == wanted(view)
    upset = views(replace(scene, fees_usd_day=(2_000.0, 40_000.0)), config=DEEP)[0]
    second = scene.pools[1].pool_id
    assert upset.slots[second].wanted_usd > 1.05 * held_by_pool(upset)[second]


def test_moving_for_free_moves_what_costs_would_keep() -> None:
    view = views(near_best(0.0), config=DEEP)[0]
    assert {pool_id: slot.wanted_usd for pool_id, slot in view.slots.items()} != held_by_pool(view)
    assert not any(name.startswith("move_costs") for name in view.binding)


def test_a_position_that_does_not_fit_has_no_claim_to_its_pool() -> None:
    # It must be closed whatever is wanted, so that its capital pays for entering any pool alike.
    away = Scene(idle_base=0.0, idle_quote=0.0, positions=((1, 1, 1500.0, 1900.0, 40_000.0),))
    idle = Scene(idle_base=0.0, idle_quote=40_000.0)
    assert wanted(views(away)[0]) == pytest.approx(wanted(views(idle)[0]), rel=1e-3)


def test_capital_stays_out_where_entering_costs_more_than_it_brings_and_the_view_says_so() -> None:
    view = views(Scene(base_fee_gwei=20_000.0))[0]
    assert placed([view]) == 0.0
    assert {name.split()[0] for name in view.binding} == {"move_costs"}


@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 5), st.floats(1, 3))
def test_higher_fees_never_place_less(scale: float, growth: float) -> None:
    scenes = (RICH, POOR)
    config = replace(FREE, max_chain_share=0.6)
    low, high = (placed(views(*scenes, config=config, fee_scale=one)) for one in (scale * 0.05, scale * 0.05 * growth))
    assert high >= low - 1e-6


def test_a_survey_serves_every_scale_of_fees() -> None:
    scene = invested(20_000.0, 20_000.0)
    surveys = survey_chains(scene.signals, scene.optimized, scene.snapshot(), scene.history(4), FREE)
    for scale in (0.0, 0.5, 1.0, 2.0):
        assert views_at(surveys, FREE, fee_scale=scale) == views(scene, fee_scale=scale)
    plain, double = (views_at(surveys, FREE, fee_scale=scale)[0] for scale in (1.0, 2.0))
    for pool_id, slot in double.slots.items():
        assert slot.found.fees_usd == 2.0 * plain.slots[pool_id].found.fees_usd
    assert placed(views(scene, fee_scale=0.0)) < placed(views(scene))


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(InvalidInput, match="fee_scale"):
        views(Scene(), fee_scale=scale)


def test_rewards_draw_capital_after_their_haircut_and_unknown_ones_are_named() -> None:
    scene = LARGE
    snapshot = with_market(scene.snapshot(), (1e6, 1e6))
    first, second = snapshot.markets
    paying = replace(snapshot, markets=(first, replace(second, rewards_apr=0.02)))
    none, half, most = (
        views(scene, config=replace(DEEP, rewards_haircut_frac=cut), snapshot=paying)[0] for cut in (1.0, 0.5, 0.1)
    )
    of = scene.pools[1].pool_id
    assert none.slots[of].wanted_usd == views(scene, config=DEEP, snapshot=snapshot)[0].slots[of].wanted_usd
    assert none.slots[of].wanted_usd < half.slots[of].wanted_usd < most.slots[of].wanted_usd
    assert none.unknown_rewards == (scene.pools[0].pool_id,)


def test_a_chain_without_capital_pools_or_liquidity_wants_nothing() -> None:
    empty = views(Scene(idle_base=0.0, idle_quote=0.0))[0]
    assert placed([empty]) == 0.0
    scene = Scene()
    dry = replace(scene.snapshot(), pools=tuple(replace(one, liquidity=0) for one in scene.snapshot().pools))
    assert placed(views(scene, snapshot=dry)) == 0.0
    unknown = chain_views(scene.signals, scene.optimized, scene.snapshot(), (), FREE)
    assert (unknown[0].slots, unknown[0].targets()) == ({}, ())


def test_a_yield_that_is_no_number_is_refused_with_its_pool() -> None:
    scene = Scene()
    snapshot = with_market(scene.snapshot(), (float("nan"), 1e6))
    with pytest.raises(InvalidInput, match=f"{scene.pools[0].pool_id}: fees_usd nan"):
        chain_views(scene.signals, scene.optimized, snapshot, (), FREE)
