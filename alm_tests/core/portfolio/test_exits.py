"""An exit outranks every gate; regimes and kill switches hold back everything else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.signals import Regime, RegimeState
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.plan_limits import check_plan
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.deciding import (
    FITTING,
    LIMITS,
    assert_table_is_whole,
    epoch_past,
    invested,
    line_of,
    plan,
    taken,
)
from alm_tests.core.portfolio.scene import EPOCH, Scene, with_market

OUT_OF_RANGE = ((1, 0, 1500.0, 1900.0, 28_000.0), FITTING[1])
SNAPSHOT = invested().snapshot()
SPENT = epoch_past(timedelta(hours=2), kind=DecisionKind.PRA, moved=True, expected_cost_usd=1e9)


def leaving(scene: Scene | None = None, **how: object) -> AllocationPlan:
    return plan(scene or invested(), **{"regime": RegimeState.EXIT, **how})


def with_unknown_fees(snapshot: MarketSnapshot) -> MarketSnapshot:
    """Nothing known of fees: no history and no service's volumes."""
    return with_market(snapshot, (None, None))


COINCIDENCES: dict[str, Callable[[], AllocationPlan]] = {
    "minimum hold": lambda: leaving(last_rebalance_at=END_AT - timedelta(minutes=15)),
    "dear gas": lambda: leaving(invested(base_fee_gwei=1e6)),
    "day budget used up": lambda: leaving(recent=(SPENT,)),
    "no day budget": lambda: leaving(config=StrategyConfig(day_budget_frac=0.0)),
    "kill switch": lambda: leaving(kill_switches=("gas budget",)),
    "cost multiples": lambda: leaving(config=StrategyConfig(pra_cost_multiple=1e9, rs_cost_multiple=1e9)),
    "thresholds": lambda: leaving(config=StrategyConfig(min_apr_gain=1e9, pra_threshold=1e9)),
    "idle threshold": lambda: leaving(invested(idle_quote=100.0)),
    "a shift that pays": lambda: leaving(invested(positions=OUT_OF_RANGE)),
    "capital to place": lambda: leaving(invested(idle_quote=50_000.0)),
    "nothing to do": lambda: leaving(),
    "doubtful candles": lambda: leaving(signals_reason="candles: too few"),
    "unknown quote price": lambda: leaving(snapshot=replace(SNAPSHOT, quote_usd=None)),
    "unknown gas price": lambda: leaving(snapshot=replace(SNAPSHOT, chains=())),
    "unknown fees": lambda: leaving(snapshot=with_unknown_fees(SNAPSHOT), history=0),
    "a data service is down": lambda: leaving(
        snapshot=replace(SNAPSHOT, problems=(SourceProblem(source="geckoterminal", detail="HTTP 503"),))
    ),
    "pool price away from the candles": lambda: leaving(invested(price=2030.0), snapshot=SNAPSHOT),
    "a pool without liquidity": lambda: leaving(
        snapshot=replace(SNAPSHOT, pools=(replace(SNAPSHOT.pools[0], liquidity=0), SNAPSHOT.pools[1]))
    ),
}


@pytest.mark.parametrize("gate", COINCIDENCES)
def test_an_exit_outranks(gate: str) -> None:
    found = COINCIDENCES[gate]()
    assert found.decision.kind is DecisionKind.EXIT
    assert found.decision.binding == "regime_exit"
    assert [close.token_id for close in found.closes] == [1, 2]
    assert (found.opens, found.collects, found.targets) == ((), (), ())
    assert found.decision.counterfactual is None
    assert "exit in a test" in found.decision.reason
    assert_table_is_whole(found)
    assert [line.action for line in taken(found.decision.alternatives)] == [DecisionKind.EXIT]


@pytest.mark.parametrize(
    "snapshot",
    [
        SNAPSHOT,
        replace(SNAPSHOT, quote_usd=None),
        replace(SNAPSHOT, problems=(SourceProblem(source="geckoterminal", detail="HTTP 503"),)),
        replace(SNAPSHOT, chains=()),
    ],
)
def test_a_plan_that_only_leaves_passes_the_check_of_plans(snapshot: MarketSnapshot) -> None:
    assert check_plan(leaving(snapshot=snapshot), snapshot, LIMITS) == ()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.floats(1000, 2200), st.floats(20, 1500), st.floats(10, 50_000)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.tuples(st.floats(0, 5e4), st.floats(0, 5e4)),
    st.floats(0.001, 1e4),
)
def test_an_exit_closes_everything_and_opens_nothing(
    drawn: list[tuple[int, float, float, float]], base_is_token0: bool, fees: tuple[float, float], gwei: float
) -> None:
    scene = Scene(
        base_is_token0=base_is_token0,
        fees_usd_day=fees,
        base_fee_gwei=gwei,
        positions=tuple((at, number, low, low + width, usd) for at, (number, low, width, usd) in enumerate(drawn)),
    )
    found = leaving(scene, history=2)
    assert found.decision.kind is DecisionKind.EXIT
    assert {close.token_id for close in found.closes} == set(range(len(drawn)))
    assert found.opens == ()


def test_what_leaving_costs_and_gives_up_is_in_the_table_where_it_is_known() -> None:
    known = line_of(leaving(), "exit")
    assert known.gain_usd is not None
    assert known.gain_usd < 0
    assert known.cost_usd is not None
    assert known.cost_usd > 0
    blind = line_of(leaving(snapshot=replace(SNAPSHOT, chains=())), "exit")
    assert (blind.gain_usd, blind.cost_usd, blind.net_usd) == (None, None, None)


def test_what_would_have_been_done_instead_is_in_the_table() -> None:
    found = leaving(invested(positions=OUT_OF_RANGE))
    assert line_of(found, "shift ranges").note.endswith("refused by regime_exit")


@pytest.mark.parametrize("source", ["rpc:8453", "rpc:8453#1"])
def test_unknown_holdings_cannot_be_left(source: str) -> None:
    problem = SourceProblem(source=source, detail="timeout after 10 s")
    found = leaving(snapshot=replace(SNAPSHOT, problems=(problem,)))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "source"
    assert f"{source}: timeout after 10 s" in found.decision.reason
    assert found.closes == ()


def test_where_no_chain_was_read_an_exit_holds() -> None:
    found = leaving(snapshot=replace(SNAPSHOT, holdings=(), pools=(), chains=()))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "source"


def test_one_blind_chain_does_not_keep_us_in_the_others() -> None:
    there, blind = invested(chain_id=1).snapshot(), invested(chain_id=8453).snapshot()
    snapshot = replace(
        there,
        pools=(*there.pools, *blind.pools),
        problems=(SourceProblem(source="rpc:8453", detail="timeout after 10 s"),),
    )
    found = leaving(snapshot=snapshot)
    assert found.decision.kind is DecisionKind.EXIT
    assert {close.chain_id for close in found.closes} == {1}
    assert "left alone, since not seen: rpc:8453" in found.decision.reason
    assert check_plan(found, snapshot, LIMITS) == ()


def test_an_exit_with_nothing_left_to_close_holds_and_places_nothing() -> None:
    found = leaving(Scene())
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "regime_exit"
    assert found.opens == ()
    assert line_of(found, "place idle capital").note.endswith("refused by regime_exit")


RESTRAINTS: dict[str, dict[str, object]] = {
    "regime_suppress": {"regime": RegimeState.SUPPRESS},
    "regime_stop_adding": {"regime": RegimeState.STOP_ADDING},
    "kill_switch: gas budget; trailing yield": {"kill_switches": ("gas budget", "trailing yield")},
}


@pytest.mark.parametrize("binding", RESTRAINTS)
@pytest.mark.parametrize(
    "scene",
    [Scene(), invested(positions=OUT_OF_RANGE), invested(idle_quote=50_000.0), invested(), invested(positions=())],
)
def test_a_restraint_holds_whatever_would_be_done(binding: str, scene: Scene) -> None:
    found = plan(scene, **RESTRAINTS[binding])
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == binding
    assert (found.closes, found.opens, found.collects) == ((), (), ())
    assert found.decision.counterfactual is None
    assert all(line.note.endswith(f"refused by {binding}") for line in found.decision.alternatives[1:])


def test_a_source_that_failed_is_named_before_a_restraint() -> None:
    found = plan(invested(), regime=RegimeState.SUPPRESS, signals_reason="candles: too few")
    assert found.decision.binding == "source"


def test_after_the_regime_capital_is_placed_again() -> None:
    assert plan(Scene(), regime=RegimeState.NORMAL).decision.kind is DecisionKind.PRA


def recently(*recent: RecentEpoch) -> AllocationPlan:
    scene = invested(positions=OUT_OF_RANGE)
    past = PastEpochs(snapshots=scene.history(8), last_rebalance_at=None, recent=recent)
    optimized = replace(scene.optimized, regime=Regime())
    return plan_allocation(EPOCH, scene.signals, optimized, scene.snapshot(), past, StrategyConfig(), LIMITS, "1", "2")


def moved(back: timedelta, cost_usd: float, **figures: object) -> RecentEpoch:
    return epoch_past(back, **{"kind": DecisionKind.RS, "moved": True, "expected_cost_usd": cost_usd, **figures})


def test_costs_of_a_day_stay_within_the_budget() -> None:
    # 0.5 % of 40,000 USD are 200; a shift of 28,000 costs some 9.
    allowed = recently(moved(timedelta(hours=3), 100.0), moved(timedelta(hours=2), 80.0))
    assert allowed.decision.kind is DecisionKind.RS
    spent = recently(moved(timedelta(hours=3), 100.0), moved(timedelta(hours=2), 95.0))
    assert spent.decision.kind is DecisionKind.HOLD
    assert spent.decision.binding == "day_budget"
    assert line_of(spent, "shift ranges").note.endswith("refused by day_budget")


def test_only_what_was_moved_in_the_last_day_counts() -> None:
    yesterday, nothing = moved(timedelta(hours=24), 1e6), moved(timedelta(hours=2), 1e6, moved=False)
    left = moved(timedelta(hours=2), 1e6, kind=DecisionKind.EXIT)
    assert recently(yesterday, nothing, left).decision.kind is DecisionKind.RS


def test_a_budget_of_nothing_holds_and_no_fee_yield_would_change_it() -> None:
    found = plan(invested(positions=OUT_OF_RANGE), config=StrategyConfig(day_budget_frac=0.0))
    assert found.decision.kind is DecisionKind.HOLD
    assert found.decision.binding == "day_budget"
    assert found.decision.counterfactual is None


def test_what_the_budget_still_allows_is_done_instead_of_what_it_does_not() -> None:
    """Shifting and placing together costs more than is left; shifting alone does not."""
    scene = invested(positions=OUT_OF_RANGE, idle_quote=200_000.0)
    both = plan(scene)
    assert both.decision.kind is DecisionKind.PRA
    costs = [line_of(both, name).cost_usd or 0.0 for name in ("shift ranges", "place and shift")]
    budget = StrategyConfig(day_budget_frac=(costs[0] + costs[1]) / 2 / (both.nav_usd or 1.0))
    found = plan(scene, config=budget)
    assert found.decision.kind in {DecisionKind.RS, DecisionKind.PRA}
    assert sum(line.cost_usd or 0.0 for line in taken(found.decision.alternatives)) <= sum(costs) / 2
    assert line_of(found, "place and shift").note.endswith("refused by day_budget")


def test_where_the_budget_does_not_allow_two_pools_the_better_one_is_filled() -> None:
    small = Scene(idle_base=0.4, idle_quote=300.0, base_fee_gwei=1.8)
    found = plan(small)
    assert found.decision.kind is DecisionKind.PRA
    assert len(found.opens) == 1
    assert line_of(found, "place in one pool").is_taken
    assert line_of(found, "place idle capital").note.endswith("refused by day_budget")
    assert len(plan(small, config=StrategyConfig(day_budget_frac=0.1)).opens) == 2


def test_where_the_budget_does_not_allow_two_shifts_the_better_one_is_made() -> None:
    scene = invested(positions=((1, 0, 1500.0, 1900.0, 28_000.0), (2, 1, 1500.0, 1900.0, 12_000.0)), base_fee_gwei=1.0)
    both = plan(scene)
    cost = line_of(both, "shift ranges").cost_usd or 0.0
    found = plan(
        scene, config=StrategyConfig(day_budget_frac=0.95 * cost / (both.nav_usd or 1.0), pra_cost_multiple=1e9)
    )
    assert found.decision.kind is DecisionKind.RS
    assert [close.token_id for close in found.closes] == [1]
    assert line_of(found, "shift one range").is_taken
    assert line_of(found, "shift ranges").note.endswith("refused by day_budget")
