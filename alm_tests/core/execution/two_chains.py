"""Two chains in memory with one wallet on both, and a bridge between them that does what a test tells it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from alm_core.execution.allow_list import allow_list_for
from alm_core.execution.saga import PlanExecutor
from alm_core.execution.transfers import value_in_transit
from alm_core.model.decisions import AllocationPlan, DecisionKind, Move
from alm_core.model.epochs import EPOCH_LENGTH, floor_to_epoch
from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import Block, ChainState, Holdings, MarketSnapshot, PoolState, Position, TokenBalance
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import BridgeQuote
from alm_core.model.transactions import Action, BalanceBound, ExecutionReport, Log, UnsignedTransaction
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict
from alm_core.portfolio.valuation import nav_usd
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
    GAS_PRICE,
    GAS_USED,
    GENESIS,
    OTHER_TOKEN,
    TOKEN,
    VENUE,
    WALLET,
    FakeSigner,
    MinedBlock,
    _hash,
    _receipt,
    tx_from,
)
from alm_tests.core.execution.test_allow_list import swap
from alm_tests.core.execution.v3_fakes import POOL, PRICE, FairSwaps, V3Chain, V3Dex
from alm_tests.core.execution.v3_world import LIMITS, plan_of

HERE, THERE = POOL.chain_id, 1
FAR_POOL = replace(
    POOL,
    chain_id=THERE,
    token0=replace(POOL.token0, chain_id=THERE),
    token1=replace(POOL.token1, chain_id=THERE),
)
POOLS = {HERE: POOL, THERE: FAR_POOL}


class BridgedChain(V3Chain):
    """A chain whose venue takes what is sent elsewhere."""

    def __init__(self, chain_id: int, tokens: dict[str, int]) -> None:
        super().__init__()
        self.chain_id = chain_id
        self.now.tokens = tokens
        self.bridge_reverts = False

    def read_block(self) -> Block:
        # Both clocks show the epoch and little more, however many blocks a test has mined on either.
        block = super().read_block()
        return replace(block, block_at=GENESIS + self.epochs * EPOCH_LENGTH + timedelta(seconds=1))

    def _execute(self, block: MinedBlock, raw: str, fields: dict[str, object]) -> None:
        if not (self.bridge_reverts and tx_from(fields).action is Action.BRIDGE):
            super()._execute(block, raw, fields)
            return
        self.now.native -= GAS_USED * GAS_PRICE
        self.now.nonce += 1
        block.receipts[_hash(raw)] = _receipt(_hash(raw), block, False, ())

    def _effects(self, tx: UnsignedTransaction) -> list[Log]:
        if tx.action is Action.BRIDGE:
            return [self._move(bound.token, bound.min_delta, VENUE) for bound in tx.bounds]
        return super()._effects(tx)


class TwoDexes(V3Dex):
    """Pools and positions of both chains."""

    def __init__(self, chains: dict[int, BridgedChain]) -> None:
        self._dexes = {chain_id: V3Dex(chain) for chain_id, chain in chains.items()}

    def read_pool(self, pool: Pool, results: object, block: Block) -> PoolState:
        return self._dexes[pool.chain_id].read_pool(pool, results, block)

    def read_positions(
        self, chain: V3Chain, pools: Sequence[PoolState], owner: str, block: object
    ) -> tuple[Position, ...]:
        held = self._dexes[chain.chain_id].read_positions(chain, pools, owner, block)
        return tuple(replace(position, pool_id=POOLS[chain.chain_id].pool_id) for position in held)


class FakeBridge:
    """Takes what is sent; pays when a test says so. ``says`` is its status for everything, a lie or not."""

    def __init__(self, chains: dict[int, BridgedChain]) -> None:
        self._chains = chains
        self.keeps_frac = 0.001
        self.down = False
        self.says: Callable[[BridgeTransfer], BridgeStatus] | None = None
        self.paid: dict[str, tuple[int, str, int, str]] = {}
        self.quoted = 0

    def quote_bridge(
        self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int
    ) -> BridgeQuote:
        if self.down:
            raise SourceUnavailable("bridge", "down")
        self.quoted += 1
        bought = max(min_buy_amount, int(sell_amount * (1 - self.keeps_frac)))
        tx = UnsignedTransaction(
            chain_id=sell.chain_id,
            sender=owner,
            to=VENUE,
            data=swap(owner, bought),
            value_wei=0,
            action=Action.BRIDGE,
            summary=f"send {sell.symbol}",
            bounds=(BalanceBound(token=sell.address, min_delta=-sell_amount, max_delta=-sell_amount),),
        )
        return BridgeQuote(
            tx=tx,
            spender=VENUE,
            sell=sell,
            buy=buy,
            sell_amount=sell_amount,
            buy_amount=bought,
            buy_amount_min=min_buy_amount,
            tool="fake",
            duration_s=60.0,
        )

    def read_status(self, transfer: BridgeTransfer) -> BridgeStatus:
        if self.down:
            raise SourceUnavailable("bridge", "down")
        if self.says is not None:
            return self.says(transfer)
        if transfer.intent_key not in self.paid:
            return BridgeStatus(verdict=BridgeVerdict.PENDING, detail="waiting")
        chain_id, token, amount, tx_hash = self.paid[transfer.intent_key]
        verdict = BridgeVerdict.REFUNDED if chain_id == transfer.from_chain else BridgeVerdict.DONE
        return BridgeStatus(verdict=verdict, detail="", chain_id=chain_id, token=token, amount=amount, tx_hash=tx_hash)

    def pay(self, transfer: BridgeTransfer, amount: int, *, token: str | None = None, back: bool = False) -> str:
        """Pay the wallet for a transfer, on its destination or back on its source; return the transaction."""
        chain_id = transfer.from_chain if back else transfer.to_chain
        paid = token or (transfer.sell_token if back else transfer.buy_token)
        chain = self._chains[chain_id]
        chain.move_from_outside(paid, amount)
        (tx_hash,) = chain.blocks[-1].receipts
        self.paid[transfer.intent_key] = (chain_id, paid, amount, tx_hash)
        return tx_hash


class TwoChains:
    """One wallet on two chains, with its journal; a new executor for every run."""

    def __init__(self) -> None:
        self.chains = {
            HERE: BridgedChain(HERE, {TOKEN: 10 * 10**18, OTHER_TOKEN: 20_000 * 10**6}),
            THERE: BridgedChain(THERE, {TOKEN: 0, OTHER_TOKEN: 0}),
        }
        self.dex = TwoDexes(self.chains)
        self.bridge = FakeBridge(self.chains)
        self.swaps = FairSwaps()
        self.journal = SqlJournal("sqlite:///:memory:")
        self.first: MarketSnapshot | None = None
        self.limits = replace(LIMITS, max_day_bridge_frac=1.0)

    def executor(self, wrap: Callable[[object], object] = lambda port: port) -> PlanExecutor:
        return PlanExecutor(
            chains={chain_id: wrap(chain) for chain_id, chain in self.chains.items()},
            adapters={"uniswap_v3": self.dex},
            swaps=wrap(self.swaps),
            signer=wrap(FakeSigner()),
            journal=wrap(self.journal),
            limits=self.limits,
            allow_list=allow_list_for(list(POOLS.values()), dict.fromkeys(POOLS, VENUE)),
            bridges=wrap(self.bridge),
        )

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        return self.executor().execute(plan, snapshot)

    def next_epoch(self, epochs: int = 1) -> None:
        for chain in self.chains.values():
            chain.epochs += epochs

    def finalise(self) -> None:
        """Every block so far is final."""
        for chain_id in self.chains:
            for intent in self.journal.read_unfinal(chain_id, WALLET):
                self.journal.mark_final(intent.key)

    def hold(self) -> ExecutionReport:
        """The next epoch, in which nothing is done but following and reconciling."""
        self.next_epoch()
        snapshot = self.snapshot()
        return self.execute(plan_of(snapshot, DecisionKind.HOLD), snapshot)

    def transfers(self) -> tuple[BridgeTransfer, ...]:
        return self.journal.read_transfers("WETH-USDC", WALLET, open_only=False)

    def snapshot(self) -> MarketSnapshot:
        blocks = {chain_id: chain.read_block() for chain_id, chain in self.chains.items()}
        heads = {chain_id: block.number for chain_id, block in blocks.items()}
        return MarketSnapshot(
            pair="WETH-USDC",
            epoch_at=floor_to_epoch(blocks[HERE].block_at),
            quote_usd=1.0,
            chains=tuple(
                ChainState(block=block, base_fee_wei=GAS_PRICE, priority_fee_wei=1, native_usd=PRICE)
                for block in blocks.values()
            ),
            pools=tuple(self.dex.read_pool(POOLS[chain_id], (), block) for chain_id, block in blocks.items()),
            markets=(),
            holdings=tuple(self._holdings(chain_id, block) for chain_id, block in blocks.items()),
            in_transit=value_in_transit(
                self.journal, self.chains, self.bridge, list(POOLS.values()), "WETH-USDC", WALLET, heads
            ),
        )

    def nav_usd(self) -> float:
        return nav_usd(self.snapshot(), PRICE, list(POOLS.values()))

    def books_equal_chains(self) -> bool:
        return all(
            self.journal.read_ledger_sums(chain_id, WALLET) == {**chain.now.tokens, "native": chain.now.native}
            for chain_id, chain in self.chains.items()
        )

    def allowances(self) -> int:
        return sum(sum(chain.now.allowances.values()) for chain in self.chains.values())

    def _holdings(self, chain_id: int, block: Block) -> Holdings:
        chain = self.chains[chain_id]
        return Holdings(
            block=block,
            wallet=WALLET,
            native_wei=chain.now.native,
            balances=tuple(
                TokenBalance(address=token, amount=chain.now.tokens[token]) for token in sorted(chain.now.tokens)
            ),
            positions=self.dex.read_positions(chain, (), WALLET, block),
        )


def moving(snapshot: MarketSnapshot, share: float, **parts: object) -> AllocationPlan:
    """A plan that sends a share of the capital from here to there."""
    move = Move(from_chain=HERE, to_chain=THERE, share_frac=share, capital_usd=share * 40_000.0)
    return replace(plan_of(snapshot, DecisionKind.PRA, **parts), moves=(move,))


def of_asset(transfers: Sequence[BridgeTransfer], asset: str) -> BridgeTransfer:
    (found,) = [one for one in transfers if one.asset == asset]
    return found
