"""The choke point of one wallet on one chain: what the limits engine must know, from fresh reads and the journal."""

from collections.abc import Sequence

from alm_core.execution.chain_state import WalletState
from alm_core.model.books import Journal
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool
from alm_core.model.transactions import FeeBid, IntentState, UnsignedTransaction
from alm_core.portfolio.limits import LimitsEngine, TransactionContext, outflow_usd
from alm_core.portfolio.plan_limits import is_stable, price_deviation_frac

_COUNTED = frozenset(
    {IntentState.SIGNED, IntentState.BROADCAST, IntentState.MINED, IntentState.FINAL_OK, IntentState.MANUAL}
)


class ChainGuard:
    """Satisfies :class:`~alm_core.execution.engine.TransactionGuard`.

    Until :meth:`see` was called with a fresh state nothing that moves value passes: NAV and pool price are unknown.
    """

    def __init__(
        self,
        limits: LimitsEngine,
        journal: Journal,
        plan: AllocationPlan,
        snapshot: MarketSnapshot,
        chain_id: int,
        wallet: str,
    ) -> None:
        self._limits = limits
        self._journal = journal
        self._plan = plan
        self._chain_id = chain_id
        self._wallet = wallet
        self._epoch_id = Epoch(pair=plan.pair, epoch_at=plan.epoch_at).epoch_id
        self._native_usd = _native_usd(snapshot, chain_id)
        pools = [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id]
        self.token_usd = token_usd(pools, plan.price, snapshot.quote_usd)
        self._state: WalletState | None = None
        self._touched: tuple[str, ...] = ()

    def see(self, state: WalletState, touched: Sequence[str]) -> None:
        """Take over a fresh state, and which pools the next transaction touches or prices itself by."""
        self._state = state
        self._touched = tuple(touched)

    def check(self, tx: UnsignedTransaction, bid: FeeBid) -> None:
        """Refuse a transaction outside the limits by raising ``LimitExceeded``."""
        self._limits.check_transaction(tx, bid, self._context())

    def nav_usd(self) -> float | None:
        """Value of the wallet on this chain at the independent price; ``None`` before a fresh state was seen."""
        if self._state is None or not self.token_usd:
            return None
        total = sum(amount * self.token_usd[token] for token, amount in self._state.balances.items())
        for position in self._state.positions:
            pool = self._state.pool(position.pool_id).pool
            total += (position.amount0 + position.fees0) * self.token_usd[pool.token0.address.lower()]
            total += (position.amount1 + position.fees1) * self.token_usd[pool.token1.address.lower()]
        return total

    def _context(self) -> TransactionContext:
        touched = [self._state.pool(pool_id) for pool_id in self._touched] if self._state else []
        known = self._plan.price > 0
        standstill = self._journal.read_halt(self._chain_id, self._wallet)
        deviations = [price_deviation_frac(state, self._plan.price) for state in touched if known]
        return TransactionContext(
            wallet=self._wallet,
            nav_usd=self.nav_usd(),
            token_usd=self.token_usd,
            moved_usd=self._moved_usd(),
            native_usd=self._native_usd,
            price_deviation_frac=max(deviations, default=None),
            stable=bool(touched) and all(is_stable(state) for state in touched),
            halted=standstill.reason if standstill else None,
            exiting=self._plan.decision.kind is DecisionKind.EXIT and not self._plan.opens,
            held=self._held(),
        )

    def _held(self) -> frozenset[tuple[str, int]] | None:
        if self._state is None:
            return None
        return frozenset(
            (self._state.pool(position.pool_id).pool.position_manager.lower(), position.token_id)
            for position in self._state.positions
        )

    def _moved_usd(self) -> float:
        moved = [
            outflow_usd(intent.tx, self.token_usd)
            for intent in self._journal.read_epoch_intents(self._epoch_id)
            if intent.tx.chain_id == self._chain_id and intent.state in _COUNTED
        ]
        return float("inf") if None in moved else sum(value for value in moved if value is not None)


def token_usd(pools: Sequence[Pool], price: float, quote_usd: float | None) -> dict[str, float]:
    """Return USD per raw unit of each token of the pools at an independent price; empty if the quote is unknown."""
    prices: dict[str, float] = {}
    for pool in pools if quote_usd is not None else ():
        prices[pool.base.address.lower()] = price * (quote_usd or 0.0) / 10**pool.base.decimals
        prices[pool.quote.address.lower()] = (quote_usd or 0.0) / 10**pool.quote.decimals
    return prices


def _native_usd(snapshot: MarketSnapshot, chain_id: int) -> float | None:
    try:
        return snapshot.chain(chain_id).native_usd
    except KeyError:
        return None
