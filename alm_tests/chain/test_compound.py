"""COMPOUND, shifts without a swap, partial placing and EXIT on real contracts, through the executor, to the wei."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from eth_abi.abi import decode

from alm_core.accounting.ledger import FEES, NATIVE
from alm_core.execution.erc20 import approve_data
from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.math.tick import UINT128_MAX
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import Holdings, MarketSnapshot, Position
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_core.portfolio.limits import check_plan
from alm_core.portfolio.valuation import idle_usd, prices_usd
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.deploy import fund
from alm_localnet.worlds import uniswap_v3_alone
from alm_resources.dex.uniswap_v3 import abi
from alm_tests.chaos.scene import LIMITS, Scene

pytestmark = pytest.mark.chain
CHAIN = 8453
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def one_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    config = uniswap_v3_alone(LocalnetConfig(start_at=START_AT, chains=(CHAIN,)))
    with Localnet(tmp_path_factory.mktemp("compound"), config) as localnet:
        yield localnet


@pytest.fixture
def scene(one_chain: Localnet, tmp_path: Path) -> Iterator[Scene]:
    with one_chain.restored():
        opened = Scene(one_chain, tmp_path / "journal.db")
        yield opened
        opened.close()


class Watched:
    """A port that passes every call on and then tells somebody."""

    def __init__(self, port: object, told: Callable[[str], None], *, before: bool = False) -> None:
        self._port, self._told, self._before = port, told, before

    def __getattr__(self, name: str) -> object:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*args: object, **kwargs: object) -> object:
            if self._before:
                self._told(name)
                return found(*args, **kwargs)
            answer = found(*args, **kwargs)
            self._told(name)
            return answer

        return call


def held(scene: Scene) -> Holdings:
    (holdings,) = scene.snapshot(scene.localnet.now).holdings
    return holdings


def check_books(scene: Scene) -> None:
    """Ledger equals chain to the wei, and the fees read are what a collect would pay now."""
    holdings = held(scene)
    assert scene.journal.read_ledger_sums(CHAIN, scene.wallet) == {
        NATIVE: holdings.native_wei,
        **{entry.address.lower(): entry.amount for entry in holdings.balances},
    }
    for position in holdings.positions:
        assert (position.fees0, position.fees1) == payable(scene, position)


def payable(scene: Scene, position: Position) -> tuple[int, ...]:
    """What the contract says a collect pays."""
    (pool,) = [pool for pool in scene.pools if pool.pool_id == position.pool_id]
    data = abi.COLLECT.data((position.token_id, scene.wallet, UINT128_MAX, UINT128_MAX))
    asked = {"from": scene.wallet, "to": pool.position_manager, "data": "0x" + data.hex()}
    answer = scene.localnet.rpc(CHAIN).call("eth_call", asked, "latest")
    return decode(("uint256", "uint256"), bytes.fromhex(answer[2:]))


def execute(scene: Scene, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
    """Execute, with the books checked after every step that is settled."""
    steps: list[str] = []

    def told(name: str) -> None:
        if name == "settle":
            steps.append(name)
            check_books(scene)

    report = scene.executor(lambda port: Watched(port, told) if port is scene.journal else port).execute(plan, snapshot)
    assert len(steps) == sum(tx.state is IntentState.FINAL_OK for tx in report.transactions)
    return report


def next_epoch(
    scene: Scene, plan_of: Callable[[MarketSnapshot], AllocationPlan]
) -> tuple[ExecutionReport, MarketSnapshot]:
    scene.localnet.advance_to(scene.localnet.now + QUARTER)
    snapshot = scene.snapshot(scene.localnet.now)
    return execute(scene, plan_of(snapshot), snapshot), snapshot


def placed(scene: Scene) -> Holdings:
    """Capital at work for an hour, so that both positions have earned."""
    report, _ = next_epoch(scene, scene.plan)
    assert report.halted is None
    scene.localnet.advance_to(scene.localnet.now + timedelta(minutes=45))
    return held(scene)


def done(report: ExecutionReport) -> Counter[Action]:
    assert report.halted is None, report.halted
    assert {tx.state for tx in report.transactions} <= {IntentState.FINAL_OK, IntentState.EXPIRED_UNSENT}
    sent = [tx.action for tx in report.transactions if tx.state is IntentState.FINAL_OK]
    return Counter(action for action in sent if action is not Action.APPROVE_RESET)


def allowances(scene: Scene) -> int:
    snapshot = scene.snapshot(scene.localnet.now)
    report = scene.executor().execute(scene.hold(snapshot), snapshot)
    assert all(result.green and result.adopted == () for result in report.reconciliations)
    return sum(left.amount for result in report.reconciliations for left in result.allowances)


def idle_frac(scene: Scene) -> float:
    snapshot = scene.snapshot(scene.localnet.now)
    idle = idle_usd(snapshot.holdings[0], scene.pools, prices_usd(snapshot, scene.price(snapshot))).total
    return idle / scene.hold(snapshot).nav_usd


def test_compounding_adds_the_fees_to_the_positions_as_they_stand(scene: Scene) -> None:
    placed(scene)
    report, snapshot = next_epoch(scene, scene.compound)
    (before,) = snapshot.holdings
    after = held(scene)
    found = done(report)
    assert (found[Action.COLLECT], found[Action.ADD]) == (2, 2)
    assert not {Action.OPEN, Action.CLOSE} & found.keys()
    assert [one.token_id for one in after.positions] == [one.token_id for one in before.positions]
    for old, new in zip(before.positions, after.positions, strict=True):
        assert new.liquidity > old.liquidity
        assert (new.tick_lower, new.tick_upper) == (old.tick_lower, old.tick_upper)
        assert min(old.fees0, old.fees1) > 0
        assert (new.fees0, new.fees1) == (0, 0)
    assert fees_booked(scene) == total_fees(scene, before)
    assert idle_frac(scene) < LIMITS.min_swap_nav_frac
    assert allowances(scene) == 0


def fees_booked(scene: Scene) -> dict[str, int]:
    return scene.journal.read_ledger_sums(CHAIN, scene.wallet, kind=FEES)


def total_fees(scene: Scene, holdings: Holdings) -> dict[str, int]:
    """Uncollected fees of all positions by token."""
    pools = {pool.pool_id: pool for pool in scene.pools}
    total: Counter[str] = Counter()
    for position in holdings.positions:
        pool = pools[position.pool_id]
        total[pool.token0.address.lower()] += position.fees0
        total[pool.token1.address.lower()] += position.fees1
    return dict(total)


def test_running_a_compound_plan_again_does_nothing(scene: Scene) -> None:
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.compound(snapshot)
    first = execute(scene, plan, snapshot)
    nonce, liquidity = scene.chains[CHAIN].read_nonce(scene.wallet), [one.liquidity for one in held(scene).positions]
    second = scene.executor().execute(plan, snapshot)
    assert first.halted is second.halted is None
    assert second.transactions == first.transactions
    assert scene.chains[CHAIN].read_nonce(scene.wallet) == nonce
    assert [one.liquidity for one in held(scene).positions] == liquidity


def test_a_close_books_its_fees_apart_from_its_principal(scene: Scene) -> None:
    placed(scene)
    report, snapshot = next_epoch(scene, scene.exit)
    assert done(report) == {Action.CLOSE: 2}
    assert held(scene).positions == ()
    assert fees_booked(scene) == total_fees(scene, snapshot.holdings[0])
    assert min(fees_booked(scene).values()) > 0


def test_fees_earned_between_collect_and_add_stay_owed(scene: Scene) -> None:
    """Somebody trades there and back right before each add: the add credits what that earned and pays nothing out."""
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.compound(snapshot)
    sends: list[str] = []

    def trade_before_adds(name: str) -> None:
        if name == "send_raw" and scene.intents()[-1].tx.action is Action.ADD:
            sends.append(name)
            for pool in scene.pools:
                price = scene.price_in(pool)
                for factor in (1.001, 1.0):
                    scene.move_price(pool, price * factor)

    chain = scene.chains[CHAIN]
    wrapped = scene.executor(lambda port: Watched(port, trade_before_adds, before=True) if port is chain else port)
    report = wrapped.execute(plan, snapshot)
    assert done(report)[Action.ADD] == len(sends) == 2
    check_books(scene)
    assert all(min(one.fees0, one.fees1) > 0 for one in held(scene).positions)


def test_idle_capital_is_added_without_collecting(scene: Scene) -> None:
    before = placed(scene)
    pool = scene.pools[0]
    for token in (pool.token0, pool.token1):
        fund(scene.localnet.chains[0], token.symbol, scene.wallet, 10**17 if token.decimals == 18 else 10**9)
    snapshot = scene.snapshot(scene.localnet.now)
    report = execute(scene, scene.compound(snapshot, collect=False), snapshot)
    assert done(report)[Action.ADD] == 2
    after = held(scene)
    for old, new in zip(before.positions, after.positions, strict=True):
        assert new.liquidity > old.liquidity
        # Our own net swap went through one of the pools and paid fees to us.
        assert new.fees0 >= old.fees0 > 0
        assert new.fees1 >= old.fees1 > 0
    assert fees_booked(scene) == {}


def test_only_the_share_of_a_plan_is_placed(scene: Scene) -> None:
    """A cap that leaves capital idle on purpose holds in execution."""
    report, _ = next_epoch(scene, lambda snapshot: scene.plan(snapshot, shares=(0.25, 0.15)))
    assert done(report) == {Action.APPROVE: 4, Action.OPEN: 2}, "the wallet has enough of both tokens"
    assert idle_frac(scene) == pytest.approx(0.6, abs=0.005)
    report, _ = next_epoch(scene, lambda snapshot: scene.plan(snapshot, shares=(0.1, 0.1), shift=0.04))
    assert done(report)[Action.OPEN] == 2
    assert idle_frac(scene) == pytest.approx(0.8, abs=0.005)


def test_a_shift_to_a_main_and_a_single_sided_range_swaps_nothing(scene: Scene) -> None:
    pool = scene.pools[0]
    report, _ = next_epoch(scene, lambda snapshot: scene.plan(snapshot, shares=(1.0,), half_width=0.04))
    assert done(report)[Action.OPEN] == 1
    scene.localnet.advance_to(scene.localnet.now + QUARTER)
    scene.move_price(pool, scene.price_in(pool) * 1.01)
    snapshot = scene.snapshot(scene.localnet.now)
    price = price_at_sqrt_price_x96(pool, snapshot.pool_state(pool.pool_id).sqrt_price_x96)
    plan = replace(scene.shift_without_swap(snapshot, pool, 0.02), price=price)
    report = execute(scene, plan, snapshot)
    # One approval per token of the main range, and a single one for the single-sided range.
    assert done(report) == {Action.CLOSE: 1, Action.APPROVE: 3, Action.OPEN: 2}
    main, single = held(scene).positions
    assert min(main.amount0, main.amount1) > 0
    assert min(single.amount0, single.amount1) == 0 < max(single.amount0, single.amount1)
    assert idle_frac(scene) < LIMITS.min_swap_nav_frac
    assert allowances(scene) == 0


def move_all(scene: Scene, factor: float) -> None:
    for pool in scene.pools:
        scene.move_price(pool, scene.price_in(pool) * factor)


def test_an_exit_closes_although_the_pools_have_left_the_independent_price(scene: Scene) -> None:
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    leave, move = scene.exit(snapshot), scene.plan(snapshot)
    move_all(scene, 0.95)
    refused = scene.executor().execute(move, snapshot)
    assert "max_price_deviation_frac" in str(refused.halted)
    assert len(held(scene).positions) == 2
    assert done(execute(scene, leave, snapshot)) == {Action.CLOSE: 2}
    assert held(scene).positions == ()


def test_an_exit_is_planned_and_carried_out_while_the_pools_are_off(scene: Scene) -> None:
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    price = scene.price(snapshot)
    move_all(scene, 0.95)
    seen = scene.snapshot(scene.localnet.now)
    leave = replace(scene.exit(seen), price=price)
    assert check_plan(leave, seen, LIMITS) == ()
    assert {one.limit for one in check_plan(replace(scene.plan(seen), price=price), seen, LIMITS)} == {
        "max_price_deviation_frac"
    }
    assert done(execute(scene, leave, seen)) == {Action.CLOSE: 2}


def test_every_other_limit_holds_for_an_exit(scene: Scene) -> None:
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    scene.journal.halt(CHAIN, scene.wallet, "operator says stop")
    report = scene.executor().execute(scene.exit(snapshot), snapshot)
    assert "operator says stop" in str(report.halted)
    assert len(held(scene).positions) == 2


def test_a_stranger_who_adds_to_a_position_stops_adding_but_not_leaving(scene: Scene) -> None:
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    compound, leave = scene.compound(snapshot), scene.exit(snapshot)
    gift(scene, snapshot.holdings[0].positions[0])
    report = scene.executor().execute(compound, snapshot)
    assert "PositionChanged" in str(report.halted)
    assert report.transactions == ()
    assert done(execute(scene, leave, snapshot)) == {Action.CLOSE: 2}


def gift(scene: Scene, position: Position) -> None:
    """Somebody adds liquidity to our position, as the contract lets anybody do."""
    (chain,) = scene.localnet.chains
    (pool,) = [pool for pool in scene.pools if pool.pool_id == position.pool_id]
    for token in (pool.token0, pool.token1):
        fund(chain, token.symbol, chain.operator, 10**14 if token.decimals == 18 else 10**6)
        chain.rpc.transact(
            chain.operator, token.address, bytes.fromhex(approve_data(pool.position_manager, 10**14)[2:])
        )
    amounts = (10**14 if pool.token0.decimals == 18 else 10**6, 10**14 if pool.token1.decimals == 18 else 10**6)
    data = abi.INCREASE_LIQUIDITY.data((position.token_id, *amounts, 0, 0, 2**40))
    chain.rpc.transact(chain.operator, pool.position_manager, data)


@pytest.mark.parametrize("wrong", ["ticks", "gone", "closed too", "twice"])
def test_an_add_that_does_not_fit_the_positions_held_is_refused_before_anything_is_sent(
    scene: Scene, wrong: str
) -> None:
    placed(scene)
    snapshot = scene.snapshot(scene.localnet.now)
    plan = scene.compound(snapshot)
    first, second = plan.opens
    changed = {
        "ticks": replace(plan, opens=(replace(first, tick_lower=first.tick_lower - 600), second)),
        "gone": replace(plan, collects=(), opens=(replace(first, token_id=10**6), second)),
        "closed too": replace(plan, collects=(), closes=plan.collects[:1]),
        "twice": replace(plan, opens=(first, first)),
    }[wrong]
    report = scene.executor().execute(changed, snapshot)
    assert report.halted is not None
    assert report.transactions == ()
