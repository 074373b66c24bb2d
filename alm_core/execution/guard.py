"""The choke point of one wallet on one chain: what the limits engine must know, from fresh reads and the journal."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from alm_core.execution.chain_state import WalletState
from alm_core.execution.spending import Spending, own_intent
from alm_core.math.liquidity import burn_minimums, price_interval
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.books import Journal
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import LimitExceeded
from alm_core.model.market import MarketSnapshot, PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import Action, FeeBid, Intent, IntentState, UnsignedTransaction
from alm_core.portfolio.eligibility import pool_violations
from alm_core.portfolio.limits import LimitsEngine
from alm_core.portfolio.plan_limits import is_stable, price_deviation_frac, twap_deviation_frac
from alm_core.portfolio.transaction_context import BridgeTerms, TransactionContext
from alm_core.portfolio.worth import exact, is_amount


class ChainGuard:
    """Satisfies :class:`~alm_core.execution.attempts.TransactionGuard`.

    Until :meth:`see` was called with a fresh state nothing that moves value passes: NAV and pool price are unknown.

    Parameters
    ----------
    limits
        Bounds.
    journal
        Standstills and what was spent; read anew for every check.
    plan, snapshot
        What is carried out, and what was seen when it was planned.
    chain_id, wallet
        Whose choke point it is.
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
        self._snapshot = snapshot
        self._chain_id = chain_id
        self._wallet = wallet
        self._native_usd = _native_usd(snapshot, chain_id)
        self._pools = [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id]
        prices = token_usd_by_chain(snapshot, plan.price)
        self.token_usd = prices.get(chain_id, {})
        epoch = Epoch(pair=plan.pair, epoch_at=plan.epoch_at)
        self._spending = Spending(journal, epoch, chain_id, prices, self._native_usd)
        self._state: WalletState | None = None
        self._touched: tuple[str, ...] = ()
        self._quoted_at: dict[UnsignedTransaction, datetime] = {}

    def see(self, state: WalletState, touched: Sequence[str]) -> None:
        """Take over a fresh state, and which pools the next transaction touches or prices itself by."""
        self._state = state
        self._touched = tuple(touched)

    def quoted(self, tx: UnsignedTransaction) -> None:
        """Note that a payload was quoted at the last block seen."""
        if self._state is not None:
            self._quoted_at[tx] = self._state.block.block_at

    def check_quote(self, quote: SwapQuote) -> None:
        """Refuse a quote that expects less than the independent price by more than impact and fees may take.

        Raises
        ------
        LimitExceeded
            Also where a price is unknown.
        """
        limits = self._limits.config
        stable = quote.sell.asset_class == quote.buy.asset_class == "stable"
        name = "max_price_impact_stable_frac" if stable else "max_price_impact_frac"
        bound = limits.max_price_impact_stable_frac if stable else limits.max_price_impact_frac
        sold, bought = self._worth(quote.sell, quote.sell_amount), self._worth(quote.buy, quote.buy_amount)
        if not sold or bought is None:
            raise LimitExceeded(f"{name}: value of the quote of {quote.tool} unknown (bound {bound:.6g})")
        if (lost := 1 - bought / sold) > exact(bound):
            raise LimitExceeded(
                f"{name}: {float(lost):.6g} (bound {bound:.6g}, quote of {quote.tool}: {quote.sell_amount} "
                f"{quote.sell.symbol} for {quote.buy_amount} {quote.buy.symbol})"
            )

    def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
        """Refuse a transaction outside the limits by raising ``LimitExceeded``.

        ``simulated_gas`` is what the simulation said, with what may come on top; ``None`` where it was bounded before.
        """
        self._limits.check_transaction(tx, bid, self._context(tx, simulated_gas))

    def nav_usd(self) -> float | None:
        """Value of the wallet on this chain at the independent price; ``None`` before a fresh state was seen."""
        nav = self._nav()
        return None if nav is None else float(nav)

    def bridge_left_usd(self) -> Fraction:
        """Value that may still be sent to other chains in these 24 h, to the raw unit as :meth:`check` counts it.

        0 where the NAV of the pair, or what was sent, is unknown.
        """
        nav = self._plan.nav_usd
        sent = self._spending.spent(self._spending.intents(), None, ()).bridged_usd
        if nav is None or not is_amount(nav) or math.isinf(sent):
            return Fraction(0)
        return max(Fraction(0), exact(self._limits.config.max_day_bridge_frac) * exact(nav) - exact(sent))

    def _context(self, tx: UnsignedTransaction, simulated_gas: int | None) -> TransactionContext:
        touched = [self._state.pool(pool_id) for pool_id in self._touched] if self._state else []
        intents = self._spending.intents()
        own = own_intent(intents, tx)
        known = self._plan.price > 0
        return TransactionContext(
            wallet=self._wallet,
            nav_usd=self._nav(),
            pair_nav_usd=self._plan.nav_usd,
            token_usd=self.token_usd,
            spent=self._spending.spent(intents, own, self._touched),
            native_usd=self._native_usd,
            price_deviation_frac=max(
                (price_deviation_frac(s, self._plan.price) for s in touched if known), default=None
            ),
            twap_deviation_frac=max((twap_deviation_frac(s) for s in touched if s.twap), default=None),
            stable=bool(touched) and all(is_stable(state) for state in touched),
            standstill=self._journal.read_halt(self._chain_id, self._wallet),
            exiting=self._plan.decision.kind is DecisionKind.EXIT and not self._plan.opens,
            held=self._held(),
            plan_usd=self._plan_usd(),
            simulated_gas=simulated_gas,
            quote_age_s=self._quote_age_s(tx, own),
            least_close=self._least_close(tx),
            bridge=self._bridge_terms(own) if tx.action is Action.BRIDGE else None,
            entering=self._entering(),
            bin_pools=frozenset(pool.address.lower() for pool in self._pools if pool.bin_step is not None),
        )

    def _nav(self) -> Fraction | None:
        if self._state is None or not self.token_usd:
            return None
        held = [*self._state.balances.items()]
        for position in self._state.positions:
            pool = self._state.pool(position.pool_id).pool
            held.append((pool.token0.address.lower(), position.amount0 + position.fees0))
            held.append((pool.token1.address.lower(), position.amount1 + position.fees1))
        if not all(is_amount(self.token_usd.get(token)) for token, _ in held):
            return None
        return sum((amount * exact(self.token_usd[token]) for token, amount in held), Fraction(0))

    def _worth(self, token: Token, amount: int) -> Fraction | None:
        price = self.token_usd.get(token.address.lower())
        return amount * exact(price) if price is not None and is_amount(price) else None

    def _plan_usd(self) -> float:
        placed = sum(target.capital_usd for target in self._plan.opens if target.chain_id == self._chain_id)
        return placed + sum(move.capital_usd for move in self._plan.moves if move.from_chain == self._chain_id)

    def _held(self) -> frozenset[tuple[str, int]] | None:
        if self._state is None:
            return None
        return frozenset(
            (self._state.pool(position.pool_id).pool.position_manager.lower(), position.token_id)
            for position in self._state.positions
        )

    def _quote_age_s(self, tx: UnsignedTransaction, own: Intent | None) -> float | None:
        """Age of a quoted payload; what was signed has passed this before, and is finished rather than dropped."""
        if own is not None and own.state not in (IntentState.PLANNED, IntentState.RESERVED):
            return 0.0
        if self._state is None or tx not in self._quoted_at:
            return None
        return max((self._state.block.block_at - self._quoted_at[tx]).total_seconds(), 0.0)

    def _least_close(self, tx: UnsignedTransaction) -> Mapping[str, int] | None:
        """What the whole position pays anywhere around its pool's price: in twice the interval the plan was made for.

        Twice, since the payload may have been made one interval of price movement ago.
        """
        found = self._closed(tx)
        if found is None:
            return None
        state, position = found
        limits = self._limits.config
        half_width = limits.price_interval_stable_frac if is_stable(state) else limits.price_interval_frac
        interval = price_interval(state.sqrt_price_x96, min(2 * half_width, 0.99))
        bounds = sqrt_price_x96_at_tick(position.tick_lower), sqrt_price_x96_at_tick(position.tick_upper)
        least0, least1 = burn_minimums(interval, *bounds, position.liquidity)
        return {state.pool.token0.address.lower(): least0, state.pool.token1.address.lower(): least1}

    def _closed(self, tx: UnsignedTransaction) -> tuple[PoolState, Position] | None:
        """Return the position that a payload closes, with its pool, where its amounts follow from its liquidity."""
        if self._state is None or tx.action is not Action.CLOSE:
            return None
        for pool_id in self._touched:
            position = None if tx.closes_token_id is None else self._state.position(pool_id, tx.closes_token_id)
            if position is not None and position.shares is None and not position.bins:
                return self._state.pool(pool_id), position
        return None

    def _bridge_terms(self, own: Intent | None) -> BridgeTerms | None:
        transfers = self._journal.read_transfers(self._plan.pair, self._wallet) if own is not None else ()
        found = next((one for one in transfers if own is not None and one.intent_key == own.key), None)
        if found is None:
            return None
        sell = self._token(found.from_chain, found.sell_token)
        buy = self._token(found.to_chain, found.buy_token)
        if sell is None or buy is None:
            return None
        return BridgeTerms(
            sent=Fraction(found.sent_amount, 10**sell.decimals), least=Fraction(found.min_amount, 10**buy.decimals)
        )

    def _token(self, chain_id: int, address: str) -> Token | None:
        tokens = [
            t for s in self._snapshot.pools if s.pool.chain_id == chain_id for t in (s.pool.token0, s.pool.token1)
        ]
        return next((token for token in tokens if token.address.lower() == address.lower()), None)

    def _entering(self) -> tuple[str, ...]:
        reasons = [(pool_id, self._snapshot.refusal(pool_id)) for pool_id in self._touched]
        judged = [pool_violations(self._snapshot, pool_id, self._limits.config) for pool_id in self._touched]
        found = [f"{pool_id}: {reason}" for pool_id, reason in reasons if reason is not None]
        return (*found, *(str(violation) for violations in judged for violation in violations))


def token_usd_by_chain(snapshot: MarketSnapshot, price: float) -> dict[int, dict[str, float]]:
    """Return USD per raw unit of the pair's tokens by chain; a chain of which nothing was read is absent."""
    chain_ids = {state.pool.chain_id for state in snapshot.pools}
    return {
        chain_id: token_usd(
            [state.pool for state in snapshot.pools if state.pool.chain_id == chain_id], price, snapshot.quote_usd
        )
        for chain_id in chain_ids
    }


def token_usd(pools: Sequence[Pool], price: float, quote_usd: float | None) -> dict[str, float]:
    """Return USD per raw unit of each token of the pools at an independent price; empty if the quote is unknown."""
    prices: dict[str, float] = {}
    if quote_usd is None:
        return prices
    for pool in pools:
        prices[pool.base.address.lower()] = price * quote_usd / 10**pool.base.decimals
        prices[pool.quote.address.lower()] = quote_usd / 10**pool.quote.decimals
    return prices


def _native_usd(snapshot: MarketSnapshot, chain_id: int) -> float | None:
    try:
        return snapshot.chain(chain_id).native_usd
    except KeyError:
        return None
