"""A choke point over a real journal, with a wallet of 30,000 USD in one pool's tokens."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alm_core.execution.allow_list import AllowList
from alm_core.execution.chain_state import WalletState
from alm_core.execution.guard import ChainGuard
from alm_core.execution.intents import intent_key
from alm_core.model.books import Journal
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import ChainState, MarketSnapshot, PoolState
from alm_core.model.transactions import Action, BalanceBound, Intent, IntentState, UnsignedTransaction
from alm_core.portfolio.limits import LimitsEngine
from alm_tests.core.execution.fakes import GAS_PRICE, OTHER_TOKEN, TOKEN, VENUE, WALLET, FakeChain
from alm_tests.core.execution.v3_fakes import POOL, PRICE, V3Chain, V3Dex
from alm_tests.core.execution.v3_world import plan_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAV_USD = 30_000.0


class Everything(AllowList):
    """A list that lets everything through: here the limits are looked at."""

    def refusals(self, tx: UnsignedTransaction, wallet: str) -> tuple[str, ...]:
        return ()


def pool_state(**changes: object) -> PoolState:
    chain = V3Chain()
    return replace(V3Dex(chain).read_pool(POOL, (), chain.read_block()), **changes)


def snapshot_at(at: datetime = AT, *states: PoolState) -> MarketSnapshot:
    pools = states or (pool_state(),)
    native = ChainState(block=pools[0].block, base_fee_wei=GAS_PRICE, priority_fee_wei=1, native_usd=PRICE)
    return MarketSnapshot(
        pair="WETH-USDC", epoch_at=at, quote_usd=1.0, chains=(native,), pools=pools, markets=(), holdings=()
    )


def plan_at(at: datetime = AT, kind: DecisionKind = DecisionKind.PRA) -> AllocationPlan:
    return replace(plan_of(snapshot_at(at), kind), nav_usd=NAV_USD)


def state_of(snapshot: MarketSnapshot, **changes: object) -> WalletState:
    balances = {TOKEN.lower(): 5 * 10**18, OTHER_TOKEN.lower(): int((NAV_USD - 5 * PRICE) * 10**6)}
    made = WalletState(block=snapshot.pools[0].block, pools=snapshot.pools, balances=balances, positions=())
    return replace(made, **changes)


def guard_of(
    journal: Journal,
    limits: LimitsConfig | None = None,
    plan: AllocationPlan | None = None,
    snapshot: MarketSnapshot | None = None,
    state: WalletState | None = None,
    wallet: str = WALLET,
) -> ChainGuard:
    seen = snapshot or snapshot_at()
    engine = LimitsEngine(limits or LimitsConfig(), Everything())
    guard = ChainGuard(engine, journal, plan or plan_at(), seen, POOL.chain_id, wallet)
    guard.see(state or state_of(seen), (POOL.pool_id,))
    return guard


def spending_tx(quote_raw: int, action: Action = Action.OPEN, wallet: str = WALLET) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=FakeChain.chain_id,
        sender=wallet,
        to=VENUE,
        data="0x",
        value_wei=0,
        action=action,
        summary=f"{action} {quote_raw}",
        bounds=(BalanceBound(token=OTHER_TOKEN, min_delta=-quote_raw, max_delta=0),),
    )


def intent_of(
    tx: UnsignedTransaction, number: int, at: datetime = AT, *, slot: str = POOL.pool_id, plan: str = "other"
) -> Intent:
    epoch_id = Epoch(pair="WETH-USDC", epoch_at=at).epoch_id
    return Intent(
        key=intent_key(epoch_id, tx.chain_id, slot, tx.action, number, plan),
        epoch_id=epoch_id,
        pair="WETH-USDC",
        plan_hash=plan,
        step_no=number,
        tx=tx,
        state=IntentState.PLANNED,
    )


def epochs(*hours: float) -> Sequence[datetime]:
    return [AT + timedelta(hours=one) for one in hours]
