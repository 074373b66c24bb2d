"""A plan on one chain, step by step: order, numbers, what is refused, and a crash at every boundary."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from alm_core.accounting.ledger import FEES
from alm_core.execution.intents import plan_hash
from alm_core.execution.steps import MOST_GRANTS, MOST_ROUNDS, SpendSteps, StepNumbers
from alm_core.model.decisions import AllocationPlan, DecisionKind, Target
from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET, Crash, CrashPoint
from alm_tests.core.execution.v3_fakes import ABOVE, PRICE, WIDE
from alm_tests.core.execution.v3_world import Noticing, World, crashing, plan_of, target

ACTIONS = [Action.COLLECT, Action.SWAP, Action.OPEN, Action.ADD, Action.CLOSE]


@pytest.fixture
def world() -> World:
    return World()


def earning(world: World, *, idle: float = 0.0) -> World:
    """A world with one position that has earned, in the epoch after it was opened."""
    snapshot = world.snapshot()
    plan = plan_of(snapshot, DecisionKind.PRA, opens=[target(1.0 - idle, WIDE)])
    assert world.execute(plan, snapshot).halted is None
    world.chain.epochs += 1
    world.chain.earn(10**16, 33 * 10**6)
    return world


def compound(world: World) -> tuple[AllocationPlan, MarketSnapshot]:
    snapshot = world.snapshot()
    opens = [target(1.0, WIDE, token_id=1)]
    return plan_of(snapshot, DecisionKind.COMPOUND, collects=[1], opens=opens), snapshot


def sent(report: ExecutionReport) -> list[Action]:
    return [tx.action for tx in report.transactions if tx.state is IntentState.FINAL_OK]


def test_a_compound_plan_collects_swaps_and_adds_in_that_order(world: World) -> None:
    earning(world)
    before = world.chain.now.positions[1]
    plan, snapshot = compound(world)
    report = world.execute(plan, snapshot)
    assert report.halted is None
    assert [action for action in sent(report) if action in ACTIONS] == [Action.COLLECT, Action.ADD]
    assert sent(report)[0] is Action.COLLECT
    after = world.chain.now.positions[1]
    assert after.liquidity > before.liquidity
    assert (after.fees0, after.fees1) == (0, 0)
    assert world.journal.read_ledger_sums(world.chain.chain_id, WALLET, kind=FEES) == {
        TOKEN: before.fees0,
        OTHER_TOKEN: before.fees1,
    }
    assert world.books_equal_chain()
    assert world.allowances() == 0


def test_fees_of_one_token_are_swapped_to_the_ratio_before_they_are_added(world: World) -> None:
    earning(world)
    world.chain.earn(0, 500 * 10**6)
    plan, snapshot = compound(world)
    report = world.execute(plan, snapshot)
    assert [action for action in sent(report) if action in ACTIONS] == [Action.COLLECT, Action.SWAP, Action.ADD]
    assert world.chain.now.tokens[TOKEN] * 2000 / 10**18 + world.chain.now.tokens[OTHER_TOKEN] / 10**6 < 5.0


def test_running_a_compound_plan_again_sends_nothing(world: World) -> None:
    earning(world)
    plan, snapshot = compound(world)
    first = world.execute(plan, snapshot)
    nonce = world.chain.now.nonce
    second = world.execute(plan, snapshot)
    assert second.transactions == first.transactions
    assert second.halted is None
    assert world.chain.now.nonce == nonce


def test_adds_and_opens_share_the_wallet_by_their_shares(world: World) -> None:
    earning(world, idle=0.5)
    snapshot = world.snapshot()
    opens = [target(0.375, WIDE, token_id=1), target(0.125, WIDE)]
    before = world.chain.now.positions[1].liquidity
    report = world.execute(plan_of(snapshot, DecisionKind.PRA, collects=[1], opens=opens), snapshot)
    assert report.halted is None
    grown = world.chain.now.positions[1].liquidity - before
    assert grown == pytest.approx(3 * world.chain.now.positions[2].liquidity, rel=1e-6)


def test_a_share_of_the_capital_is_placed_and_the_rest_stays(world: World) -> None:
    earning(world, idle=0.75)
    worth = world.chain.now.tokens[TOKEN] * 2000 / 10**18 + world.chain.now.tokens[OTHER_TOKEN] / 10**6
    assert worth == pytest.approx(30_000.0, rel=0.001)


def test_a_single_sided_open_needs_one_approval(world: World) -> None:
    snapshot = world.snapshot()
    opens = [target(0.5, WIDE), target(0.25, ABOVE)]
    report = world.execute(plan_of(snapshot, DecisionKind.PRA, opens=opens), snapshot)
    assert report.halted is None
    assert world.swaps.quoted == []
    assert sent(report).count(Action.APPROVE) == 3
    assert world.allowances() == 0


def test_a_plan_that_was_begun_with_other_step_numbers_is_not_taken_up(world: World) -> None:
    snapshot = world.snapshot()
    plan = plan_of(snapshot, DecisionKind.PRA, opens=[target(1.0, WIDE)])
    world.execute(plan, snapshot)
    (opened,) = [one for one in world.journal.read_plan_intents(plan_hash(plan)) if one.tx.action is Action.OPEN]
    world.journal.add_intents([replace(opened, key="of an older version", step_no=5, nonce=None)])
    report = world.execute(plan, snapshot)
    assert "begun by another version: open is step 5" in str(report.halted)
    assert len(world.chain.now.positions) == 1


@pytest.mark.parametrize(("closes", "collects"), [(0, 0), (0, 3), (2, 0), (3, 2)])
def test_no_two_steps_share_a_number(closes: int, collects: int) -> None:
    steps = StepNumbers(closes=closes, collects=collects)
    spends = [steps.swap(), *(steps.place(index) for index in range(3))]
    numbers = [steps.old_allowance]
    for one in (steps.close(index) for index in range(closes)):
        numbers += numbers_of(one, MOST_ROUNDS)
    numbers += [steps.collect(index) for index in range(collects)]
    for one in spends:
        numbers += numbers_of(one, 1)
    assert numbers == list(range(len(numbers)))


def numbers_of(steps: SpendSteps, rounds: int) -> list[int]:
    grants = range(MOST_GRANTS)
    around = [steps.clear(grant) for grant in grants] + [steps.give(grant) for grant in grants]
    spends = [steps.spend(number) for number in range(rounds)]
    assert steps.last == steps.take_back(MOST_GRANTS - 1)
    return [*around, *spends, *(steps.take_back(grant) for grant in grants)]


@pytest.mark.parametrize("kind", [DecisionKind.COMPOUND, DecisionKind.EXIT])
def test_an_exit_closes_whatever_the_price_says_and_nothing_else_moves(world: World, kind: DecisionKind) -> None:
    earning(world)
    snapshot = world.snapshot()
    leave = plan_of(snapshot, DecisionKind.EXIT, closes=[1])
    move = plan_of(snapshot, DecisionKind.COMPOUND, collects=[1], opens=[target(1.0, WIDE, token_id=1)])
    world.chain.price_factor = 1.03  # after the plan was made
    report = world.execute(leave if kind is DecisionKind.EXIT else move, snapshot)
    if kind is DecisionKind.EXIT:
        assert report.halted is None
        assert sent(report) == [Action.CLOSE]
        assert world.chain.now.positions == {}
    else:
        assert "max_price_deviation_frac" in str(report.halted)
        assert sent(report) == []
    assert world.books_equal_chain()


def test_an_exit_needs_neither_nav_nor_the_price_of_the_quote(world: World) -> None:
    earning(world)
    snapshot = replace(world.snapshot(), quote_usd=None)
    plan = replace(plan_of(snapshot, DecisionKind.EXIT, closes=[1]), nav_usd=None)
    report = world.execute(plan, snapshot)
    assert report.halted is None
    assert sent(report) == [Action.CLOSE]
    assert world.books_equal_chain()


@pytest.mark.parametrize("opens", [[target(0.5, WIDE, token_id=1)], [target(0.5, WIDE)] * 2])
def test_a_position_is_not_moved_twice_by_one_plan(world: World, opens: list[Target]) -> None:
    earning(world)
    snapshot = world.snapshot()
    plan = plan_of(snapshot, DecisionKind.PRA, closes=[1, 1], opens=opens)
    report = world.execute(plan, snapshot)
    assert "once per position" in str(report.halted)
    assert sent(report) == []


def test_a_plan_called_exit_that_opens_something_is_no_exit(world: World) -> None:
    earning(world)
    snapshot = world.snapshot()
    plan = plan_of(snapshot, DecisionKind.EXIT, closes=[1], opens=[target(0.5, WIDE)])
    world.chain.price_factor = 1.03
    report = world.execute(plan, snapshot)
    assert report.halted is not None
    assert 1 in world.chain.now.positions


def test_a_close_of_any_other_plan_keeps_to_the_independent_price(world: World) -> None:
    earning(world)
    snapshot = world.snapshot()
    plan = plan_of(snapshot, DecisionKind.RS, closes=[1], opens=[target(1.0, ABOVE)])
    world.chain.price_factor = 1.03
    assert "max_price_deviation_frac" in str(world.execute(plan, snapshot).halted)
    assert 1 in world.chain.now.positions


def test_an_add_of_nothing_that_fits_spends_no_gas(world: World) -> None:
    """Fees of one token, too few to be swapped: no liquidity, so no approval either."""
    earning(world)
    world.chain.now.positions[1] = replace(world.chain.now.positions[1], fees0=0, fees1=10**6)
    plan, snapshot = compound(world)
    world.chain.now.tokens[TOKEN] = 0
    world.chain.now.tokens[OTHER_TOKEN] = 0
    world.journal = type(world.journal)("sqlite:///:memory:")  # books open anew with what is there
    report = world.execute(plan, snapshot)
    assert "buys no liquidity" in str(report.halted)
    assert sent(report) == [Action.COLLECT]


def test_a_crash_after_every_port_call_that_left_something_behind_ends_as_without_it() -> None:
    """Calls that only read leave what the call before them left: crashing there is the same crash."""
    ended = _ending(lambda world, plan, snapshot: world.execute(plan, snapshot))
    seen = Noticing()
    assert _ending(lambda world, plan, snapshot: seen.run(world, plan, snapshot)) == ended
    assert seen.passed > 300
    assert len(seen.changed) > 50
    for at in seen.changed:

        def crash_then_run(world: World, plan: AllocationPlan, snapshot: MarketSnapshot, at: int = at) -> None:
            with pytest.raises(Crash):
                crashing(world, CrashPoint(at), plan, snapshot)
            report = world.execute(plan, snapshot)
            assert report.halted is None, (at, report.halted)

        assert _ending(crash_then_run) == ended, at


def _ending(run: Callable[[World, AllocationPlan, MarketSnapshot], object]) -> object:
    """Run a compound plan with a swap; return what the chain and the books came to."""
    world = earning(World())
    world.chain.earn(0, 500 * 10**6)
    plan, snapshot = compound(world)
    run(world, plan, snapshot)
    assert world.books_equal_chain()
    assert world.allowances() == 0
    assert world.journal.read_open_intents(world.chain.chain_id, WALLET) == ()
    assert world.chain.now.nonces_mined == list(range(world.chain.now.nonce))
    fees = world.journal.read_ledger_sums(world.chain.chain_id, WALLET, kind=FEES)
    world.journal.close()
    return world.chain.now.positions, world.chain.now.tokens, world.chain.now.effects, fees


def test_a_swap_sells_more_where_the_pools_are_thin() -> None:
    """The price falls while we sell, so that less comes back for each unit: the ratio needs more of them."""

    def sold(liquidity: int) -> int:
        world = World()
        world.chain.now.tokens[OTHER_TOKEN] = 0
        world.dex.read_pool = _of_depth(world.dex.read_pool, liquidity)  # type: ignore[method-assign]
        snapshot = world.snapshot()
        assert world.execute(plan_of(snapshot, DecisionKind.PRA, opens=[target(1.0, WIDE)]), snapshot).halted is None
        ((symbol, amount),) = world.swaps.quoted
        assert symbol == "WETH"
        return amount

    deep, thin = sold(10**24), sold(10**16)
    # Of x ether s is sold at a mean price e lower: x - s = s (1 - e), with e = value sold / (L * root of the price).
    e = thin * PRICE * 1e-12 / (10**16 * (PRICE * 1e-12) ** 0.5)
    assert thin / deep == pytest.approx(2 / (2 - e), rel=1e-3)


def _of_depth(read: Callable[..., PoolState], liquidity: int) -> Callable[..., PoolState]:
    return lambda *arguments: replace(read(*arguments), liquidity=liquidity)
