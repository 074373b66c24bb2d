import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.past import PastEpochs
from alm_core.model.signals import RegimeState
from alm_core.portfolio.canonical import canonical_json
from alm_core.portfolio.decision import plan_allocation
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.deciding import FITTING, LIMITS, TARGET, assert_sound, invested, line_of, plan, with_fees
from alm_tests.core.portfolio.scene import EPOCH, Scene, with_market

holdings = st.lists(
    st.tuples(st.integers(0, 1), st.floats(1000, 2200), st.floats(20, 1500), st.floats(10, 50_000)).map(
        lambda drawn: (drawn[0], drawn[1], drawn[1] + drawn[2], drawn[3])
    ),
    max_size=4,
)


@settings(max_examples=120, deadline=None)
@given(
    holdings,
    st.booleans(),
    st.floats(0, 30),
    st.floats(0, 60_000),
    st.tuples(st.floats(0, 5e4), st.floats(0, 5e4)),
    st.floats(0.05, 1.5),
    st.floats(0.001, 100),
    st.sampled_from([None, 1, 30]),
    st.sampled_from(RegimeState),
    st.lists(st.floats(0, 2_000), min_size=4, max_size=4),
)
def test_every_plan_is_sound(
    positions: list[tuple[int, float, float, float]],
    base_is_token0: bool,
    base: float,
    quote: float,
    fees: tuple[float, float],
    sigma: float,
    gwei: float,
    hours: int | None,
    regime: RegimeState,
    uncollected: list[float],
) -> None:
    scene = Scene(
        base_is_token0=base_is_token0,
        idle_base=base,
        idle_quote=quote,
        fees_usd_day=fees,
        sigma=sigma,
        base_fee_gwei=gwei,
        positions=tuple((number, *held) for number, held in enumerate(positions)),
    )
    last = None if hours is None else END_AT - timedelta(hours=hours)
    snapshot = with_fees(scene.snapshot(), *uncollected[: len(positions)])
    assert_sound(plan(scene, snapshot=snapshot, last_rebalance_at=last, history=2, regime=regime), snapshot)


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_the_first_epoch_places_the_capital_at_the_optimized_range(base_is_token0: bool) -> None:
    scene = Scene(base_is_token0=base_is_token0)
    found = plan(scene)
    assert found.decision.kind is DecisionKind.PRA
    assert sum(target.capital_usd for target in found.opens) == pytest.approx(40_000, rel=1e-6)
    assert found.closes == ()
    middle = [(target.tick_lower + target.tick_upper) / 2 for target in found.opens]
    assert all(abs(tick - scene.snapshot().pools[0].tick) < 200 for tick in middle)


def test_token_order_does_not_change_the_decision() -> None:
    first, second = (plan(Scene(base_is_token0=order)) for order in (True, False))
    assert first.decision.kind is second.decision.kind
    for one, other in zip(first.opens, second.opens, strict=True):
        assert one.capital_usd == pytest.approx(other.capital_usd, rel=1e-3)
        assert (one.tick_lower, one.tick_upper) == (-other.tick_upper, -other.tick_lower)


def test_capital_that_fits_is_left_alone() -> None:
    found = plan(invested())
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "nothing_to_do"


def test_idle_capital_is_placed_within_the_minimum_hold_without_burning_what_fits() -> None:
    scene = invested(idle_quote=20_000.0)
    found = plan(scene, last_rebalance_at=END_AT - timedelta(minutes=15))
    assert found.decision.kind is DecisionKind.PRA
    assert found.closes == ()
    assert sum(target.capital_usd for target in found.opens) == pytest.approx(20_000, rel=1e-6)


def test_little_idle_capital_waits() -> None:
    found = plan(invested(idle_quote=1000.0))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "idle_threshold"


def test_idle_capital_beyond_the_cap_does_not_rebalance_for_ever() -> None:
    scene = Scene(
        active_usd=(50e6,), fees_usd_day=(20_000.0,), idle_base=0.0, idle_quote=12_000.0, positions=FITTING[:1]
    )
    assert plan(scene).decision.kind is DecisionKind.HOLD


def test_a_position_out_of_range_is_shifted_even_within_the_minimum_hold() -> None:
    scene = invested(positions=((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1]))
    found = plan(scene, last_rebalance_at=END_AT - timedelta(hours=1))
    assert found.decision.kind is DecisionKind.RS
    assert [close.token_id for close in found.closes] == [1]
    assert [target.pool_id for target in found.opens] == [scene.pools[0].pool_id]
    assert found.opens[0].capital_usd == pytest.approx(28_000, rel=1e-6)


def too_wide() -> Scene:
    return invested(positions=((1, 0, 1600.0, 2450.0, 28_000.0), FITTING[1]))


def test_a_range_that_no_longer_suits_is_shifted_only_after_the_minimum_hold() -> None:
    early = plan(too_wide(), last_rebalance_at=END_AT - timedelta(hours=11))
    assert early.decision.kind is DecisionKind.HOLD
    assert early.decision.binding == "min_hold"
    late = plan(too_wide(), last_rebalance_at=END_AT - timedelta(hours=12))
    assert late.decision.kind is DecisionKind.RS


def test_a_shift_that_does_not_pay_for_its_gas_is_refused() -> None:
    found = plan(replace(too_wide(), base_fee_gwei=20_000.0))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding in {"rs_cost", "pra_cost"}
    line = line_of(found, "shift ranges")
    assert line.note.endswith("refused by rs_cost")
    assert line.net_usd is not None
    assert line.net_usd < 0


def test_a_shift_and_idle_capital_are_done_together_where_both_pay() -> None:
    found = plan(invested(positions=((1, 0, 1500.0, 1900.0, 28_000.0),), idle_quote=12_000.0))
    assert found.decision.kind is DecisionKind.PRA
    assert [close.token_id for close in found.closes] == [1]
    assert sum(target.capital_usd for target in found.opens) == pytest.approx(40_000, rel=1e-6)


def test_the_cost_of_a_shift_counts_close_swap_and_open() -> None:
    scene = invested(positions=((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1]), base_fee_gwei=10.0)
    line = line_of(plan(scene), "shift ranges")
    gas = (424_000 + 433_000 + 4 * 48_000 + 101_000 + 150_000 + 2 * 48_000) * (10e9 + 1e6) / 1e18 * scene.price
    # The position left its range upwards: all of it is quote, and about half must become base.
    assert line.cost_usd == pytest.approx(gas + 14_000 * (0.0005 + 2 * 14_000 / 50e6), rel=0.05)


def test_a_refused_reallocation_does_not_hide_a_needed_shift() -> None:
    # All capital sits in the poorer pool: a PRA would gain, but only the RS is allowed.
    scene = invested(positions=((1, 1, 1500.0, 1900.0, 40_000.0),), fees_usd_day=(12_000.0, 12_000.0))
    strict = StrategyConfig(pra_cost_multiple=1e9, max_pool_share=1.0)
    found = plan(scene, config=strict)
    assert found.decision.kind is DecisionKind.RS
    assert any("pra_cost" in line.note for line in found.decision.alternatives)


def test_a_reallocation_keeps_the_positions_it_would_mint_again() -> None:
    scene = invested(
        positions=((1, 0, *TARGET, 20_000.0), (2, 2, *TARGET, 20_000.0)),
        active_usd=(50e6, 30e6, 30e6),
        fees_usd_day=(40_000.0, 8_000.0, 0.0),
    )
    found = plan(scene)
    assert found.decision.kind is DecisionKind.PRA
    assert [close.token_id for close in found.closes] == [2]
    assert all((close.pool_id != scene.pools[0].pool_id) for close in found.closes)


def test_a_position_that_loses_to_arbitrage_is_closed_for_nothing_better() -> None:
    scene = invested(fees_usd_day=(10.0, 10.0), sigma=0.9)
    found = plan(scene)
    assert found.decision.kind is DecisionKind.PRA
    assert len(found.closes) == 2
    assert found.opens == ()
    assert found.decision.current_apr < 0


def test_capital_too_small_for_the_gas_of_placing_it_is_told_so() -> None:
    found = plan(Scene(idle_base=0.01, idle_quote=20.0, base_fee_gwei=60.0))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding.startswith("move_costs 8453:")
    assert "moving capital" in found.decision.reason


def test_capital_stays_idle_where_fees_do_not_pay_for_lvr() -> None:
    found = plan(Scene(fees_usd_day=(10.0, 10.0), sigma=0.9))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "fees_below_lvr"


def test_the_current_yield_is_marked_anew_each_epoch() -> None:
    rich, poor = (plan(invested(fees_usd_day=(fees, fees))) for fees in (20_000.0, 15_000.0))
    assert poor.decision.current_apr < 0.8 * rich.decision.current_apr


def test_the_table_of_alternatives_has_usd_for_every_action() -> None:
    table = plan(invested(idle_quote=20_000.0, positions=((1, 0, 1500.0, 1900.0, 28_000.0),))).decision.alternatives
    assert {line.action for line in table} == {DecisionKind.HOLD, DecisionKind.RS, DecisionKind.PRA}
    for line in table:
        assert line.gain_usd is not None
        assert line.cost_usd is not None
        assert line.net_usd == pytest.approx(line.gain_usd - line.cost_usd)
        assert line.note


def held_for(found: AllocationPlan, binding: str, named: str) -> None:
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == binding
    assert named in found.decision.reason
    assert found.closes == ()
    assert found.opens == ()


def test_a_source_problem_holds_and_is_named() -> None:
    problem = SourceProblem(source="rpc:8453", detail="timeout after 10 s")
    snapshot = replace(Scene().snapshot(), problems=(problem,))
    held_for(plan(Scene(), snapshot=snapshot), "source", "rpc:8453: timeout after 10 s")


def test_an_unknown_quote_price_holds_with_an_unknown_nav() -> None:
    found = plan(Scene(), snapshot=replace(Scene().snapshot(), quote_usd=None))
    held_for(found, "source", "quote price")
    assert found.nav_usd is None


def test_doubtful_candles_hold() -> None:
    held_for(plan(Scene(), signals_reason="candles: too few"), "source", "candles: too few")


def test_unknown_fee_yields_hold() -> None:
    held_for(plan(Scene(), history=0), "source", "fee yields")


def test_a_held_pool_without_known_fees_holds() -> None:
    scene = invested()
    snapshot = with_market(scene.snapshot(), (None, 1e6))
    held_for(plan(scene, snapshot=snapshot, history=0), "inputs", scene.pools[0].pool_id)


def test_a_position_in_a_pool_that_was_not_read_holds() -> None:
    snapshot = invested().snapshot()
    held_for(plan(invested(), snapshot=replace(snapshot, pools=snapshot.pools[1:])), "inputs", "position 1")


def test_a_chain_without_a_native_price_holds() -> None:
    snapshot = Scene().snapshot()
    chain = replace(snapshot.chains[0], native_usd=0.0)
    held_for(plan(Scene(), snapshot=replace(snapshot, chains=(chain,))), "inputs", "chain 8453: native_usd 0.0")
    held_for(plan(Scene(), snapshot=replace(snapshot, chains=())), "inputs", "gas price of chain 8453")


def test_a_position_in_a_pool_that_lost_its_liquidity_is_moved() -> None:
    scene = invested()
    snapshot = scene.snapshot()
    dry = (replace(snapshot.pools[0], liquidity=0), *snapshot.pools[1:])
    found = plan(scene, snapshot=replace(snapshot, pools=dry), config=StrategyConfig(max_pool_share=1.0))
    assert [close.token_id for close in found.closes] == [1]
    assert {target.pool_id for target in found.opens} == {scene.pools[1].pool_id}


def test_a_pool_price_away_from_the_candles_holds() -> None:
    away = Scene(price=2030.0).snapshot()
    held_for(plan(Scene(), snapshot=away), "price_deviation", Scene().pools[0].pool_id)


def test_capital_does_not_cross_chains() -> None:
    first, second = Scene(chain_id=1), Scene(chain_id=8453, idle_base=1.0, idle_quote=2_000.0)

    def joined(one: MarketSnapshot, other: MarketSnapshot) -> MarketSnapshot:
        return replace(
            one, chains=one.chains + other.chains, pools=one.pools + other.pools, holdings=one.holdings + other.holdings
        )

    past = tuple(joined(a, b) for a, b in zip(first.history(4), second.history(4), strict=True))
    found = plan_allocation(
        EPOCH,
        first.signals,
        first.optimized,
        joined(first.snapshot(), second.snapshot()),
        PastEpochs(snapshots=past, last_rebalance_at=None),
        StrategyConfig(),
        LIMITS,
        "1",
        "1",
    )
    for chain_id, capital in ((1, 40_000), (8453, 4_000)):
        opened = [target for target in found.opens if target.chain_id == chain_id]
        assert sum(target.capital_usd for target in opened) == pytest.approx(capital, rel=1e-6)
        assert sum(target.share_frac for target in opened) == pytest.approx(1)


def test_no_pool_gets_more_than_its_share_of_a_chain() -> None:
    found = plan(Scene(fees_usd_day=(90_000.0, 4_000.0)))
    assert max(target.share_frac for target in found.targets) <= 0.7
    assert found.decision.binding == f"max_pool_share {found.targets[0].pool_id}"


def test_the_inputs_hash_tells_inputs_apart_and_the_plan_is_reproducible() -> None:
    first, again, other = plan(Scene()), plan(Scene()), plan(Scene(idle_base=10.000_001))
    assert canonical_json(first) == canonical_json(again)
    assert first.inputs_hash != other.inputs_hash
    assert len(first.inputs_hash) == 64


def test_the_plan_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from alm_tests.core.portfolio.deciding import plan, invested;"
        "from alm_core.portfolio.canonical import canonical_json;"
        "print(canonical_json(plan(invested(idle_quote=30000.0))))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
