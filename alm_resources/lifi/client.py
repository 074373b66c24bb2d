"""Li.Fi API client for same-chain swaps."""

import time
from collections.abc import Callable, Mapping
from typing import NoReturn

import requests

from alm_core.model.errors import BadAnswer, ConfigError, InvalidInput, SourceRejected, SourceUnavailable
from alm_core.model.pools import Token
from alm_core.model.ports import SwapQuote
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.http import Cooldowns, HttpAnswer, JsonHttp, LocalCooldowns
from alm_resources.lifi.answers import StepAnswer, SwapRequest, check_step, read_step
from alm_resources.lifi.calldata import SOURCE, GenericSwap
from alm_resources.registry import Registry

# The window of Li.Fi's quota; used where a 429 does not say when it lifts.
QUOTA_WINDOW_S = 7200.0
# A swap may always bring more than expected.
MAX_GAIN = 2**255 - 1


class LifiClient:
    """Quotes ERC-20 swaps and proves that each quote does what was asked before anybody signs it.

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
    cooldowns
        Remembers a 429 until it lifts, which may take two hours; shared by processes if it lives in the hot state.
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
        cooldowns: Cooldowns | None = None,
        timeout_s: float = 20.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._diamonds = dict(diamonds)
        self._headers = {"Accept": "application/json"} | ({} if api_key is None else {"x-lifi-api-key": api_key})
        self._slippage_frac = slippage_frac
        self._slippage_stable_frac = slippage_stable_frac
        self._http = JsonHttp(SOURCE, session=session, timeout_s=timeout_s)
        self._cooldowns = cooldowns or LocalCooldowns()
        self._sleep = sleep

    @classmethod
    def from_registry(
        cls, registry: Registry, *, api_key: str | None = None, cooldowns: Cooldowns | None = None
    ) -> "LifiClient":
        """Build from the registry's service address and diamonds."""
        diamonds = {chain_id: chain.lifi_diamond for chain_id, chain in registry.chains.items()}
        return cls(registry.services.lifi_url, diamonds, api_key=api_key, cooldowns=cooldowns)

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
        asked = self._request(sell, buy, sell_amount, owner, min_buy_amount)
        step = read_step(self._get_quote(asked))
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

    def _request(self, sell: Token, buy: Token, sell_amount: int, owner: str, min_buy_amount: int) -> SwapRequest:
        if sell.chain_id != buy.chain_id or sell.address == buy.address:
            raise InvalidInput(f"swap {sell.address} to {buy.address}: must be two tokens of one chain")
        if sell_amount <= 0 or min_buy_amount <= 0:
            raise InvalidInput(f"swap of {sell_amount} for at least {min_buy_amount}: both must be positive")
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

    def _get_quote(self, asked: SwapRequest) -> object:
        if (wait_s := self._cooldowns.cooldown_s(SOURCE)) > 0:
            raise SourceUnavailable(SOURCE, f"rate limit: lifts in {wait_s:.0f} s, not asked")
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
        answer = self._http.get(f"{self._base_url}/quote", params=params, headers=self._headers)
        if answer.status == 500:
            # Their own SDK asks once more, after half a second, and only for this status.
            self._sleep(0.5)
            answer = self._http.get(f"{self._base_url}/quote", params=params, headers=self._headers)
        if answer.status != 200:
            self._refuse(answer)
        if answer.json is None:
            raise BadAnswer(SOURCE, f"HTTP 200 but not JSON: {answer.excerpt}")
        return answer.json

    def _refuse(self, answer: HttpAnswer) -> NoReturn:
        detail = f"HTTP {answer.status}: {_message(answer)}"
        if answer.status == 429:
            reset_s = answer.seconds("ratelimit-reset") or answer.seconds("retry-after") or QUOTA_WINDOW_S
            self._cooldowns.start_cooldown(SOURCE, min(reset_s, QUOTA_WINDOW_S))
            raise SourceUnavailable(SOURCE, f"{detail}; next quote in {reset_s:.0f} s")
        # 409: the price moved while quoting; 424: a tool behind Li.Fi failed. Both may pass.
        if answer.status in (408, 409, 424) or answer.status >= 500:
            raise SourceUnavailable(SOURCE, detail)
        raise SourceRejected(SOURCE, detail)


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


def _message(answer: HttpAnswer) -> str:
    message = answer.field("message")
    return answer.excerpt if message is None else f"code {answer.field('code')}: {message!s:.160}"
