"""Which action each chain takes, and the table that shows it."""

from dataclasses import replace

import pytest

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import REFUSED, AllocationPlan, DecisionKind
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.portfolio.actions import Transition
from alm_core.portfolio.alternatives import cost_words
from alm_core.portfolio.costs import Cost
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.rules import Rules
from alm_core.portfolio.transitions import best_of
from alm_tests.core.portfolio.deciding import FITTING, LIMITS, assert_table_is_whole, invested, line_of, plan, taken
from alm_tests.core.portfolio.scene import EPOCH, Scene

OUT_OF_RANGE = ((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1])


def joined(one: MarketSnapshot, other: MarketSnapshot) -> MarketSnapshot:
    return replace(
        one, chains=one.chains + other.chains, pools=one.pools + other.pools, holdings=one.holdings + other.holdings
    )


def on_two_chains(first: Scene, second: Scene, config: StrategyConfig | None = None) -> AllocationPlan:
    past = tuple(joined(a, b) for a, b in zip(first.history(4), second.history(4), strict=True))
    return plan_allocation(
        EPOCH,
        first.signals,
        first.optimized,
        joined(first.snapshot(), second.snapshot()),
        PastEpochs(snapshots=past, last_rebalance_at=None),
        config or StrategyConfig(),
        LIMITS,
        "1",
        "1",
    )


def test_each_chain_takes_its_own_action_and_the_epoch_is_called_by_what_moves_most() -> None:
    shifting, placing = invested(chain_id=1, positions=OUT_OF_RANGE), Scene(chain_id=8453)
    found = on_two_chains(shifting, placing)
    assert found.decision.kind is DecisionKind.PRA
    assert {close.chain_id for close in found.closes} == {1}
    assert {target.chain_id for target in found.opens} == {1, 8453}
    assert [line.action for line in taken(found.decision.alternatives)] == [DecisionKind.RS, DecisionKind.PRA]
    gain, cost = found.decision.promised_usd
    assert gain == pytest.approx(sum(line.gain_usd or 0.0 for line in taken(found.decision.alternatives)))
    assert cost > 0


def test_an_action_that_only_one_chain_takes_has_a_line_for_it_and_one_for_the_rest() -> None:
    cheap = invested(chain_id=1, positions=OUT_OF_RANGE)
    dear = invested(chain_id=8453, positions=OUT_OF_RANGE, base_fee_gwei=20_000.0)
    found = on_two_chains(cheap, dear)
    lines = [line for line in found.decision.alternatives if line.note.startswith("shift ranges")]
    assert len(lines) == 2
    done, left = lines
    assert done.is_taken
    assert left.note.endswith("refused by rs_cost")
    assert done.cost_usd is not None
    assert left.cost_usd is not None
    assert left.cost_usd > 100 * done.cost_usd
    assert {close.chain_id for close in found.closes} == {1}


def test_the_budget_of_the_day_goes_to_the_chain_that_gains_most() -> None:
    poor = invested(chain_id=1, positions=((1, 0, 1500.0, 1900.0, 9_000.0),))
    rich = invested(chain_id=8453, positions=((1, 0, 1500.0, 1900.0, 20_000.0),))
    both = on_two_chains(poor, rich)
    assert {close.chain_id for close in both.closes} == {1, 8453}
    _, cost = both.decision.promised_usd
    found = on_two_chains(poor, rich, StrategyConfig(day_budget_frac=0.95 * cost / (both.nav_usd or 1.0)))
    assert {close.chain_id for close in found.closes} == {8453}


def test_a_hold_promises_nothing_and_an_exit_no_gain() -> None:
    held = plan(invested())
    assert held.decision.promised_usd == (0.0, 0.0)
    assert_table_is_whole(held)


@pytest.mark.parametrize("scene", [Scene(), invested(positions=OUT_OF_RANGE), invested(), invested(idle_quote=1e3)])
def test_all_but_what_is_done_say_what_refused_them(scene: Scene) -> None:
    found = plan(scene)
    refused = [line for line in found.decision.alternatives if not line.is_taken]
    assert all(line.note.partition(REFUSED)[2].strip() for line in refused)
    assert_table_is_whole(found)


def test_a_line_shows_its_cost_by_parts() -> None:
    line = line_of(plan(invested(positions=OUT_OF_RANGE)), "shift ranges")
    assert "(gas " in line.note
    assert " + swap " in line.note
    assert "bridge" not in line.note


def test_a_bridge_shows_in_the_parts_of_a_cost_where_there_is_one() -> None:
    cost = Cost(gas_usd=1.0, swap_usd=2.0, swapped_usd=1_000.0, bridge_usd=4.0, in_transit_usd=8.0)
    assert cost_words(cost) == "gas 1.00 + swap 2.00 + bridge 4.00 + in transit 8.00"


def action(gain_usd: float, cost: Cost, gate: str = "") -> Transition:
    return Transition(
        name="reallocate", kind=DecisionKind.PRA, closes=(), opens=(), gain_usd=gain_usd, cost=cost, gate=gate
    )


BRIDGED = Cost(gas_usd=1.0, swap_usd=2.0, swapped_usd=1_000.0, bridge_usd=40.0, in_transit_usd=8.0)


def test_the_cost_gate_counts_bridge_and_transit() -> None:
    rules = Rules(config=StrategyConfig(), rs_threshold=0.25, held_long=True)
    plain = replace(BRIDGED, bridge_usd=0.0, in_transit_usd=0.0)
    assert rules.cost_gate(50.0, plain.total_usd, 1.5, "pra_cost") == ""
    assert rules.cost_gate(50.0, BRIDGED.total_usd, 1.5, "pra_cost") == "pra_cost"


def test_net_gain_and_budget_count_bridge_and_transit() -> None:
    assert action(100.0, BRIDGED).net_usd == pytest.approx(49.0)
    assert best_of([action(100.0, BRIDGED)], 0.05, 50.0) is None
    assert best_of([action(100.0, BRIDGED)], 0.05, 51.0) is not None


def test_of_actions_that_move_as_much_the_better_is_taken_without_a_margin() -> None:
    cost = Cost(gas_usd=1.0, swap_usd=0.0, swapped_usd=0.0)
    first, second = action(100.0, cost), action(101.0, cost)
    assert best_of([first, second], 0.05, 100.0) is second
    assert best_of([second, first], 0.05, 100.0) is second


def test_a_part_is_done_only_where_the_whole_may_not_be() -> None:
    cost = Cost(gas_usd=1.0, swap_usd=0.0, swapped_usd=0.0)
    whole = replace(action(100.0, replace(cost, gas_usd=10.0)), name="place idle capital")
    part = replace(action(99.0, cost), name="place in one pool", part_of="place idle capital")
    assert best_of([whole, part], 0.05, 100.0) is whole
    assert best_of([whole, part], 0.05, 9.0) is part
    assert best_of([whole.gated("pra_cost"), part], 0.05, 100.0) is part


def test_what_a_gate_refuses_or_nets_nothing_is_not_taken() -> None:
    cost = Cost(gas_usd=1.0, swap_usd=0.0, swapped_usd=0.0)
    assert best_of([action(100.0, cost, "min_hold"), action(1.0, cost)], 0.05, 100.0) is None
