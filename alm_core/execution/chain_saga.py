"""A plan on one chain: close, swap to the exact ratio, open. Each step rests on a fresh read and can be resumed.

What a step decided (how much is approved, swapped, placed) is stored with its approvals before anything is sent, so a
re-run after a crash carries out the same amounts; only the price-dependent rest of a payload that was never signed
(minima, deadline, quote) is made anew from the state of the moment.
"""

import math
from datetime import timedelta
from fractions import Fraction

from alm_core.execution.calldata import approved_amount, swap_minimum
from alm_core.execution.chain_state import WalletState
from alm_core.execution.guard import ChainGuard
from alm_core.execution.runner import StepRunner
from alm_core.execution.steps import ALLOWANCE_SLOT, SWAP_SLOT, SpendSteps, StepNumbers
from alm_core.math.liquidity import price_interval
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.ratio import TargetRange, split_amounts
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.math.zap import swap_for_ratio
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, PositionClose, Target
from alm_core.model.errors import (
    InvalidInput,
    LimitExceeded,
    NotReconciled,
    SourceError,
    TransactionReverted,
    TransactionWouldRevert,
)
from alm_core.model.market import MarketSnapshot, PoolState
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import PriceInterval, SwapQuote, SwapSource
from alm_core.model.transactions import Action, Intent, IntentState, ResidualAllowance, UnsignedTransaction
from alm_core.portfolio.plan_limits import is_stable

_NOTHING_IN_FLIGHT = (TransactionReverted, TransactionWouldRevert, LimitExceeded, SourceError)
_FEE_UNITS = 1_000_000


class ChainSaga:
    """One plan's closes and opens on one chain."""

    def __init__(
        self,
        runner: StepRunner,
        guard: ChainGuard,
        swaps: SwapSource,
        plan: AllocationPlan,
        snapshot: MarketSnapshot,
        limits: LimitsConfig,
    ) -> None:
        self._runner = runner
        self._view = runner.view
        self._guard = guard
        self._swaps = swaps
        self._plan = plan
        self._snapshot = snapshot
        self._limits = limits
        chain_id = self._view.chain.chain_id
        self._closes = tuple(close for close in plan.closes if close.chain_id == chain_id)
        self._opens = tuple(target for target in plan.opens if target.chain_id == chain_id)
        self._steps = StepNumbers(closes=len(self._closes))

    def run(self, residual: tuple[ResidualAllowance, ...]) -> None:
        """Carry the plan out, or go on where an earlier run of it stopped.

        Parameters
        ----------
        residual
            Allowances found at reconciliation; they are reset unless this very plan is already under way.

        Raises
        ------
        AlmError
            At the first step that fails; what was done stays done and is in the journal.
        """
        if not self._runner.started_after(self._steps.close(0) - 1):
            for left in residual:
                slot = f"{ALLOWANCE_SLOT}:{left.token}:{left.spender}"
                self._runner.reset(slot, self._steps.old_allowance, left.token, left.spender)
        self._refuse_changed()
        for index, close in enumerate(self._closes):
            self._close(index, close)
        if self._opens:
            self._swap()
        for index, target in enumerate(self._opens):
            self._open(index, target)

    def _refuse_changed(self) -> None:
        state = self._view.read_wallet()
        for index, close in enumerate(self._closes):
            if self._runner.find(close.pool_id, self._steps.close(index), Action.CLOSE) is None:
                self._held(state, close)

    def _held(self, state: WalletState, close: PositionClose) -> None:
        now = state.position(close.pool_id, close.token_id)
        planned = [
            position.liquidity
            for holdings in self._snapshot.holdings
            for position in holdings.positions
            if (position.pool_id, position.token_id) == (close.pool_id, close.token_id)
        ]
        if now is None or planned != [now.liquidity]:
            found = "is gone" if now is None else f"has liquidity {now.liquidity}"
            raise NotReconciled(
                f"position {close.token_id} in {close.pool_id} {found}, the plan was made for liquidity {planned}"
            )

    def _close(self, index: int, close: PositionClose) -> None:
        step_no = self._steps.close(index)
        if self._done(close.pool_id, step_no, Action.CLOSE):
            return
        state = self._fresh(close.pool_id)

        def plan_tx() -> UnsignedTransaction:
            pool = state.pool(close.pool_id)
            self._held(state, close)
            position = state.position(close.pool_id, close.token_id)
            assert position is not None
            deadline_at = pool.block.block_at + timedelta(seconds=self._limits.deadline_s)
            adapter = self._view.adapter(pool.pool)
            return adapter.plan_close(pool, position, self._interval(pool), self._view.wallet, deadline_at)

        self._runner.run(close.pool_id, step_no, Action.CLOSE, plan_tx)

    def _swap(self) -> None:
        steps = self._steps.swap()
        if self._done(SWAP_SLOT, steps.spend, Action.SWAP):
            self._reset_after_swap(steps)
            return
        if self._runner.started_after(steps.reset1):
            return  # opens have begun: the wallet no longer holds what the ratio was computed for
        state = self._fresh(*(target.pool_id for target in self._opens))
        approval = self._runner.find(SWAP_SLOT, steps.approve0, Action.APPROVE)
        sell, buy, amount = self._swap_amount(state, approval)
        if amount == 0:
            return
        quote = self._quote(sell, buy, amount)
        self._runner.approve(
            SWAP_SLOT, steps.clear0, steps.approve0, self._runner.approval(sell.address, quote.spender, amount)
        )
        self._fresh(*(target.pool_id for target in self._opens))
        try:
            self._runner.run(SWAP_SLOT, steps.spend, Action.SWAP, lambda: quote.tx)
        except _NOTHING_IN_FLIGHT:
            self._reset_after_swap(steps)
            raise
        self._reset_after_swap(steps)

    def _swap_amount(self, state: WalletState, approval: Intent | None) -> tuple[Token, Token, int]:
        pool = self._common_pool(state)
        if approval is not None:
            sells0 = approval.tx.to.lower() == pool.token0.address.lower()
            sell, buy = (pool.token0, pool.token1) if sells0 else (pool.token1, pool.token0)
            return sell, buy, approved_amount(approval.tx.data)
        swap = swap_for_ratio(
            state.balances[pool.token0.address.lower()],
            state.balances[pool.token1.address.lower()],
            [self._range(state, target) for target in self._opens],
            sqrt_price_x96=sqrt_price_x96_from_price(pool, self._plan.price),
            fee_frac=min(state.pool(target.pool_id).fee_pips for target in self._opens) / _FEE_UNITS,
        )
        sell, buy = (pool.token0, pool.token1) if swap.zero_for_one else (pool.token1, pool.token0)
        worth_usd = swap.sell_amount * self._guard.token_usd.get(sell.address.lower(), math.inf)
        nav_usd = self._guard.nav_usd()
        if nav_usd is None:
            raise LimitExceeded(f"swap on chain {self._view.chain.chain_id} refused: NAV unknown")
        return sell, buy, swap.sell_amount if worth_usd >= self._limits.min_swap_nav_frac * nav_usd else 0

    def _quote(self, sell: Token, buy: Token, amount: int) -> SwapQuote:
        stable = sell.asset_class == "stable" and buy.asset_class == "stable"
        slippage = self._limits.swap_slippage_stable_frac if stable else self._limits.swap_slippage_frac
        prices = self._guard.token_usd
        fair = amount * Fraction(prices[sell.address.lower()]) / Fraction(prices[buy.address.lower()])
        floor = math.ceil(fair * (1 - Fraction(slippage)))
        quote = self._swaps.quote_swap(
            sell=sell, buy=buy, sell_amount=amount, owner=self._view.wallet, min_buy_amount=floor
        )
        if quote.sell_amount != amount or min(quote.buy_amount_min, swap_minimum(quote.tx.data)) < floor:
            raise LimitExceeded(
                f"quote of {quote.tool}: {quote.sell_amount} {sell.symbol} for at least {quote.buy_amount_min} "
                f"{buy.symbol}, wanted is {amount} for at least {floor}"
            )
        return quote

    def _reset_after_swap(self, steps: SpendSteps) -> None:
        approval = self._runner.find(SWAP_SLOT, steps.approve0, Action.APPROVE)
        if approval is not None and approval.tx.spender is not None:
            self._runner.reset(SWAP_SLOT, steps.reset0, approval.tx.to, approval.tx.spender)

    def _open(self, index: int, target: Target) -> None:
        steps = self._steps.open(index)
        if not self._done(target.pool_id, steps.spend, Action.OPEN):
            approvals = self._approvals(index, target, steps)
            for (clear, approve), tx in approvals.items():
                self._runner.approve(target.pool_id, clear, approve, tx)
            try:
                self._mint(target, steps, {tx.to.lower(): approved_amount(tx.data) for tx in approvals.values()})
            except _NOTHING_IN_FLIGHT:
                self._reset_after_open(target, steps)
                raise
        self._reset_after_open(target, steps)

    def _approvals(self, index: int, target: Target, steps: SpendSteps) -> dict[tuple[int, int], UnsignedTransaction]:
        """Exact approvals of a target, by their steps: those stored before, else of its share of the wallet now."""
        numbers = ((steps.clear0, steps.approve0), (steps.clear1, steps.approve1))
        stored = {
            pair: intent.tx
            for pair in numbers
            if (intent := self._runner.find(target.pool_id, pair[1], Action.APPROVE))
        }
        if stored:
            return stored
        state = self._fresh(target.pool_id)
        pool = state.pool(target.pool_id).pool
        tokens = (pool.token0.address, pool.token1.address)
        ranges = [self._range(state, later) for later in self._opens[index:]]
        amounts = split_amounts(state.balances[tokens[0].lower()], state.balances[tokens[1].lower()], ranges)[0]
        fresh = {
            pair: self._runner.approval(token, pool.position_manager, amount)
            for pair, token, amount in zip(numbers, tokens, amounts, strict=True)
            if amount
        }
        if not fresh:
            raise InvalidInput(f"nothing left in the wallet for target {target.pool_id}")
        self._runner.store([(target.pool_id, pair[1], tx) for pair, tx in fresh.items()])
        return fresh

    def _mint(self, target: Target, steps: SpendSteps, amounts: dict[str, int]) -> None:
        state = self._fresh(target.pool_id)

        def plan_tx() -> UnsignedTransaction:
            pool = state.pool(target.pool_id)
            return self._view.adapter(pool.pool).plan_open(
                pool,
                target.tick_lower,
                target.tick_upper,
                amounts.get(pool.pool.token0.address.lower(), 0),
                amounts.get(pool.pool.token1.address.lower(), 0),
                self._interval(pool),
                self._view.wallet,
                pool.block.block_at + timedelta(seconds=self._limits.deadline_s),
            )

        self._runner.run(target.pool_id, steps.spend, Action.OPEN, plan_tx)

    def _reset_after_open(self, target: Target, steps: SpendSteps) -> None:
        for approve, reset in ((steps.approve0, steps.reset0), (steps.approve1, steps.reset1)):
            approval = self._runner.find(target.pool_id, approve, Action.APPROVE)
            if approval is not None and approval.tx.spender is not None:
                self._runner.reset(target.pool_id, reset, approval.tx.to, approval.tx.spender)

    def _fresh(self, *pool_ids: str) -> WalletState:
        state = self._view.read_wallet()
        self._guard.see(state, pool_ids)
        return state

    def _done(self, slot: str, step_no: int, action: Action) -> bool:
        intent = self._runner.find(slot, step_no, action)
        return intent is not None and intent.state is IntentState.FINAL_OK

    def _interval(self, pool: PoolState) -> PriceInterval:
        stable = is_stable(pool)
        half_width = self._limits.price_interval_stable_frac if stable else self._limits.price_interval_frac
        return price_interval(pool.sqrt_price_x96, half_width)

    def _common_pool(self, state: WalletState) -> Pool:
        pools = [state.pool(target.pool_id).pool for target in self._opens]
        if len({(pool.token0.address.lower(), pool.token1.address.lower()) for pool in pools}) != 1:
            raise InvalidInput(f"targets on chain {pools[0].chain_id} do not share one pair of tokens")
        return pools[0]

    def _range(self, state: WalletState, target: Target) -> TargetRange:
        return TargetRange(
            sqrt_price_x96=state.pool(target.pool_id).sqrt_price_x96,
            sqrt_lower_x96=sqrt_price_x96_at_tick(target.tick_lower),
            sqrt_upper_x96=sqrt_price_x96_at_tick(target.tick_upper),
            share_frac=target.share_frac,
        )
