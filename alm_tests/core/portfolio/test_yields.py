from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.market import MarketSnapshot
from alm_core.portfolio.yields import pool_yields
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import PRICE, Scene, with_market

POOL = "8453:0x" + f"{500:040d}"


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_fee_growth_gives_back_the_fees_that_were_paid(base_is_token0: bool) -> None:
    scene = Scene(base_is_token0=base_is_token0)
    found = pool_yields(scene.snapshot(), scene.history(), PRICE, 96)[POOL]
    assert found.fees_usd == pytest.approx(20_000 * 365.25, rel=1e-4)
    assert found.active_usd == pytest.approx(50e6, rel=1e-4)
    assert found.full_range_apr == pytest.approx(20_000 * 365.25 / 50e6, rel=1e-3)
    assert (found.source, found.window_s) == ("fee_growth", 86_400)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1e6), st.floats(1e4, 1e9), st.integers(1, 96))
def test_measured_fees_do_not_depend_on_the_window_when_fees_are_steady(fees: float, active: float, epochs: int):
    scene = Scene(fees_usd_day=(fees, 0.0), active_usd=(active, 1e6))
    found = pool_yields(scene.snapshot(), scene.history(96), PRICE, epochs)[POOL]
    assert found.fees_usd == pytest.approx(fees * 365.25, rel=1e-3, abs=1.0)
    assert found.window_s == epochs * 900


def shifted(snapshot: MarketSnapshot, by: int) -> MarketSnapshot:
    moved = tuple(
        replace(state, fee_growth_global1_x128=(state.fee_growth_global1_x128 + by) % 2**256)
        for state in snapshot.pools
    )
    return replace(snapshot, pools=moved)


def test_growth_that_wraps_around_is_still_growth() -> None:
    scene = Scene()
    last = scene.history(1)[0]
    wrap = -last.pools[0].fee_growth_global1_x128 - 1
    found = pool_yields(shifted(scene.snapshot(), wrap), [shifted(last, wrap)], PRICE, 96)[POOL]
    assert found.fees_usd == pytest.approx(20_000 * 365.25, rel=1e-3)


def test_a_block_read_twice_counts_once_and_a_node_that_lagged_does_not_make_the_counter_wrap() -> None:
    scene = Scene()
    past = scene.history(4)
    sound = pool_yields(scene.snapshot(), past, PRICE, 96)[POOL]
    twice = (past[0], past[1], past[1], *past[2:])
    assert pool_yields(scene.snapshot(), twice, PRICE, 96)[POOL] == sound
    lagging = (past[0], past[2], past[1], past[3])
    found = pool_yields(scene.snapshot(), lagging, PRICE, 96)[POOL]
    assert found.fees_usd == pytest.approx(sound.fees_usd, rel=1e-6)


def test_volume_estimates_only_while_there_is_no_history_and_says_so() -> None:
    scene = Scene()
    snapshot = with_market(scene.snapshot(), (10e6, 1e6))
    estimated = pool_yields(snapshot, (), PRICE, 96)[POOL]
    assert estimated.source == "volume_24h"
    assert estimated.fees_usd == pytest.approx(10e6 * 0.0005 * 365.25)
    assert pool_yields(snapshot, scene.history(1), PRICE, 96)[POOL].source == "fee_growth"


def test_fees_that_nobody_knows_are_left_out_not_zero() -> None:
    scene = Scene()
    assert pool_yields(scene.snapshot(), (), PRICE, 96) == {}
    assert list(pool_yields(with_market(scene.snapshot(), (None, 1e6)), (), PRICE, 96)) == [scene.pools[1].pool_id]


def test_the_same_day_counts_once_however_often_it_was_sampled() -> None:
    # The reference annualised the difference of two rolling day volumes: the same quarter hour a day apart.
    scene = Scene()
    sparse = (scene.snapshot(END_AT - timedelta(days=1)),)
    dense = scene.history(96)
    assert pool_yields(scene.snapshot(), sparse, PRICE, 96)[POOL].fees_usd == pytest.approx(
        pool_yields(scene.snapshot(), dense, PRICE, 96)[POOL].fees_usd, rel=1e-6
    )


def test_our_own_liquidity_is_not_competition() -> None:
    alone = Scene()
    ours = Scene(positions=((1, 0, 1999, 2001, 10_000.0),))
    free, held = (pool_yields(scene.snapshot(), scene.history(1), PRICE, 96)[POOL] for scene in (alone, ours))
    assert held.active_usd < 0.7 * free.active_usd
    away = Scene(positions=((1, 0, 2100, 2200, 10_000.0),))
    assert pool_yields(away.snapshot(), away.history(1), PRICE, 96)[POOL].active_usd == free.active_usd


def test_rewards_are_of_all_liquidity_in_range_and_unknown_ones_stay_unknown() -> None:
    scene = Scene()
    snapshot = with_market(scene.snapshot(), (1e6, 1e6))
    first, second = snapshot.markets
    paying = replace(snapshot, markets=(replace(first, rewards_apr=0.04), replace(second, rewards_apr=0.0)))
    known = pool_yields(paying, scene.history(1), PRICE, 96)
    assert known[POOL].rewards_usd == pytest.approx(0.04 * 50e6, rel=1e-4)
    assert known[scene.pools[1].pool_id].rewards_usd == 0.0
    assert pool_yields(snapshot, scene.history(1), PRICE, 96)[POOL].rewards_usd is None
    assert pool_yields(scene.snapshot(), scene.history(1), PRICE, 96)[POOL].rewards_usd is None


def test_rewards_in_place_of_fees_are_not_added_to_them_and_without_a_price_the_pool_is_unknown() -> None:
    scene = Scene()
    snapshot = with_market(scene.snapshot(), (1e6, 1e6))
    first, second = snapshot.markets
    staked = replace(first, rewards_apr=0.04, rewards_replace_fees=True)
    other = second.pool_id
    known = pool_yields(replace(snapshot, markets=(staked, second)), scene.history(1), PRICE, 96)
    plain = pool_yields(snapshot, scene.history(1), PRICE, 96)
    assert (known[POOL].fees_usd, known[POOL].rewards_usd) == (0.0, pytest.approx(0.04 * 50e6, rel=1e-4))
    assert known[other] == plain[other]
    besides = replace(staked, rewards_replace_fees=False)
    both = pool_yields(replace(snapshot, markets=(besides, second)), scene.history(1), PRICE, 96)[POOL]
    assert (both.fees_usd, both.rewards_usd) == (plain[POOL].fees_usd, known[POOL].rewards_usd)
    unpriced = replace(staked, rewards_apr=None)
    assert list(pool_yields(replace(snapshot, markets=(unpriced, second)), scene.history(1), PRICE, 96)) == [other]
