"""What swaps and transfers cost by live quotes, remembered for a while: asking spends what execution needs too."""

from collections.abc import Callable, Sequence
from typing import Protocol

from alm_core.model.errors import SourceError
from alm_core.model.market import BridgeCost, SwapCost
from alm_core.model.pools import Token
from alm_core.model.ports import BridgeSource, SwapSource
from alm_resources.http import CallBudget

COST_CALLS = 30
"""Of the 75 quotes of two hours; the others are left to what is really sent."""
KEPT_S = 1800
_NONE = ("none",)


class Memory(Protocol):
    """Short texts under a key, for a time; the hot state's."""

    def store_screen(self, key: str, reasons: Sequence[str], ttl_s: int) -> None:
        """Keep texts."""
        ...

    def read_screen(self, key: str) -> tuple[str, ...] | None:
        """Return them; ``None`` if there are none any more."""
        ...


class Quotes(SwapSource, BridgeSource, Protocol):
    """Where quotes come from."""


class LifiCosts:
    """Costs for the cost gate. A quote asked for here is never signed.

    Parameters
    ----------
    quotes
        The client, or a stand-in.
    memory
        Answers are kept in it, also that there was none, by token and size: half and double an amount share one.
    budget
        Calls that costs may take of the client's; ``None`` for a stand-in without limits.
    kept_s
        How long an answer is good for.
    """

    def __init__(
        self, quotes: Quotes, memory: Memory, *, budget: CallBudget | None = None, kept_s: int = KEPT_S
    ) -> None:
        self._quotes = quotes
        self._memory = memory
        self._budget = budget
        self._kept_s = kept_s

    def bridge_cost(
        self, from_token: Token, to_token: Token, amount: int, owner: str, *, gas_usd: float
    ) -> BridgeCost | None:
        """Cost of sending an amount of one asset to another chain; ``None`` where there is no quote.

        Parameters
        ----------
        from_token, to_token
            The asset on both chains.
        amount
            Raw units of ``from_token``.
        owner
            Wallet.
        gas_usd
            What approval, sending and reset cost on the source chain.
        """
        key = _key("bridge", from_token, to_token, amount)
        kept = self._kept(key, lambda: self._ask_bridge(from_token, to_token, amount, owner))
        if kept == _NONE:
            return None
        cost_frac, duration_s, source = kept
        return BridgeCost(
            from_chain=from_token.chain_id,
            to_chain=to_token.chain_id,
            cost_frac=float(cost_frac),
            gas_usd=gas_usd,
            duration_s=float(duration_s),
            source=source,
        )

    def swap_cost(
        self, sell: Token, buy: Token, amount: int, owner: str, *, fair_amount: int, sold_usd: float
    ) -> SwapCost | None:
        """Cost of a swap on one chain; ``None`` where there is no quote.

        ``fair_amount`` is what ``amount`` is worth at the independent price, in raw units of ``buy``.
        """
        key = _key("swap", sell, buy, amount)
        kept = self._kept(key, lambda: self._ask_swap(sell, buy, amount, owner, fair_amount))
        if kept == _NONE:
            return None
        cost_frac, source = kept
        return SwapCost(chain_id=sell.chain_id, sold_usd=sold_usd, cost_frac=float(cost_frac), source=source)

    def _kept(self, key: str, ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        try:
            kept = self._memory.read_screen(key)
            if kept is None:
                kept = ask()
                self._memory.store_screen(key, kept, self._kept_s)
        except SourceError:
            # Without memory every epoch would ask again.
            return _NONE
        return kept

    def _ask_bridge(self, sell: Token, buy: Token, amount: int, owner: str) -> tuple[str, ...]:
        if not self._may_ask():
            return _NONE
        try:
            quote = self._quotes.quote_bridge(sell=sell, buy=buy, sell_amount=amount, owner=owner, min_buy_amount=1)
        except SourceError:
            return _NONE
        par = amount * 10.0 ** (buy.decimals - sell.decimals)
        return repr(_lost_frac(quote.buy_amount_min, par)), repr(quote.duration_s), f"lifi {quote.tool}"

    def _ask_swap(self, sell: Token, buy: Token, amount: int, owner: str, fair_amount: int) -> tuple[str, ...]:
        if not self._may_ask():
            return _NONE
        try:
            quote = self._quotes.quote_swap(sell=sell, buy=buy, sell_amount=amount, owner=owner, min_buy_amount=1)
        except SourceError:
            return _NONE
        return repr(_lost_frac(quote.buy_amount, fair_amount)), f"lifi {quote.tool}"

    def _may_ask(self) -> bool:
        return self._budget is None or self._budget.take() == 0.0


def _lost_frac(arrives: int, worth: float) -> float:
    # A quote above the fair price is a moment's luck; nothing is planned on a cost below zero.
    return min(max(1.0 - arrives / worth, 0.0), 1.0)


def _key(kind: str, sell: Token, buy: Token, amount: int) -> str:
    size = amount.bit_length()
    return f"lifi-{kind}:{sell.chain_id}:{sell.address.lower()}:{buy.chain_id}:{buy.address.lower()}:{size}"
