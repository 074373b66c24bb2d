"""Positions that need an operator, are placed part by part and closed in rounds, crash at every boundary included."""

from dataclasses import replace
from datetime import datetime

import pytest
from eth_abi.abi import decode

from alm_core.execution.allow_list import AllowList, allow_list_for
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.position_logs import DECREASE_TOPIC
from alm_core.execution.rights import erc20_grant
from alm_core.execution.saga import PlanExecutor
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.dex_ports import Grant, PriceInterval
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, ExecutionReport, Log, UnsignedTransaction
from alm_tests.core.execution.fakes import (
    OTHER_TOKEN,
    VENUE,
    WALLET,
    Crash,
    CrashPoint,
    FakeSigner,
    MinedBlock,
    tx_from,
)
from alm_tests.core.execution.v3_fakes import HERE, POOL, WIDE, V3Chain, V3Dex, _event
from alm_tests.core.execution.v3_world import LIMITS, Noticing, World, crashing, plan_of, target

PAIR = "0x" + "b1" * 20
"""Keeps the operator right, as the pair of a Liquidity Book does."""
PER_ROUND = 2


class RoundsChain(V3Chain):
    """A close that is no multicall with a burn takes out a part; it needs the operator right.

    ``vanishes`` is a position that is empty from the moment on in which the right is given.
    """

    vanishes: int | None = None

    def _execute(self, block: MinedBlock, raw: str, fields: dict[str, object]) -> None:
        super()._execute(block, raw, fields)
        if self.vanishes and tx_from(fields).action is Action.APPROVE:
            self.now.positions[self.vanishes] = replace(self.now.positions[self.vanishes], liquidity=0)

    def _close(self, data: bytes) -> list[Log]:
        assert self.now.allowances.get((PAIR, POOL.position_manager.lower())), "closed without being an operator"
        calls = decode(("bytes[]",), data)[0]
        if len(calls) == 3:
            return super()._close(data)
        token_id, taken = (int.from_bytes(calls[0][4 + 32 * at : 36 + 32 * at], "big") for at in range(2))
        held = self.now.positions[token_id]
        self.now.positions[token_id] = replace(held, liquidity=held.liquidity - taken)
        return [_event(DECREASE_TOPIC, token_id, taken, 0, 0), *self._pay(token_id, 0, 0)]


class RoundsDex(V3Dex):
    """Opens ranges in two parts, and closes positions in three rounds."""

    def __init__(self, chain: V3Chain) -> None:
        super().__init__(chain)
        self._most: dict[int, int] = {}

    def parts(self, pool: Pool, tick_lower: int, tick_upper: int) -> tuple[tuple[int, int], ...]:
        return ((tick_lower, HERE + 200), (HERE + 200, tick_upper))

    def removing_grants(self, pool: Pool, owner: str) -> tuple[Grant, ...]:
        return (erc20_grant(replace(pool.token0, address=PAIR), owner, pool.position_manager, 1),)

    def plan_close(
        self, state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
    ) -> UnsignedTransaction:
        most = self._most[position.token_id] = max(position.liquidity, self._most.get(position.token_id, 0))
        if 0 < position.liquidity < most * 3 // 8:
            return super().plan_close(state, position, interval, owner, deadline_at)
        # Half of it in each of the first two rounds.
        part = self.plan_remove(state, position, position.liquidity // 2, interval, owner, deadline_at)
        return replace(part, action=Action.CLOSE, bounds=tuple(replace(b, min_delta=0) for b in part.bounds))


class RoundsWorld(World):
    """A world with that family."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = RoundsChain()
        self.dex = RoundsDex(self.chain)

    def executor(self, wrap=lambda port: port) -> PlanExecutor:
        listed = allow_list_for([POOL], {POOL.chain_id: VENUE})
        pair = {(POOL.chain_id, PAIR): frozenset({APPROVE_SELECTOR})}
        return PlanExecutor(
            chains={POOL.chain_id: wrap(self.chain)},
            adapters={"uniswap_v3": self.dex},
            swaps=wrap(self.swaps),
            signer=wrap(FakeSigner()),
            journal=wrap(self.journal),
            limits=LIMITS,
            allow_list=AllowList(selectors={**listed.selectors, **pair}, spenders=listed.spenders),
        )


@pytest.fixture
def world() -> RoundsWorld:
    return RoundsWorld()


def placed(world: RoundsWorld) -> RoundsWorld:
    """A world that has placed one target, in the epoch after."""
    snapshot = world.snapshot()
    report = world.execute(plan_of(snapshot, DecisionKind.PRA, opens=[target(1.0, WIDE)]), snapshot)
    assert report.halted is None
    assert len(world.chain.now.positions) == 2
    world.chain.epochs += 1
    return world


def move(world: RoundsWorld) -> tuple[AllocationPlan, MarketSnapshot]:
    snapshot = world.snapshot()
    return plan_of(snapshot, DecisionKind.RS, closes=[1], opens=[target(0.4, WIDE)]), snapshot


def actions(report: ExecutionReport) -> list[Action]:
    return [done.action for done in report.transactions]


def test_the_parts_of_a_target_get_one_liquidity(world: RoundsWorld) -> None:
    placed(world)
    low, high = world.chain.now.positions[1], world.chain.now.positions[2]
    assert (low.tick_lower, low.tick_upper, high.tick_lower, high.tick_upper) == (
        WIDE[0],
        HERE + 200,
        HERE + 200,
        WIDE[1],
    )
    assert high.liquidity == pytest.approx(low.liquidity, rel=1e-3)
    assert world.chain.now.tokens[OTHER_TOKEN] < 10**6
    assert world.allowances() == 0


def test_a_close_in_rounds_is_given_its_operator_once_and_has_none_afterwards(world: RoundsWorld) -> None:
    plan, snapshot = move(placed(world))
    report = world.execute(replace(plan, opens=()), snapshot)
    assert report.halted is None
    assert actions(report) == [Action.APPROVE, Action.CLOSE, Action.CLOSE, Action.CLOSE, Action.APPROVE_RESET]
    assert 1 not in world.chain.now.positions
    assert world.allowances() == 0
    assert world.journal.read_positions(POOL.chain_id, WALLET) == {(POOL.position_manager.lower(), 2)}


def test_a_round_that_fails_leaves_no_operator(world: RoundsWorld) -> None:
    plan, snapshot = move(placed(world))
    world.chain.vanishes = 1
    report = world.execute(plan, snapshot)
    assert "has a stake of 0" in str(report.halted)
    assert world.allowances() == 0


def test_an_operator_left_over_from_before_is_found_and_cleared(world: RoundsWorld) -> None:
    plan, snapshot = move(placed(world))
    world.chain.now.allowances[(PAIR, POOL.position_manager.lower())] = 1
    report = world.execute(plan, snapshot)
    assert report.reconciliations[0].allowances[0].token == PAIR
    assert report.halted is None
    assert actions(report)[0] is Action.APPROVE_RESET
    assert world.allowances() == 0


def test_a_crash_at_any_boundary_of_rounds_and_parts_ends_as_without_it() -> None:
    ended = _ending(None)
    seen = Noticing()
    world = placed(RoundsWorld())
    seen.run(world, *move(world))
    assert len(seen.changed) > 60
    # Every third: what is common to all plans is crashed at every boundary in test_chain_saga.
    for at in seen.changed[::3]:
        assert _ending(at) == ended, at


def _ending(crash_at: int | None) -> object:
    world = placed(RoundsWorld())
    plan, snapshot = move(world)
    if crash_at is not None:
        with pytest.raises(Crash):
            crashing(world, CrashPoint(crash_at), plan, snapshot)
    report = world.execute(plan, snapshot)
    assert report.halted is None, (crash_at, report.halted)
    assert world.books_equal_chain()
    assert world.allowances() == 0
    assert world.chain.now.nonces_mined == list(range(world.chain.now.nonce))
    world.journal.close()
    return world.chain.now.positions, world.chain.now.tokens, world.chain.now.effects
