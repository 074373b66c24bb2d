"""The one swap of a chain: the wallet gets the ratio that all its targets together need."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from alm_core.execution.calldata import approved_amount, swap_minimum
from alm_core.execution.chain_state import WalletState
from alm_core.execution.placing import Placing
from alm_core.execution.quotes import WatchedSwaps
from alm_core.execution.rights import erc20_grant
from alm_core.execution.stage import NOTHING_IN_FLIGHT, Stage
from alm_core.execution.steps import SWAP_SLOT, SpendSteps
from alm_core.math.orientation import sqrt_price_x96_from_price
from alm_core.math.tick import Q96
from alm_core.math.zap import swap_for_ratio
from alm_core.model.errors import LimitExceeded
from alm_core.model.market import PoolState
from alm_core.model.pools import Token
from alm_core.model.ports import SwapQuote, SwapSource
from alm_core.model.transactions import Action, Intent

_FEE_UNITS = 1_000_000


class NetSwap:
    """Swaps what the targets need, once; a swap too small to be worth its cost is left out."""

    def __init__(self, stage: Stage, swaps: SwapSource, placing: Placing, steps: SpendSteps) -> None:
        self._stage = stage
        self._runner = stage.runner
        self._swaps = WatchedSwaps(swaps, stage.guard)
        self._placing = placing
        self._steps = steps

    def run(self) -> None:
        """Carry the swap out, or go on where an earlier run of it stopped."""
        steps = self._steps
        if self._stage.done(SWAP_SLOT, steps.spend(), Action.SWAP):
            self._take_back()
            return
        if self._runner.started_after(steps.last):
            return  # placing has begun: the wallet no longer holds what the ratio was computed for
        state = self._stage.fresh(*self._placing.pool_ids)
        approval = self._runner.find(SWAP_SLOT, steps.give(0), Action.APPROVE)
        sell, buy, amount = self._amount(state, approval)
        if amount == 0:
            return
        quote = self._quote(sell, buy, amount)
        grant = erc20_grant(sell, self._stage.view.wallet, quote.spender, amount)
        self._runner.give(SWAP_SLOT, steps, (grant,))
        quote = self._still_good(quote, state.block.block_at)
        try:
            self._runner.run(SWAP_SLOT, steps.spend(), Action.SWAP, lambda: quote.tx)
        except NOTHING_IN_FLIGHT:
            self._take_back()
            raise
        self._take_back()

    def _amount(self, state: WalletState, approval: Intent | None) -> tuple[Token, Token, int]:
        pool = self._placing.common_pool(state)
        if approval is not None:
            sells0 = approval.tx.to.lower() == pool.token0.address.lower()
            sell, buy = (pool.token0, pool.token1) if sells0 else (pool.token1, pool.token0)
            return sell, buy, approved_amount(approval.tx.data)
        swap = swap_for_ratio(
            *self._placing.usable(state),
            self._placing.ranges(state),
            sqrt_price_x96=sqrt_price_x96_from_price(pool, self._stage.plan.price),
            fee_frac=min(state.pool(pool_id).fee_pips for pool_id in self._placing.pool_ids) / _FEE_UNITS,
            impact_per_token1=_least_impact([state.pool(pool_id) for pool_id in self._placing.pool_ids]),
        )
        sell, buy = (pool.token0, pool.token1) if swap.zero_for_one else (pool.token1, pool.token0)
        guard, limits = self._stage.guard, self._stage.limits
        worth_usd = swap.sell_amount * guard.token_usd.get(sell.address.lower(), math.inf)
        nav_usd = guard.nav_usd()
        if nav_usd is None:
            raise LimitExceeded(f"swap on chain {self._stage.chain_id} refused: NAV unknown")
        return sell, buy, swap.sell_amount if worth_usd >= limits.min_swap_nav_frac * nav_usd else 0

    def _still_good(self, quote: SwapQuote, quoted_at: datetime) -> SwapQuote:
        """Return the quote, or another where approving took longer than a quote may wait."""
        age = self._stage.fresh(*self._placing.pool_ids).block.block_at - quoted_at
        if age <= timedelta(seconds=self._stage.limits.quote_max_age_s):
            return quote
        return self._quote(quote.sell, quote.buy, quote.sell_amount)

    def _quote(self, sell: Token, buy: Token, amount: int) -> SwapQuote:
        limits = self._stage.limits
        stable = sell.asset_class == "stable" and buy.asset_class == "stable"
        slippage = limits.swap_slippage_stable_frac if stable else limits.swap_slippage_frac
        prices = self._stage.guard.token_usd
        fair = amount * Fraction(prices[sell.address.lower()]) / Fraction(prices[buy.address.lower()])
        floor = math.ceil(fair * (1 - Fraction(slippage)))
        quote = self._swaps.quote_swap(
            sell=sell, buy=buy, sell_amount=amount, owner=self._stage.view.wallet, min_buy_amount=floor
        )
        if quote.sell_amount != amount or min(quote.buy_amount_min, swap_minimum(quote.tx.data)) < floor:
            raise LimitExceeded(
                f"quote of {quote.tool}: {quote.sell_amount} {sell.symbol} for at least {quote.buy_amount_min} "
                f"{buy.symbol}, wanted is {amount} for at least {floor}"
            )
        return quote

    def _take_back(self) -> None:
        approval = self._runner.find(SWAP_SLOT, self._steps.give(0), Action.APPROVE)
        if approval is not None and approval.tx.spender is not None:
            pool = self._stage.pool(self._placing.pool_ids[0])
            token = next(one for one in (pool.token0, pool.token1) if one.address.lower() == approval.tx.to.lower())
            grant = erc20_grant(token, self._stage.view.wallet, approval.tx.spender, 0)
            self._runner.take_back(SWAP_SLOT, self._steps, (grant,))


def _least_impact(pools: Sequence[PoolState]) -> float:
    """Shortfall of the mean price per raw token1 sold into the deepest of the pools; none is known where all are empty.

    Selling S into liquidity L at root price s moves the mean price by S / (L s) in raw token1.
    """
    return min((Q96 / (one.liquidity * one.sqrt_price_x96) for one in pools if one.liquidity), default=0.0)
