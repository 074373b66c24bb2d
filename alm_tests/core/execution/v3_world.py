"""One wallet on the fake chain with its journal, and plans for it."""

from collections.abc import Callable, Sequence

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.saga import PlanExecutor
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, PositionClose, Target
from alm_core.model.epochs import floor_to_epoch
from alm_core.model.market import ChainState, Holdings, MarketSnapshot, TokenBalance
from alm_core.model.transactions import ExecutionReport
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
    GAS_PRICE,
    OTHER_TOKEN,
    TOKEN,
    VENUE,
    WALLET,
    Crashing,
    CrashPoint,
    FakeSigner,
)
from alm_tests.core.execution.v3_fakes import POOL, PRICE, FairSwaps, V3Chain, V3Dex

LIMITS = LimitsConfig(receipt_timeout_s=1.0)


class World:
    """One wallet on the chain, with its journal; a new executor for every run."""

    def __init__(self) -> None:
        self.chain = V3Chain()
        self.dex = V3Dex(self.chain)
        self.swaps = FairSwaps()
        self.journal = SqlJournal("sqlite:///:memory:")

    def executor(self, wrap: Callable[[object], object] = lambda port: port) -> PlanExecutor:
        return PlanExecutor(
            chains={POOL.chain_id: wrap(self.chain)},
            adapters={"uniswap_v3": self.dex},
            swaps=wrap(self.swaps),
            signer=wrap(FakeSigner()),
            journal=wrap(self.journal),
            limits=LIMITS,
            allow_list=allow_list_for([POOL], {POOL.chain_id: VENUE}),
        )

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        return self.executor().execute(plan, snapshot)

    def snapshot(self) -> MarketSnapshot:
        block = self.chain.read_block()
        state = self.dex.read_pool(POOL, (), block)
        balances = tuple(
            TokenBalance(address=token, amount=self.chain.now.tokens[token]) for token in (TOKEN, OTHER_TOKEN)
        )
        holdings = Holdings(
            block=block,
            wallet=WALLET,
            native_wei=self.chain.now.native,
            balances=balances,
            positions=self.dex.read_positions(self.chain, (), WALLET, block),
        )
        native = ChainState(block=block, base_fee_wei=GAS_PRICE, priority_fee_wei=1, native_usd=PRICE)
        return MarketSnapshot(
            pair="WETH-USDC",
            epoch_at=floor_to_epoch(block.block_at),
            quote_usd=1.0,
            chains=(native,),
            pools=(state,),
            markets=(),
            holdings=(holdings,),
        )

    def books_equal_chain(self) -> bool:
        sums = self.journal.read_ledger_sums(self.chain.chain_id, WALLET)
        return sums == {**self.chain.now.tokens, "native": self.chain.now.native}

    def allowances(self) -> int:
        return sum(self.chain.now.allowances.values())


def target(share: float, ticks: tuple[int, int], token_id: int | None = None) -> Target:
    return Target(
        pool_id=POOL.pool_id,
        chain_id=POOL.chain_id,
        share_frac=share,
        capital_usd=1.0,
        expected_apr=0.1,
        tick_lower=ticks[0],
        tick_upper=ticks[1],
        token_id=token_id,
    )


def plan_of(
    snapshot: MarketSnapshot,
    kind: DecisionKind,
    *,
    closes: Sequence[int] = (),
    collects: Sequence[int] = (),
    opens: Sequence[Target] = (),
) -> AllocationPlan:
    def named(token_ids: Sequence[int]) -> tuple[PositionClose, ...]:
        return tuple(
            PositionClose(pool_id=POOL.pool_id, chain_id=POOL.chain_id, token_id=token_id) for token_id in token_ids
        )

    return AllocationPlan(
        pair="WETH-USDC",
        epoch_at=snapshot.epoch_at,
        policy="test",
        inputs_hash="",
        code_version="",
        config_version="",
        price=PRICE,
        nav_usd=40_000.0,
        targets=tuple(opens),
        decision=Decision(kind=kind, reason="", binding="", current_apr=0.0, optimal_apr=0.0, alternatives=()),
        closes=named(closes),
        opens=tuple(opens),
        collects=named(collects),
    )


class Noticing(CrashPoint):
    """Never crashes; notes the boundaries at which chain or journal are not what they were at the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[int] = []
        self._world: World | None = None
        self._last: object = None

    def run(self, world: World, plan: AllocationPlan, snapshot: MarketSnapshot) -> None:
        self._world, self._last = world, None
        crashing(world, self, plan, snapshot)

    def hit(self) -> None:
        super().hit()
        assert self._world is not None
        chain = self._world.chain
        with self._world.journal.reading() as connection:
            written = connection.exec_driver_sql("SELECT total_changes()").scalar()
        now = (written, len(chain.blocks), len(chain.mempool), len(chain.received))
        if now != self._last:
            self.changed.append(self.passed)
        self._last = now


def crashing(world: World, point: CrashPoint, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
    return world.executor(lambda port: Crashing(port, point)).execute(plan, snapshot)
