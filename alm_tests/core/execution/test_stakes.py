"""Positions that a gauge holds: taken back before they change, staked again after it, crashes included."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word, uint_word
from alm_core.execution.saga import PlanExecutor
from alm_core.model.chain_ports import Call
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.model.transactions import Action, ExecutionReport, Log, UnsignedTransaction
from alm_resources.dex.rewards.slipstream_gauge import SlipstreamGauge
from alm_tests.core.execution.fakes import (
    OTHER_TOKEN,
    TOKEN,
    VENUE,
    WALLET,
    Crash,
    CrashPoint,
    FakeSigner,
    transfer_log,
)
from alm_tests.core.execution.v3_fakes import COLLECT_TOPIC, POOL, WIDE, V3Chain, V3Dex, Venue, _event
from alm_tests.core.execution.v3_world import LIMITS, Noticing, World, crashing, plan_of, target

GAUGE, REWARD = "0x" + "b1" * 20, "0x" + "e1" * 20
STAKING = replace(POOL, contracts=(("gauge", GAUGE), ("reward_token", REWARD)), stakes=True)
LEAVING = replace(STAKING, stakes=False)
GET_APPROVED = "0x081812fc"
EARNED = 1_234
"""What a stake has earned whenever it is taken back."""
NARROW = (WIDE[0] + 100, WIDE[1] - 100)


@dataclass
class GaugeVenue(Venue):
    staked: set[int] = field(default_factory=set[int])
    approved: dict[int, str] = field(default_factory=dict[int, str])


class GaugeChain(V3Chain):
    """A gauge that takes only what it was approved for, pays fees out on the way in and rewards on the way out."""

    def __init__(self) -> None:
        super().__init__()
        self.now = GaugeVenue(tokens=self.now.tokens | {REWARD: 0})
        self.alive = True

    def simulate(self, tx: UnsignedTransaction) -> int:
        self.would_revert = tx.action is Action.STAKE and not self.alive
        return super().simulate(tx)

    def _effects(self, tx: UnsignedTransaction) -> list[Log]:
        words = [int(tx.data[10:][64 * at : 64 * at + 64] or "0", 16) for at in range(2)]
        if tx.action in (Action.APPROVE, Action.APPROVE_RESET) and tx.to == POOL.position_manager:
            assert words[1] not in self.now.staked
            self.now.approved[words[1]] = f"0x{words[0]:040x}" if words[0] else ""
            return []
        if tx.action is Action.STAKE:
            return self._stake(words[0])
        if tx.action is Action.UNSTAKE:
            self.now.staked.remove(words[0])
            self.now.tokens[REWARD] += EARNED
            return [_paid_by_gauge(), _moved(words[0], GAUGE, WALLET)]
        if tx.action in (Action.ADD, Action.COLLECT):
            assert words[0] not in self.now.staked, f"{tx.action} of what the gauge holds"
        return super()._effects(tx)

    def _stake(self, token_id: int) -> list[Log]:
        assert self.now.approved.pop(token_id) == GAUGE, "staked without the right"
        held = self.now.positions[token_id]
        assert held.liquidity
        self.now.staked.add(token_id)
        self.now.positions[token_id] = replace(held, fees0=0, fees1=0)
        fees = [(token, amount) for token, amount in ((TOKEN, held.fees0), (OTHER_TOKEN, held.fees1)) if amount]
        for token, amount in fees:
            self.now.tokens[token] += amount
        collected = _event(COLLECT_TOPIC, token_id, int(WALLET, 16), held.fees0, held.fees1)
        return [*(transfer_log(token, amount, 0) for token, amount in fees), collected, _moved(token_id, WALLET, GAUGE)]

    def _close(self, data: bytes) -> list[Log]:
        before = set(self.now.positions)
        logs = super()._close(data)
        assert not (before - set(self.now.positions)) & self.now.staked, "closed what the gauge holds"
        return logs

    def _answer(self, call: Call) -> int:
        if "0x" + call.data[:4].hex() == GET_APPROVED:
            return int(self.now.approved.get(int.from_bytes(call.data[4:], "big"), "") or "0x0", 16)
        return super()._answer(call)


class GaugeDex(V3Dex):
    """The wallet's own positions are those that the gauge does not hold."""

    def read_positions(self, chain: object, pools: object, owner: str, block: object) -> tuple[Position, ...]:
        found = super().read_positions(chain, pools, owner, block)
        return tuple(held for held in found if held.token_id not in self._chain.now.staked)

    def read_staked(self) -> tuple[Position, ...]:
        found = super().read_positions(None, None, WALLET, None)
        return tuple(replace(held, staked_in=GAUGE) for held in found if held.token_id in self._chain.now.staked)


class FakeGauge(SlipstreamGauge):
    """The real plans over what the fake gauge holds."""

    def __init__(self, dex: GaugeDex) -> None:
        self._dex = dex

    def read_staked(self, chain: object, pools: Sequence[PoolState], owner: str, block: object) -> tuple[Position, ...]:
        assert {state.pool.pool_id for state in pools} == {POOL.pool_id}
        return self._dex.read_staked()


class StakedWorld(World):
    """A world whose pool names a gauge."""

    def __init__(self, pool=STAKING) -> None:
        super().__init__()
        self.chain = GaugeChain()
        self.dex = GaugeDex(self.chain)
        self.pool = pool

    def executor(self, wrap: Callable[[object], object] = lambda port: port) -> PlanExecutor:
        return PlanExecutor(
            chains={POOL.chain_id: wrap(self.chain)},
            adapters={"uniswap_v3": self.dex},
            swaps=wrap(self.swaps),
            signer=wrap(FakeSigner()),
            journal=wrap(self.journal),
            limits=LIMITS,
            allow_list=allow_list_for([self.pool], {POOL.chain_id: VENUE}),
            programmes=(FakeGauge(self.dex),),
        )

    def snapshot(self) -> MarketSnapshot:
        seen = super().snapshot()
        (held,) = seen.holdings
        both = sorted((*held.positions, *self.dex.read_staked()), key=lambda position: position.token_id)
        return replace(
            seen,
            pools=tuple(replace(state, pool=self.pool) for state in seen.pools),
            holdings=(replace(held, positions=tuple(both)),),
        )

    def books_equal_chain(self) -> bool:
        sums = self.journal.read_ledger_sums(self.chain.chain_id, WALLET)
        return {REWARD: 0, **sums} == {**self.chain.now.tokens, "native": self.chain.now.native}

    def approved(self) -> set[str]:
        return {who for who in self.chain.now.approved.values() if who}

    def carry_out(self, kind: DecisionKind, **parts: object) -> ExecutionReport:
        """Execute a plan, see that nothing is left over, and go on to the next epoch."""
        snapshot = self.snapshot()
        report = self.execute(plan_of(snapshot, kind, **parts), snapshot)
        assert report.halted is None, report.halted
        assert self.books_equal_chain()
        assert (self.allowances(), self.approved()) == (0, set())
        self.chain.epochs += 1
        return report


def _paid_by_gauge() -> Log:
    topics = (TRANSFER_TOPIC, "0x" + address_word(GAUGE), "0x" + address_word(WALLET))
    return Log(address=REWARD, topics=topics, data="0x" + uint_word(EARNED), log_index=0)


def _moved(token_id: int, sender: str, recipient: str) -> Log:
    topics = (TRANSFER_TOPIC, "0x" + address_word(sender), "0x" + address_word(recipient), "0x" + uint_word(token_id))
    return Log(address=POOL.position_manager, topics=topics, data="0x", log_index=0)


def actions(report: ExecutionReport) -> list[Action]:
    """What was done, without rights to tokens."""
    return [done.action for done in report.transactions if done.action not in (Action.APPROVE, Action.APPROVE_RESET)]


@pytest.fixture
def world() -> StakedWorld:
    return StakedWorld()


def placed(world: StakedWorld) -> StakedWorld:
    report = world.carry_out(DecisionKind.PRA, opens=[target(0.5, WIDE)])
    assert actions(report)[-2:] == [Action.OPEN, Action.STAKE]
    return world


def test_what_is_opened_is_staked_and_stays_ours_in_the_books(world: StakedWorld) -> None:
    placed(world)
    assert world.chain.now.staked == {1}
    assert world.journal.read_positions(POOL.chain_id, WALLET) == {(POOL.position_manager.lower(), 1)}
    report = world.carry_out(DecisionKind.HOLD)
    assert report.reconciliations[0].adopted == ()


def test_a_move_takes_the_position_back_with_its_reward_and_stakes_the_new_one(world: StakedWorld) -> None:
    report = placed(world).carry_out(DecisionKind.RS, closes=[1], opens=[target(0.5, NARROW)])
    assert actions(report) == [Action.UNSTAKE, Action.CLOSE, Action.OPEN, Action.STAKE]
    assert (world.chain.now.staked, set(world.chain.now.positions)) == ({2}, {2})
    assert world.journal.read_ledger_sums(POOL.chain_id, WALLET, kind="rewards") == {REWARD: EARNED}


def test_what_is_collected_and_added_to_is_staked_once_again(world: StakedWorld) -> None:
    placed(world).chain.earn(10**15, 3 * 10**6)
    report = world.carry_out(DecisionKind.COMPOUND, collects=[1], opens=[target(0.5, WIDE, 1)])
    kept = [action for action in actions(report) if action is not Action.SWAP]
    assert kept == [Action.UNSTAKE, Action.COLLECT, Action.ADD, Action.STAKE]
    assert world.chain.now.staked == {1}


def test_what_is_only_collected_is_staked_again(world: StakedWorld) -> None:
    placed(world).chain.earn(10**15, 3 * 10**6)
    report = world.carry_out(DecisionKind.COMPOUND, collects=[1])
    assert actions(report) == [Action.UNSTAKE, Action.COLLECT, Action.STAKE]
    assert world.journal.read_ledger_sums(POOL.chain_id, WALLET, kind="fees") == {TOKEN: 10**15, OTHER_TOKEN: 3 * 10**6}


def test_an_exit_takes_back_closes_and_stakes_nothing(world: StakedWorld) -> None:
    report = placed(world).carry_out(DecisionKind.EXIT, closes=[1])
    assert actions(report) == [Action.UNSTAKE, Action.CLOSE]
    assert (world.chain.now.staked, world.chain.now.positions) == (set(), {})
    assert world.journal.read_positions(POOL.chain_id, WALLET) == frozenset()


def test_staking_pays_out_fees_that_are_booked_as_fees(world: StakedWorld) -> None:
    world.pool = LEAVING
    world.carry_out(DecisionKind.PRA, opens=[target(0.3, WIDE)])
    assert world.chain.now.staked == set()
    world.chain.earn(10**15, 3 * 10**6)
    world.pool = STAKING
    report = world.carry_out(DecisionKind.COMPOUND, opens=[target(0.3, WIDE, 1)])
    assert actions(report)[-2:] == [Action.ADD, Action.STAKE]
    assert world.journal.read_ledger_sums(POOL.chain_id, WALLET, kind="fees") == {TOKEN: 10**15, OTHER_TOKEN: 3 * 10**6}


def test_a_pool_that_stopped_staking_gives_its_positions_back_and_gets_none(world: StakedWorld) -> None:
    placed(world).pool = LEAVING
    report = world.carry_out(DecisionKind.RS, closes=[1], opens=[target(0.5, NARROW)])
    assert actions(report) == [Action.UNSTAKE, Action.CLOSE, Action.OPEN]
    assert world.chain.now.staked == set()


def test_a_gauge_that_takes_nothing_more_halts_and_leaves_no_right(world: StakedWorld) -> None:
    world.chain.alive = False
    snapshot = world.snapshot()
    report = world.execute(plan_of(snapshot, DecisionKind.PRA, opens=[target(0.5, WIDE)]), snapshot)
    assert "stake position 1" in str(report.halted)
    assert (world.approved(), world.allowances(), set(world.chain.now.positions)) == (set(), 0, {1})
    assert world.books_equal_chain()


def test_a_right_to_a_position_left_over_from_before_is_found_and_cleared(world: StakedWorld) -> None:
    world.pool = LEAVING
    world.carry_out(DecisionKind.PRA, opens=[target(0.5, WIDE)])
    world.chain.now.approved[1] = GAUGE
    report = world.carry_out(DecisionKind.RS, closes=[1], opens=[target(0.5, NARROW)])
    (left,) = report.reconciliations[0].allowances
    assert (left.token, left.spender) == (POOL.position_manager, GAUGE)
    assert report.transactions[0].action is Action.APPROVE_RESET


def plans(world: StakedWorld) -> tuple[AllocationPlan, MarketSnapshot]:
    """Close one, collect another and add to it, and open a third: a staked position in every part of a plan."""
    world.chain.earn(10**15, 3 * 10**6)
    snapshot = world.snapshot()
    opens = [target(0.3, NARROW, 2), target(0.3, WIDE)]
    return plan_of(snapshot, DecisionKind.RS, closes=[1], collects=[2, 3], opens=opens), snapshot


def started() -> StakedWorld:
    world = StakedWorld()
    world.carry_out(DecisionKind.PRA, opens=[target(0.2, WIDE), target(0.2, NARROW), target(0.1, (WIDE[0], NARROW[1]))])
    assert world.chain.now.staked == {1, 2, 3}
    return world


def test_a_crash_at_any_boundary_ends_as_without_it() -> None:
    ended = _ending(None)
    seen = Noticing()
    world = started()
    seen.run(world, *plans(world))
    assert world.chain.now.staked == {2, 3, 4}
    assert len(seen.changed) > 100
    # Every sixth: what is common to all plans is crashed at every boundary in test_chain_saga.
    for at in seen.changed[::6]:
        assert _ending(at) == ended, at


def test_rights_of_a_later_target_survive_when_a_plan_is_taken_up_again() -> None:
    """The last right before the second open is on its way when the process dies."""
    opens = [target(0.2, WIDE), target(0.2, NARROW)]
    whole = StakedWorld(LEAVING).carry_out(DecisionKind.PRA, opens=opens)
    done = [tx.action for tx in whole.transactions]
    second_open = [at for at, action in enumerate(done) if action is Action.OPEN][1]
    world = StakedWorld(LEAVING)
    snapshot = world.snapshot()
    plan = plan_of(snapshot, DecisionKind.PRA, opens=opens)
    with pytest.raises(Crash):
        crashing(world, _AfterSending(world, second_open), plan, snapshot)
    report = world.execute(plan, snapshot)
    assert report.halted is None
    assert [tx.action for tx in report.transactions] == done
    assert world.allowances() == 0


class _AfterSending(CrashPoint):
    """Crashes as soon as so many transactions have left."""

    def __init__(self, world: World, count: int) -> None:
        super().__init__()
        self._world, self._count = world, count

    def hit(self) -> None:
        if len(self._world.chain.received) == self._count:
            raise Crash


def _ending(crash_at: int | None) -> object:
    world = started()
    plan, snapshot = plans(world)
    if crash_at is not None:
        with pytest.raises(Crash):
            crashing(world, CrashPoint(crash_at), plan, snapshot)
    report = world.execute(plan, snapshot)
    assert report.halted is None, (crash_at, report.halted)
    assert world.books_equal_chain()
    assert (world.allowances(), world.approved()) == (0, set())
    assert world.chain.now.nonces_mined == list(range(world.chain.now.nonce))
    world.journal.close()
    return world.chain.now.positions, world.chain.now.tokens, world.chain.now.effects, world.chain.now.staked
