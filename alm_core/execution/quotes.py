"""Quotes as the choke point sees them: the moment each was made, and what it expects against the independent price."""

from typing import Protocol

from alm_core.model.pools import Token
from alm_core.model.ports import BridgeQuote, BridgeSource, SwapQuote, SwapSource
from alm_core.model.transactions import UnsignedTransaction
from alm_core.model.transfers import BridgeStatus, BridgeTransfer


class QuoteWatcher(Protocol):
    """Who judges quotes."""

    def quoted(self, tx: UnsignedTransaction) -> None:
        """Note that a payload was quoted at the last block seen."""
        ...

    def check_quote(self, quote: SwapQuote) -> None:
        """Refuse a quote that expects too little by raising ``LimitExceeded``."""
        ...


class WatchedSwaps:
    """Satisfies ``SwapSource``; every quote passes the watcher."""

    def __init__(self, swaps: SwapSource, watcher: QuoteWatcher) -> None:
        self._swaps = swaps
        self._watcher = watcher

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        """Quote a swap, as :class:`~alm_core.model.ports.SwapSource`; ``LimitExceeded`` if it expects too little."""
        quote = self._swaps.quote_swap(
            sell=sell, buy=buy, sell_amount=sell_amount, owner=owner, min_buy_amount=min_buy_amount
        )
        self._watcher.quoted(quote.tx)
        self._watcher.check_quote(quote)
        return quote


class WatchedBridges:
    """Satisfies ``BridgeSource``; every quote passes the watcher."""

    def __init__(self, bridges: BridgeSource, watcher: QuoteWatcher) -> None:
        self._bridges = bridges
        self._watcher = watcher

    def quote_bridge(
        self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int
    ) -> BridgeQuote:
        """Quote a transfer, as :class:`~alm_core.model.ports.BridgeSource`."""
        quote = self._bridges.quote_bridge(
            sell=sell, buy=buy, sell_amount=sell_amount, owner=owner, min_buy_amount=min_buy_amount
        )
        self._watcher.quoted(quote.tx)
        return quote

    def read_status(self, transfer: BridgeTransfer) -> BridgeStatus:
        """Ask what became of a transfer."""
        return self._bridges.read_status(transfer)
