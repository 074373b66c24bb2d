"""Quotes pass their watcher on the way in, and nothing else is changed about them."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from alm_core.execution.quotes import WatchedBridges, WatchedSwaps
from alm_core.model.errors import LimitExceeded
from alm_core.model.pools import Token
from alm_core.model.ports import BridgeQuote, SwapQuote
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict
from alm_tests.core.execution.fakes import WALLET
from alm_tests.core.execution.guarded import intent_of, spending_tx
from alm_tests.core.execution.test_guard import transfer_of
from alm_tests.core.portfolio.scene import token

WETH, USDC = token("WETH", 18), token("USDC", 6)
TX = spending_tx(5, Action.SWAP)
STATUS = BridgeStatus(verdict=BridgeVerdict.PENDING, detail="WAIT")


def _quoted(sell: Token, buy: Token, sell_amount: int, least: int) -> dict[str, Any]:
    amounts = {"sell_amount": sell_amount, "buy_amount": 9, "buy_amount_min": least}
    return {"tx": TX, "spender": WALLET, "sell": sell, "buy": buy, "tool": "t", **amounts}


@dataclass
class Source:
    """A swap and bridge source that tells what it was asked."""

    asked: list[dict[str, object]] = field(default_factory=list)

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        self.asked.append({"sell": sell, "buy": buy, "amount": sell_amount, "owner": owner, "least": min_buy_amount})
        return SwapQuote(**_quoted(sell, buy, sell_amount, min_buy_amount))

    def quote_bridge(
        self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int
    ) -> BridgeQuote:
        self.asked.append({"sell": sell, "buy": buy, "amount": sell_amount, "owner": owner, "least": min_buy_amount})
        return BridgeQuote(**_quoted(sell, buy, sell_amount, min_buy_amount), duration_s=60.0)

    def read_status(self, transfer: BridgeTransfer) -> BridgeStatus:
        self.asked.append({"transfer": transfer})
        return STATUS


@dataclass
class Watcher:
    """Notes what passes; refuses if told so."""

    refusing: bool = False
    seen: list[UnsignedTransaction] = field(default_factory=list)
    checked: list[SwapQuote] = field(default_factory=list)

    def quoted(self, tx: UnsignedTransaction) -> None:
        self.seen.append(tx)

    def check_quote(self, quote: SwapQuote) -> None:
        self.checked.append(quote)
        if self.refusing:
            raise LimitExceeded("max_price_impact_frac")


ASKED = {"sell": WETH, "buy": USDC, "sell_amount": 7, "owner": WALLET, "min_buy_amount": 3}
TOLD = {"sell": WETH, "buy": USDC, "amount": 7, "owner": WALLET, "least": 3}


def test_a_swap_quote_is_noted_and_judged() -> None:
    source, watcher = Source(), Watcher()
    quote = WatchedSwaps(source, watcher).quote_swap(**ASKED)
    assert source.asked == [TOLD]
    assert watcher.seen == [TX]
    assert watcher.checked == [quote]
    with pytest.raises(LimitExceeded, match="max_price_impact_frac"):
        WatchedSwaps(source, Watcher(refusing=True)).quote_swap(**ASKED)


def test_a_transfer_quote_is_noted_and_a_status_passed_on() -> None:
    source, watcher = Source(), Watcher()
    watched = WatchedBridges(source, watcher)
    quote = watched.quote_bridge(**ASKED)
    assert source.asked == [TOLD]
    assert watcher.seen == [quote.tx]
    transfer = transfer_of(intent_of(TX, 1), 2)
    assert watched.read_status(transfer) is STATUS
    assert source.asked[1:] == [{"transfer": transfer}]
