"""Capital crosses chains where that pays for the way, and nowhere else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, Move
from alm_core.model.market import BridgeCost, InTransit, MarketSnapshot
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.signals import Regime, RegimeState
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.plan_limits import check_plan
from alm_tests.core.portfolio.deciding import epoch_past, line_of
from alm_tests.core.portfolio.scene import EPOCH, Scene

FREE = LimitsConfig(max_day_bridge_frac=1.0)
HERE, THERE, YONDER = 8453, 1, 42161
POOR, RICH = (10.0, 5.0), (40_000.0, 24_000.0)


def way(source: int, target: int, cost_frac: float = 0.0005, gas_usd: float = 0.05) -> BridgeCost:
    return BridgeCost(
        from_chain=source, to_chain=target, cost_frac=cost_frac, gas_usd=gas_usd, duration_s=120.0, source="test"
    )


WAYS = tuple(way(a, b) for a in (HERE, THERE, YONDER) for b in (HERE, THERE, YONDER) if a != b)


def joined(scenes: Sequence[Scene], back: timedelta = timedelta(0), **changes: object) -> MarketSnapshot:
    """One snapshot of several chains."""
    parts = [scene.snapshot(EPOCH.epoch_at - back) for scene in scenes]
    return replace(
        parts[0],
        chains=tuple(chain for part in parts for chain in part.chains),
        pools=tuple(pool for part in parts for pool in part.pools),
        holdings=tuple(held for part in parts for held in part.holdings),
        **changes,
    )


def plan(
    *scenes: Scene,
    costs: tuple[BridgeCost, ...] = WAYS,
    in_transit: tuple[InTransit, ...] = (),
    config: StrategyConfig | None = None,
    limits: LimitsConfig = FREE,
    recent: tuple[RecentEpoch, ...] = (),
    held_long: bool = True,
    regime: RegimeState = RegimeState.NORMAL,
) -> AllocationPlan:
    last = EPOCH.epoch_at - timedelta(hours=13 if held_long else 1)
    past = PastEpochs(
        snapshots=tuple(joined(scenes, timedelta(minutes=15 * back)) for back in range(8, 0, -1)),
        last_rebalance_at=last,
        recent=recent,
    )
    snapshot = joined(scenes, bridge_costs=costs, in_transit=in_transit)
    rules = config or StrategyConfig(day_budget_frac=0.05)
    optimized = replace(scenes[0].optimized, regime=Regime(state=regime, reason="test"))
    made = plan_allocation(EPOCH, scenes[0].signals, optimized, snapshot, past, rules, limits, "1", "2")
    assert check_plan(made, snapshot, limits) == ()
    return made


def poor(**changes: object) -> Scene:
    """A chain with 40,000 USD whose pools pay next to nothing."""
    return Scene(**{"chain_id": HERE, "fees_usd_day": POOR, **changes})


def rich(**changes: object) -> Scene:
    """A chain without capital whose pools pay well."""
    return Scene(**{"chain_id": THERE, "fees_usd_day": RICH, "idle_base": 0.0, "idle_quote": 0.0, **changes})


def test_idle_capital_that_no_pool_of_its_chain_wants_goes_where_it_is_wanted() -> None:
    made = plan(poor(), rich())
    (move,) = made.moves
    assert (move.from_chain, move.to_chain, move.share_frac) == (HERE, THERE, 1.0)
    assert made.decision.kind is DecisionKind.PRA
    assert made.nav_usd == pytest.approx(40_000.0)


def test_a_chain_that_left_the_target_set_closes_and_sends_everything() -> None:
    held = ((1, 0, 1900.0, 2100.0, 28_000.0), (2, 1, 1900.0, 2100.0, 12_000.0))
    made = plan(poor(idle_base=0.0, idle_quote=0.0, positions=held), rich())
    assert {close.token_id for close in made.closes} == {1, 2}
    (move,) = made.moves
    assert move.share_frac == pytest.approx(1.0)
    assert made.opens == ()


def test_without_a_known_cost_of_the_way_nothing_crosses() -> None:
    assert plan(poor(), rich(), costs=()).moves == ()
    assert plan(poor(), rich(), costs=(way(THERE, HERE),)).moves == ()


def test_bridging_can_be_switched_off() -> None:
    assert plan(poor(), rich(), config=StrategyConfig(bridging=False, day_budget_frac=0.05)).moves == ()


def test_a_way_that_costs_more_than_it_brings_is_refused_by_name() -> None:
    made = plan(poor(), rich(), costs=(way(HERE, THERE, cost_frac=0.2),))
    assert made.moves == ()
    line = line_of(made, "send to other chains")
    assert "bridge_cost" in line.note
    assert line.cost_usd is not None
    assert line.cost_usd > 8_000.0


def test_every_move_is_a_line_with_its_cost_by_parts() -> None:
    made = plan(poor(), rich())
    line = line_of(made, "send to other chains")
    assert line.is_taken
    assert "bridge" in line.note
    assert "in transit" in line.note
    assert "from chain 8453 to chain 1" in line.note
    assert (line.net_usd or 0.0) > 0.0


def test_no_more_than_the_share_of_a_day_crosses_and_what_was_sent_counts() -> None:
    limits = LimitsConfig(max_day_bridge_frac=0.2)
    made = plan(poor(), rich(), limits=limits)
    assert sum(move.capital_usd for move in made.moves) == pytest.approx(0.2 * 40_000.0)
    sent = replace(
        epoch_past(timedelta(hours=20), moved=True),
        moves=(Move(from_chain=HERE, to_chain=YONDER, share_frac=0.15, capital_usd=6_000.0),),
    )
    made = plan(poor(), rich(), limits=limits, recent=(sent,))
    assert sum(move.capital_usd for move in made.moves) == pytest.approx(2_000.0)


def test_what_arrived_lately_does_not_leave_again() -> None:
    sent = replace(
        epoch_past(timedelta(hours=2), moved=True),
        moves=(Move(from_chain=THERE, to_chain=HERE, share_frac=1.0, capital_usd=10_000.0),),
    )
    made = plan(poor(), rich(), recent=(sent,))
    assert made.moves == ()
    assert "min_hold" in line_of(made, "send to other chains").note


def test_positions_are_not_closed_for_a_move_before_the_minimum_hold() -> None:
    held = ((1, 0, 1900.0, 2100.0, 40_000.0),)
    assert plan(poor(idle_base=0.0, idle_quote=0.0, positions=held), rich(), held_long=False).moves == ()
    assert plan(poor(), rich(), held_long=False).moves, "idle capital waits for nothing"


def test_what_is_on_its_way_counts_in_the_nav_and_is_not_sent_a_second_time() -> None:
    going = InTransit(
        from_chain=HERE,
        to_chain=THERE,
        token=rich().pools[0].quote.address,
        amount=100_000_000 * 10**6,
        started_at=EPOCH.epoch_at,
    )
    few = rich(active_usd=(2e6,), fees_usd_day=(40.0,))
    small = poor(idle_base=1.0, idle_quote=2_000.0)
    assert plan(small, few).moves == plan(small, few).moves
    made = plan(small, few, in_transit=(going,))
    assert made.nav_usd == pytest.approx(100_004_000.0)
    assert made.moves == ()


def test_nothing_goes_where_gas_is_missing() -> None:
    scenes = (poor(), rich())
    past = PastEpochs(
        snapshots=tuple(joined(scenes, timedelta(minutes=15 * b)) for b in range(8, 0, -1)), last_rebalance_at=None
    )
    snapshot = joined(scenes, bridge_costs=WAYS)
    holdings = tuple(replace(one, native_wei=0) if one.block.chain_id == THERE else one for one in snapshot.holdings)
    made = plan_allocation(
        EPOCH,
        scenes[0].signals,
        scenes[0].optimized,
        replace(snapshot, holdings=holdings),
        past,
        StrategyConfig(day_budget_frac=0.05),
        FREE,
        "1",
        "2",
    )
    assert made.moves == ()
    assert "destination_gas" in line_of(made, "send to other chains").note


def test_a_restrained_regime_sends_nothing() -> None:
    assert plan(poor(), rich(), regime=RegimeState.STOP_ADDING).moves == ()
    assert plan(poor(), rich(), regime=RegimeState.EXIT).moves == ()


def test_two_chains_with_a_surplus_both_send_to_the_third() -> None:
    made = plan(poor(), rich(), poor(chain_id=YONDER))
    assert {(move.from_chain, move.to_chain) for move in made.moves} == {(HERE, THERE), (YONDER, THERE)}


def test_what_stays_is_placed_in_the_same_plan_where_that_pays() -> None:
    limits = LimitsConfig(max_day_bridge_frac=0.2)
    good = Scene(chain_id=HERE, fees_usd_day=(2_000.0, 1_200.0))
    made = plan(good, rich(), limits=limits)
    (gone,) = made.moves
    here = [target for target in made.opens if target.chain_id == HERE]
    assert sum(target.share_frac for target in here) == pytest.approx(1.0 - gone.share_frac, abs=0.05)


def test_equal_chains_keep_what_they_have() -> None:
    there = Scene(chain_id=THERE)
    assert plan(Scene(chain_id=HERE), there).moves == ()


def test_the_same_inputs_give_the_same_moves() -> None:
    assert plan(poor(), rich(), poor(chain_id=YONDER)) == plan(poor(), rich(), poor(chain_id=YONDER))


def broken(*moves: Move, limits: LimitsConfig = FREE, kind: DecisionKind = DecisionKind.PRA) -> set[str]:
    """Names of the limits that a plan with these moves and nothing else breaks."""
    snapshot = joined((poor(), rich()), bridge_costs=WAYS)
    made = replace(plan(poor(), rich()), moves=moves, opens=(), closes=(), collects=())
    made = replace(made, decision=replace(made.decision, kind=kind))
    return {violation.limit for violation in check_plan(made, snapshot, limits)}


def move(source: int, target: int, share: float = 0.5, usd: float = 20_000.0) -> Move:
    return Move(from_chain=source, to_chain=target, share_frac=share, capital_usd=usd)


def test_a_plan_may_not_send_what_no_chain_of_the_snapshot_sends_or_takes() -> None:
    assert broken(move(HERE, THERE)) == set()
    assert broken(move(HERE, YONDER)) == {"moves"}
    assert broken(move(HERE, HERE)) == {"moves"}
    assert broken(move(HERE, THERE, 0.2), move(HERE, THERE, 0.2)) == {"moves"}
    assert broken(move(HERE, THERE, 0.0)) == {"share_frac"}
    assert broken(move(HERE, THERE, 1.1)) == {"share_frac"}


def test_a_plan_that_sends_more_than_the_share_of_a_day_is_refused() -> None:
    assert broken(move(HERE, THERE), limits=LimitsConfig(max_day_bridge_frac=0.5)) == set()
    assert broken(move(HERE, THERE), limits=LimitsConfig(max_day_bridge_frac=0.49)) == {"max_day_bridge_frac x nav_usd"}


def test_neither_a_hold_nor_an_exit_sends_anything() -> None:
    assert broken(move(HERE, THERE), kind=DecisionKind.HOLD) == {"hold"}
    assert "exit" in broken(move(HERE, THERE), kind=DecisionKind.EXIT)
