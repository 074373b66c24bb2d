"""Claims outside of plans: what stays staked, what would be forfeited, tokens nobody named, crashes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alm_core.execution.claims import claim_rewards, claimable
from alm_core.model.decisions import DecisionKind
from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.model.rewards import EarnedReward
from alm_core.model.transactions import Action, ExecutionReport, IntentState, Log, UnsignedTransaction
from alm_tests.core.execution.fakes import WALLET, Crash, Crashing, CrashPoint
from alm_tests.core.execution.test_stakes import (
    EARNED,
    GAUGE,
    NARROW,
    REWARD,
    FakeGauge,
    GaugeChain,
    GaugeDex,
    StakedWorld,
    _paid_by_gauge,
)
from alm_tests.core.execution.v3_fakes import POOL, WIDE
from alm_tests.core.execution.v3_world import target

KNOWN = {POOL.chain_id: (REWARD,)}


class PayingChain(GaugeChain):
    """Its gauge pays on a claim what a stake has earned, once."""

    def _effects(self, tx: UnsignedTransaction) -> list[Log]:
        if tx.action is not Action.CLAIM:
            return super()._effects(tx)
        assert int(tx.data[10:], 16) in self.now.staked
        self.now.tokens[REWARD] += EARNED
        return [_paid_by_gauge()]


class EarningGauge(FakeGauge):
    """Says what each stake has earned."""

    def __init__(self, dex: GaugeDex) -> None:
        super().__init__(dex)
        self.forfeited = 0
        self.failure: SourceUnavailable | None = None

    def read_earned(
        self, chain: object, pools: Sequence[PoolState], owner: str, block: object
    ) -> tuple[EarnedReward, ...]:
        if self.failure:
            raise self.failure
        return tuple(reward(token_id=held.token_id, forfeited=self.forfeited) for held in self._dex.read_staked())


class ClaimWorld(StakedWorld):
    """Two positions are staked and have earned."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = PayingChain()
        self.dex = GaugeDex(self.chain)
        self.gauge = EarningGauge(self.dex)
        self.carry_out(DecisionKind.PRA, opens=[target(0.3, WIDE), target(0.3, NARROW)])

    def claim(self, snapshot: MarketSnapshot | None = None, *, point: CrashPoint | None = None) -> ExecutionReport:
        executor = self.executor((lambda port: Crashing(port, point)) if point else (lambda port: port))
        return claim_rewards(executor, snapshot or self.snapshot(), (self.gauge,), KNOWN)


def reward(**changes: object) -> EarnedReward:
    plain = EarnedReward(
        programme="slipstream_gauge", chain_id=POOL.chain_id, contract=GAUGE, token=REWARD, amount=EARNED
    )
    return replace(plain, **changes)


def claims(report: ExecutionReport) -> list[IntentState]:
    assert {done.action for done in report.transactions} <= {Action.CLAIM}
    return [done.state for done in report.transactions]


@pytest.fixture
def world() -> ClaimWorld:
    return ClaimWorld()


def test_each_stake_is_claimed_once_a_quarter_hour_and_stays_staked(world: ClaimWorld) -> None:
    first = world.claim()
    assert (first.halted, claims(first)) == (None, [IntentState.FINAL_OK] * 2)
    again = world.claim()
    assert again.transactions == first.transactions
    assert world.journal.read_ledger_sums(POOL.chain_id, WALLET, kind="rewards") == {REWARD: 2 * EARNED}
    assert world.books_equal_chain()
    assert world.chain.now.staked == {1, 2}
    world.chain.epochs += 1
    assert claims(world.claim()) == [IntentState.FINAL_OK] * 2


def test_a_claim_does_not_take_the_place_of_the_epochs_plan(world: ClaimWorld) -> None:
    assert world.claim().halted is None
    report = world.carry_out(DecisionKind.EXIT, closes=[1, 2])
    assert [done.action for done in report.transactions] == [Action.UNSTAKE, Action.CLOSE] * 2


def test_what_would_be_forfeited_is_left(world: ClaimWorld) -> None:
    world.gauge.forfeited = 5
    report = world.claim()
    assert (report.halted, report.transactions) == (None, ())


def test_a_programme_that_cannot_be_read_is_named_and_hides_no_other(world: ClaimWorld) -> None:
    broken = EarningGauge(world.dex)
    broken.failure = SourceUnavailable("merkl", "HTTP 503")
    report = claim_rewards(world.executor(), world.snapshot(), (broken, world.gauge), KNOWN)
    assert "HTTP 503" in str(report.halted)
    assert claims(report) == [IntentState.FINAL_OK] * 2


def test_nothing_is_claimed_while_the_books_are_not_green(world: ClaimWorld) -> None:
    world.chain.use_key_elsewhere()
    report = world.claim()
    assert "somebody else uses the key" in str(report.halted)
    assert report.transactions == ()


def test_tokens_that_the_registry_does_not_know_and_nothing_at_all_are_not_claimed() -> None:
    rewards = (reward(), reward(token="0x" + "5c" * 20), reward(amount=0))
    assert claimable(rewards, [REWARD.upper().replace("X", "x")]) == rewards[:1]
    assert claimable(rewards, ()) == ()


def test_a_crash_at_any_boundary_claims_each_stake_once() -> None:
    whole = CrashPoint()
    ClaimWorld().claim(point=whole)
    for at in range(1, whole.passed, 3):
        world = ClaimWorld()
        snapshot = world.snapshot()
        with pytest.raises(Crash):
            world.claim(snapshot, point=CrashPoint(at))
        report = world.claim(snapshot)
        assert (report.halted, claims(report)) == (None, [IntentState.FINAL_OK] * 2), at
        assert world.chain.now.tokens[REWARD] == 2 * EARNED
        assert world.books_equal_chain()
        world.journal.close()
