"""Sending capital to other chains: both tokens of the pair in kind, by their share of what does not stay in positions.

Base goes as base and quote as quote: nothing is sold to leave, and what must arrive follows from what is sent alone.
What cannot be sent now stays in the wallet, named; targets of the chain use no more than their own shares of it.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

from alm_core.execution.calldata import approved_amount
from alm_core.execution.chain_state import WalletState
from alm_core.execution.quotes import WatchedBridges
from alm_core.execution.rights import erc20_grant
from alm_core.execution.stage import NOTHING_IN_FLIGHT, Stage
from alm_core.execution.steps import BRIDGE_SLOT, SpendSteps, StepNumbers
from alm_core.model.decisions import Move
from alm_core.model.dex_ports import Grant
from alm_core.model.errors import InvalidInput, LimitExceeded
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import BridgeQuote, BridgeSource
from alm_core.model.transactions import Action, Intent, UnsignedTransaction
from alm_core.model.transfers import BridgeTransfer
from alm_core.portfolio.worth import exact

ASSETS = ("base", "quote")


class Departures:
    """What one plan sends from one chain."""

    def __init__(self, stage: Stage, bridges: BridgeSource | None, moves: Sequence[Move], steps: StepNumbers) -> None:
        self._stage = stage
        self._runner = stage.runner
        self._bridges = None if bridges is None else WatchedBridges(bridges, stage.guard)
        self._moves = tuple(moves)
        self._steps = steps

    def run(self) -> tuple[str, ...]:
        """Send what is to be sent, or go on where an earlier run stopped; return what was not sent, and why.

        Raises
        ------
        OutcomeUnknown
            If something may have been sent and the chain does not tell.
        """
        problems: list[str] = []
        for number, move in enumerate(self._moves):
            for index, asset in enumerate(ASSETS):
                try:
                    self._send(move, index, self._steps.send(number, index))
                except NOTHING_IN_FLIGHT as error:
                    problems.append(f"{asset} to chain {move.to_chain}: {type(error).__name__}: {error}")
        return tuple(problems)

    def _send(self, move: Move, index: int, steps: SpendSteps) -> None:
        slot = f"{BRIDGE_SLOT}:{move.to_chain}:{ASSETS[index]}"
        if self._stage.done(slot, steps.spend(), Action.BRIDGE):
            self._take_back(slot, steps)
            return
        if self._runner.started_after(self._steps.swap().first - 1):
            return  # swap or placing has begun: the wallet no longer holds what the amounts were computed for
        sell, buy = self._tokens(move, index)
        state = self._fresh()
        approval = self._runner.find(slot, steps.give(0), Action.APPROVE)
        amount = self._amount(state, move, sell) if approval is None else approved_amount(approval.tx.data)
        if amount:
            self._send_amount(move, slot, steps, sell, buy, amount, state)

    def _send_amount(
        self, move: Move, slot: str, steps: SpendSteps, sell: Token, buy: Token, amount: int, state: WalletState
    ) -> None:
        quote = self._quote(sell, buy, amount)
        grant = erc20_grant(sell, self._stage.view.wallet, quote.spender, amount)
        self._runner.give(slot, steps, (grant,))
        age = self._fresh().block.block_at - state.block.block_at
        if age > timedelta(seconds=self._stage.limits.quote_max_age_s):
            quote = self._quote(sell, buy, amount)

        def plan_tx() -> UnsignedTransaction:
            return quote.tx

        def sent_by(intent: Intent) -> BridgeTransfer:
            return self._transfer(move, sell, buy, quote, intent)

        try:
            self._runner.run(slot, steps.spend(), Action.BRIDGE, plan_tx, sent_by)
        except NOTHING_IN_FLIGHT:
            self._take_back(slot, steps)
            raise
        self._take_back(slot, steps)

    def _amount(self, state: WalletState, move: Move, sell: Token) -> int:
        """Raw amount of a token that a move sends: its share of what the wallet had before this plan sent anything.

        No more than may still leave today: with the fees that a burn brought the share is worth a little more than was
        planned.
        """
        stage, prices = self._stage, self._stage.guard.token_usd
        sent = stage.sent_amounts()
        before = {token: amount + sent.get(token, 0) for token, amount in state.balances.items()}
        wallet_usd = sum(amount * prices[token] for token, amount in before.items()) if prices else 0.0
        nav_usd = stage.guard.nav_usd()
        if nav_usd is None:
            raise LimitExceeded(f"sending from chain {stage.chain_id} refused: NAV unknown")
        if wallet_usd <= 0.0:
            return 0
        shares = sum(Fraction(one.share_frac) for one in self._moves)
        leaving = min(Fraction(1), shares * Fraction(nav_usd + stage.sent_usd()) / Fraction(wallet_usd))
        wanted = before[sell.address.lower()] * leaving * Fraction(move.share_frac) / shares
        price, least = prices[sell.address.lower()], stage.limits.min_bridge_usd
        amount = min(math.floor(wanted), state.balances[sell.address.lower()])
        if amount * price < least:
            return 0
        left_usd = stage.guard.bridge_left_usd()
        allowed = math.floor(left_usd / exact(price))
        if allowed * price < least:
            bound = stage.limits.max_day_bridge_frac
            raise LimitExceeded(f"max_day_bridge_frac: {float(left_usd):.2f} USD left of today (bound {bound:.6g})")
        return min(amount, allowed)

    def _quote(self, sell: Token, buy: Token, amount: int) -> BridgeQuote:
        if self._bridges is None:
            raise InvalidInput("no bridge is configured")
        floor = math.ceil(in_kind(sell, buy, amount) * (1 - Fraction(self._stage.limits.max_bridge_loss_frac)))
        quote = self._bridges.quote_bridge(
            sell=sell, buy=buy, sell_amount=amount, owner=self._stage.view.wallet, min_buy_amount=floor
        )
        if quote.sell_amount != amount or quote.buy_amount_min < floor:
            raise LimitExceeded(
                f"quote of {quote.tool}: {quote.sell_amount} {sell.symbol} for at least {quote.buy_amount_min} "
                f"{buy.symbol} on chain {buy.chain_id}, wanted is {amount} for at least {floor}"
            )
        return quote

    def _transfer(self, move: Move, sell: Token, buy: Token, quote: BridgeQuote, intent: Intent) -> BridgeTransfer:
        return BridgeTransfer(
            intent_key=intent.key,
            pair=self._stage.plan.pair,
            wallet=self._stage.view.wallet.lower(),
            from_chain=move.from_chain,
            to_chain=move.to_chain,
            asset="base" if sell == self._pool(move.from_chain).base else "quote",
            sell_token=sell.address.lower(),
            buy_token=buy.address.lower(),
            sent_amount=quote.sell_amount,
            # A quote that promises more than was sent is not believed.
            expected_amount=min(quote.buy_amount, math.floor(in_kind(sell, buy, quote.sell_amount))),
            min_amount=quote.buy_amount_min,
            tool=quote.tool,
            started_at=self._stage.plan.epoch_at,
        )

    def _tokens(self, move: Move, index: int) -> tuple[Token, Token]:
        here, there = self._pool(move.from_chain), self._pool(move.to_chain)
        return ((here.base, there.base), (here.quote, there.quote))[index]

    def _pool(self, chain_id: int) -> Pool:
        """Return a pool that stands for the tokens of a chain.

        Raises
        ------
        InvalidInput
            If none of the chain was read, or its pools do not share one pair of tokens.
        """
        pools = [state.pool for state in self._stage.snapshot.pools if state.pool.chain_id == chain_id]
        if len({(pool.base.address.lower(), pool.quote.address.lower()) for pool in pools}) != 1:
            raise InvalidInput(f"chain {chain_id} has no single pair of tokens that could be sent or received")
        return pools[0]

    def _fresh(self) -> WalletState:
        return self._stage.fresh(*(pool.pool_id for pool in self._stage.view.pools))

    def _take_back(self, slot: str, steps: SpendSteps) -> None:
        if self._runner.started_after(steps.last):
            return  # this one's right is gone, and what is found is that of a later step with the same spender
        self._runner.take_back(slot, steps, self._given(slot, steps))

    def _given(self, slot: str, steps: SpendSteps) -> tuple[Grant, ...]:
        approval = self._runner.find(slot, steps.give(0), Action.APPROVE)
        if approval is None or approval.tx.spender is None:
            return ()
        pool = self._stage.view.pools[0]
        token = next(one for one in (pool.token0, pool.token1) if one.address.lower() == approval.tx.to.lower())
        return (erc20_grant(token, self._stage.view.wallet, approval.tx.spender, 0),)


def in_kind(sell: Token, buy: Token, amount: int) -> Fraction:
    """Return a raw amount of one token in raw units of its like on another chain.

    Examples
    --------
    >>> usdc = Token(chain_id=1, address="0x" + "11" * 20, symbol="USDC", decimals=6, asset_class="stable", issuer="-")
    >>> pegged = Token(chain_id=56, address="0x" + "22" * 20, symbol="U", decimals=18, asset_class="stable", issuer="-")
    >>> in_kind(usdc, pegged, 5)
    Fraction(5000000000000, 1)
    """
    return Fraction(amount) * Fraction(10) ** (buy.decimals - sell.decimals)
