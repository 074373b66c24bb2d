"""Random plans sent to the real contracts of every family after the price has moved inside the plan's interval.

Every case opens a position, adds to it or takes a part out, and closes it: each planned at one price and mined at
another. All of it is sent, nothing is only simulated; rights are given once, for they are not what is tried here.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

import pytest

from alm_core.execution.erc20 import balance_changes
from alm_core.math.liquidity import price_interval
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.errors import InvalidInput, SourceRejected, TransactionWouldRevert
from alm_core.model.market import PoolState
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_tests.chain.conformance.deployments import DEPLOYMENTS
from alm_tests.chain.conformance.life import Seen, deadline_of, look
from alm_tests.chain.conformance.market import BACKGROUND_USD, COINS, World, edge_of, place_of, world_of
from alm_tests.fuzz.harness import ONE_CASE, SEED

CASES_IN_CI = 150
CASES = -(-int(os.environ.get("ALM_FUZZ_MINTS", str(CASES_IN_CI))) // len(DEPLOYMENTS))
"""Of each deployment."""
pytestmark = [pytest.mark.chain, pytest.mark.timeout(300 + 5 * CASES)]
MOST_FAILURES_FRAC = 0.001
PLENTY = 10**35
WIDEST = 60
"""Stretches or bins of a range."""
MOST_CLOSES = 4
EVER = timedelta(days=3650)


@dataclass
class Tries:
    """What became of the transactions of one deployment."""

    world: World
    verdicts: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])

    def mine(self, rng: random.Random, tx: UnsignedTransaction, pool: Pool, interval: PriceInterval) -> str:
        """Move the price inside the interval, send, and return why that failed; empty if it did what was planned."""
        chain = self.world.chain
        ends = interval.sqrt_lower_x96, interval.sqrt_upper_x96
        chain.move_price(pool, rng.choice((*ends, *(rng.randint(*ends) for _ in range(4)))))
        try:
            sent = chain.rpc.transact(tx.sender, tx.to, bytes.fromhex(tx.data[2:]))
        except SourceRejected:
            return self._reason(tx)
        receipt = chain.chain.read_receipt(sent["transactionHash"])
        assert receipt is not None
        changes = balance_changes(receipt.logs, tx.sender)
        for bound in tx.bounds:
            if not bound.min_delta <= changes.get(bound.token.lower(), 0) <= bound.max_delta:
                return f"moved {changes}, planned {tx.bounds}"
        return ""

    def judge(self, tx: UnsignedTransaction, failure: str) -> bool:
        """Count a transaction; true if it succeeded."""
        self.verdicts[f"{tx.action.value} failed" if failure else tx.action.value] += 1
        self.failures += [f"{tx.summary}: {failure}"] if failure else []
        return not failure

    def judge_placing(
        self, tx: UnsignedTransaction, failure: str, before: PoolState, ticks: tuple[int, int], amounts: tuple[int, int]
    ) -> bool:
        """Count a transaction that places amounts.

        One token may be enough at the price of the plan, beside the range, and no amount of it once the price is
        inside: that is told apart.
        """
        chain = self.world.chain
        lower, upper = (sqrt_price_x96_at_tick(tick) for tick in ticks)
        if failure and not lower < before.sqrt_price_x96 < upper:
            now = chain.state(before.pool)
            if not chain.adapter.quote_liquidity(now, *ticks, *amounts).liquidity:
                self.verdicts["needs the other token"] += 1
                return False
        return self.judge(tx, failure)

    def _reason(self, tx: UnsignedTransaction) -> str:
        try:
            self.world.chain.chain.simulate(tx)
        except TransactionWouldRevert as error:
            return str(error)
        return "reverted, and would not now"


def drawn_range(state: PoolState, rng: random.Random) -> tuple[int, int]:
    """A range of any width: mostly around the price, else near it or beside it."""
    width = round(WIDEST ** rng.random())
    offset = rng.choice((rng.randint(0, width - 1), rng.randint(0, width - 1), rng.randint(-12, width + 12)))
    start = place_of(state) - offset
    return edge_of(state.pool, start), edge_of(state.pool, start + width)


def drawn_amounts(pool: Pool, rng: random.Random) -> tuple[int, int]:
    """A dollar to a hundred thousand of one token, and up to a thousand times as much or as little of the other."""
    usd = Fraction(10 ** rng.uniform(0, 5))
    usds = [usd, min(usd * Fraction(10 ** rng.uniform(-3, 3)), Fraction(BACKGROUND_USD, 10))]
    rng.shuffle(usds)
    amount0, amount1 = (COINS[t.symbol].raw(u) for t, u in zip((pool.token0, pool.token1), usds, strict=True))
    return amount0, amount1


def drawn_interval(state: PoolState, rng: random.Random) -> PriceInterval:
    return price_interval(state.sqrt_price_x96, 10 ** rng.uniform(-4, -1.7))


def live(tries: Tries, rng: random.Random) -> None:
    """Open, add or remove a part, close; the price moves before each plan and between plan and block."""
    chain = tries.world.chain
    adapter, wallet = chain.adapter, chain.wallet
    pool = rng.choice(list(tries.world.pools.values()))
    chain.move_price(pool, int(chain.state(pool).sqrt_price_x96 * 10 ** rng.uniform(-0.02, 0.02)))
    state = chain.state(pool)
    ticks, amounts, interval = drawn_range(state, rng), drawn_amounts(pool, rng), drawn_interval(state, rng)
    try:
        tx = adapter.plan_open(state, *ticks, *amounts, interval, wallet, deadline_of(state))
    except InvalidInput:
        tries.verdicts["refused"] += 1
        return
    if tries.judge_placing(tx, tries.mine(rng, tx, pool, interval), state, ticks, amounts):
        _change(tries, rng, look(chain, pool))
        _close(tries, rng, pool)


def _change(tries: Tries, rng: random.Random, seen: Seen) -> None:
    state, position, adapter = seen.state, seen.only, tries.world.chain.adapter
    interval = drawn_interval(state, rng)
    bounds = interval, tries.world.chain.wallet, deadline_of(state)
    if rng.random() < 0.5:
        tx = adapter.plan_remove(state, position, rng.randint(1, position.stake - 1), *bounds)
        tries.judge(tx, tries.mine(rng, tx, state.pool, interval))
        return
    amounts = drawn_amounts(state.pool, rng)
    try:
        tx = adapter.plan_add(state, position, *amounts, *bounds)
    except InvalidInput:
        tries.verdicts["refused"] += 1
        return
    failure = tries.mine(rng, tx, state.pool, interval)
    tries.judge_placing(tx, failure, state, (position.tick_lower, position.tick_upper), amounts)


def _close(tries: Tries, rng: random.Random, pool: Pool) -> None:
    chain = tries.world.chain
    seen = look(chain, pool)
    for _ in range(MOST_CLOSES):
        interval = drawn_interval(seen.state, rng)
        tx = chain.adapter.plan_close(seen.state, seen.only, interval, chain.wallet, deadline_of(seen.state))
        failure = tries.mine(rng, tx, pool, interval)
        if failure and not look(chain, pool).positions:
            # Less than a unit of the token that the bin holds now: the pair burns no shares that pay nothing.
            tries.verdicts["worth nothing there"] += 1
            return
        if not tries.judge(tx, failure):
            return
        # Fees of Liquidity Book 2.0 that the last move brought are left for another call.
        seen = look(chain, pool)
        if not seen.positions:
            return
    raise AssertionError(f"{tx.summary}: still not closed")


@pytest.fixture(params=DEPLOYMENTS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A chain whose wallet has given every right that these transactions need."""
    deployment = DEPLOYMENTS[request.param]
    chain = deployment.chain(tmp_path_factory.mktemp("mints"))
    made = world_of(deployment, chain)
    until = chain.block().block_at + EVER
    given: set[tuple[str, str]] = set()
    for pool in made.pools.values():
        grants = chain.adapter.placing_grants(pool, chain.wallet, PLENTY, PLENTY, until)
        for grant in (*grants, *chain.adapter.removing_grants(pool, chain.wallet)):
            if (grant.give.to, grant.give.data) not in given:
                given.add((grant.give.to, grant.give.data))
                chain.rpc.transact(chain.wallet, grant.give.to, bytes.fromhex(grant.give.data[2:]))
    yield made
    chain.stop()


def test_mints_and_burns_are_mined_while_the_price_is_in_the_interval(
    world: World, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    tries, rpc, started_s = Tries(world), world.chain.rpc, time.monotonic()
    for number in [int(ONE_CASE)] if ONE_CASE else range(CASES):
        snapshot = rpc.call("evm_snapshot")
        live(tries, random.Random(f"{world.chain.adapter.family} {SEED} {number}"))
        rpc.call("evm_revert", snapshot)
    verdicts = dict(tries.verdicts)
    record_property("fuzz", verdicts | {"cases_per_s": round(CASES / (time.monotonic() - started_s), 1)})
    mined = sum(tries.verdicts[action.value] for action in Action)
    assert len(tries.failures) <= MOST_FAILURES_FRAC * mined, "\n".join([str(verdicts), *tries.failures[:20]])
    if not ONE_CASE:
        assert mined >= 2 * CASES
