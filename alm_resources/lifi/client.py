"""Li.Fi API client: swaps on one chain, and transfers of one asset to another."""

import time
from collections.abc import Callable, Mapping

import requests

from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.pools import Token
from alm_core.model.ports import BridgeQuote, SwapQuote
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_core.model.transfers import BridgeStatus, BridgeTransfer
from alm_resources.http import CallBudget, Cooldowns, SlidingWindow
from alm_resources.lifi.answers import StepAnswer, SwapRequest, check_step, read_step
from alm_resources.lifi.bridging import BRIDGES, bridge_quote, check_bridge
from alm_resources.lifi.calldata import GenericSwap
from alm_resources.lifi.routes import only_step, route_body
from alm_resources.lifi.status import read_bridge_status
from alm_resources.lifi.transport import KEYLESS_CALLS, Asked, Endpoint, LifiHttp, OutOfBudget, is_real_host
from alm_resources.registry import Registry

# A swap may always bring more than expected.
MAX_GAIN = 2**255 - 1


class LifiClient:
    """Quotes ERC-20 swaps and transfers, and proves that each does what was asked before anybody signs it.

    Where the window of ``/quote`` is used up, a route of one step is asked for instead: that has a window of its own.

    Parameters
    ----------
    base_url
        Up to and including ``/v1``.
    diamonds
        Address of the LiFiDiamond by chain id: the only target and spender that is accepted there.
    api_key
        Sent as header; never part of an error.
    slippage_frac, slippage_stable_frac
        Slippage asked for, the second between two stables. Less than what the caller's own minimum allows against the
        fair price: fee and price impact have to fit between the two.
    budgets, cooldowns
        As :class:`LifiHttp`.
    """

    def __init__(
        self,
        base_url: str,
        diamonds: Mapping[int, str],
        *,
        api_key: str | None = None,
        slippage_frac: float = 0.002,
        slippage_stable_frac: float = 0.0003,
        session: requests.Session | None = None,
        budgets: Mapping[Endpoint, CallBudget] | None = None,
        cooldowns: Cooldowns | None = None,
        timeout_s: float = 20.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._diamonds = dict(diamonds)
        self._slippage_frac = slippage_frac
        self._slippage_stable_frac = slippage_stable_frac
        self._http = LifiHttp(
            base_url,
            api_key=api_key,
            budgets=budgets,
            cooldowns=cooldowns,
            session=session,
            timeout_s=timeout_s,
            sleep=sleep,
        )

    @classmethod
    def from_registry(
        cls,
        registry: Registry,
        *,
        api_key: str | None = None,
        budgets: Mapping[Endpoint, CallBudget] | None = None,
        cooldowns: Cooldowns | None = None,
    ) -> "LifiClient":
        """Build from the registry's service address and diamonds; the real host gets budgets if none are given."""
        diamonds = {chain_id: chain.lifi_diamond for chain_id, chain in registry.chains.items()}
        url = registry.services.lifi_url
        if budgets is None and is_real_host(url):
            budgets = {
                endpoint: SlidingWindow(calls=calls, window_s=window_s)
                for endpoint, (calls, window_s) in KEYLESS_CALLS.items()
            }
        return cls(url, diamonds, api_key=api_key, budgets=budgets, cooldowns=cooldowns)

    def quote_swap(self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapQuote:
        """Quote a swap whose calldata pays ``owner`` at least ``min_buy_amount``.

        Parameters
        ----------
        sell, buy
            Two tokens of one chain.
        sell_amount, min_buy_amount
            Raw units; both positive.
        owner
            Wallet that pays and receives.

        Raises
        ------
        SourceUnavailable
            If the service is down, limits us, or a third party behind it fails.
        SourceRejected
            If there is no route, or the request is refused.
        BadAnswer
            If any field of the quote or its calldata differs from the request; names it with both values.
        InvalidInput
            If the request makes no sense.
        """
        if sell.chain_id != buy.chain_id or sell.address == buy.address:
            raise InvalidInput(f"swap {sell.address} to {buy.address}: must be two tokens of one chain")
        asked = self._request(sell, buy, sell_amount, owner, min_buy_amount)
        step = read_step(self._get_step(asked))
        swap = check_step(step, asked)
        return SwapQuote(
            tx=_transaction(step, swap, asked),
            spender=asked.diamond,
            sell=sell,
            buy=buy,
            sell_amount=sell_amount,
            buy_amount=step.estimate.to_amount,
            buy_amount_min=swap.min_amount_out,
            tool=step.tool,
        )

    def quote_bridge(
        self, *, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int
    ) -> BridgeQuote:
        """Quote a transfer whose calldata pays ``owner`` on the chain of ``buy``, and at least ``min_buy_amount``.

        Parameters
        ----------
        sell, buy
            The same asset on two chains.
        sell_amount, min_buy_amount
            Raw units of ``sell`` and of ``buy``; both positive.
        owner
            Wallet that pays, receives, and is paid back.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer, InvalidInput
            As :meth:`quote_swap`.
        """
        if sell.chain_id == buy.chain_id:
            raise InvalidInput(f"transfer of {sell.address} to {buy.address}: must be tokens of two chains")
        asked = self._request(sell, buy, sell_amount, owner, min_buy_amount)
        return bridge_quote(check_bridge(read_step(self._get_step(asked)), asked), asked)

    def read_status(self, transfer: BridgeTransfer) -> BridgeStatus:
        """Ask what became of a transfer whose sending transaction is known; it guides waiting and proves nothing.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            If the service does not tell; that says nothing of the transfer.
        InvalidInput
            If nothing was sent.
        """
        if transfer.tx_hash is None:
            raise InvalidInput(f"transfer {transfer.intent_key} has no sending transaction to ask about")
        params = {
            "txHash": transfer.tx_hash,
            "fromChain": str(transfer.from_chain),
            "toChain": str(transfer.to_chain),
        }
        return read_bridge_status(self._http.ask(Asked(endpoint="status", params=params)), transfer)

    def _request(self, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapRequest:
        if sell_amount <= 0 or min_buy_amount <= 0:
            raise InvalidInput(f"quote of {sell_amount} for at least {min_buy_amount}: both must be positive")
        if sell.chain_id not in self._diamonds:
            raise ConfigError(f"chain {sell.chain_id} has no Li.Fi diamond; known are {sorted(self._diamonds)}")
        stable = sell.asset_class == buy.asset_class == "stable"
        return SwapRequest(
            sell=sell,
            buy=buy,
            sell_amount=sell_amount,
            min_buy_amount=min_buy_amount,
            owner=owner,
            diamond=self._diamonds[sell.chain_id],
            slippage_frac=self._slippage_stable_frac if stable else self._slippage_frac,
        )

    def _get_step(self, asked: SwapRequest) -> object:
        params = {
            "fromChain": str(asked.sell.chain_id),
            "toChain": str(asked.buy.chain_id),
            "fromToken": asked.sell.address,
            "toToken": asked.buy.address,
            "fromAmount": str(asked.sell_amount),
            "fromAddress": asked.owner,
            "toAddress": asked.owner,
            "slippage": str(asked.slippage_frac),
            "order": "CHEAPEST",
            "allowDestinationCall": "false",
        }
        if asked.crosses:
            params["allowBridges"] = ",".join(BRIDGES)
        try:
            return self._http.ask(Asked(endpoint="quote", params=params))
        except OutOfBudget:
            routes = self._http.ask(Asked(endpoint="advanced/routes", body=route_body(asked)))
            return self._http.ask(Asked(endpoint="advanced/stepTransaction", body=only_step(routes, asked)))


def _transaction(step: StepAnswer, swap: GenericSwap, asked: SwapRequest) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=asked.sell.chain_id,
        sender=asked.owner,
        to=asked.diamond,
        data=step.transaction_request.data.lower(),
        value_wei=0,
        action=Action.SWAP,
        summary=(
            f"swap {asked.sell_amount} {asked.sell.symbol} for at least {swap.min_amount_out} {asked.buy.symbol}"
            f" via {step.tool}"
        ),
        bounds=(
            BalanceBound(token=asked.sell.address, min_delta=-asked.sell_amount, max_delta=0),
            BalanceBound(token=asked.buy.address, min_delta=swap.min_amount_out, max_delta=MAX_GAIN),
        ),
    )
