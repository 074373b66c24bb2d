"""One Li.Fi quote to another chain: the same asset through Across, as the step and calldata the API would return."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alm_localnet.clock import VirtualClock
from alm_localnet.config import LIFI_DIAMOND, LIFI_FEE_FORWARDER, LocalnetConfig
from alm_localnet.contracts import calldata
from alm_localnet.deploy import DeployedChain
from alm_localnet.market.world import Market
from alm_localnet.servers.faults import Fault
from alm_localnet.servers.lifi_step import (
    STRANGER,
    NoRoute,
    QuoteRequest,
    action_answer,
    gas_cost,
    symbol_of,
    token_answer,
)

BRIDGE = "across"
BRIDGE_DETAILS = {"key": BRIDGE, "name": "AcrossV4", "logoURI": ""}
FEE_TOOL = "feeCollection"
SEND_GAS = 190_000
FILL_S = 4 * 3600
_ANY = ("all", "default", BRIDGE)
_BRIDGE_DATA = "(bytes32,string,string,address,address,address,uint256,uint256,bool,bool)"
_ACROSS = "(bytes32,bytes32,bytes32,bytes32,uint256,uint128,bytes32,uint32,uint32,uint32,bytes)"
_SWAPS = "(address,address,address,address,uint256,bytes,bool)[]"
START = f"startBridgeTokensViaAcrossV4({_BRIDGE_DATA},{_ACROSS})"
SWAP_AND_START = f"swapAndStartBridgeTokensViaAcrossV4({_BRIDGE_DATA},{_SWAPS},{_ACROSS})"
_FORWARD = "forwardERC20Fees(address,(address,uint256)[])"
_FEE_COLLECTOR = "0x00000000000000000000000000000000000fEE01"
_NOBODY = "0x" + "00" * 20
_ONE = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a bridge would do with an amount. ``service_fee`` goes to Li.Fi before the rest is sent."""

    sent_amount: int
    service_fee: int
    output_amount: int
    multiplier: int
    quote_timestamp: int


class BridgeQuotes:
    """Quotes of all ways between local chains.

    Parameters
    ----------
    chains
        By id.
    market, clock
        Worth of the fixed fee; id of a quote.
    config
        Fees and duration.
    """

    def __init__(
        self, chains: Mapping[int, DeployedChain], market: Market, clock: VirtualClock, config: LocalnetConfig
    ) -> None:
        self._chains, self._market, self._clock, self._config = chains, market, clock, config

    def step(self, asked: QuoteRequest, fault: Fault | None, *, unsigned: bool = True) -> dict[str, Any]:
        """Build the answer of a quote; without ``transactionRequest`` if not ``unsigned``, as routes have it.

        Raises
        ------
        NoRoute
            If the assets differ, the bridge is not allowed, or nothing would be left of the amount.
        """
        source, target = self._chains[asked.from_chain], self._chains[asked.to_chain]
        offer = self._offer(source, target, asked)
        sell = token_answer(source.preset, self._market, self._clock, asked.from_token)
        buy = token_answer(target.preset, self._market, self._clock, asked.to_token)
        action = action_answer(asked, sell, buy)
        gas_price = int(source.rpc.call("eth_gasPrice"), 16)
        estimate = self._estimate(source, target, asked, offer, gas_price)
        transaction_id = "0x" + hashlib.sha256(repr((asked, offer, self._clock.minute)).encode()).hexdigest()
        body: dict[str, Any] = {
            "type": "lifi",
            "id": f"{transaction_id[2:38]}:0",
            "tool": BRIDGE,
            "toolDetails": BRIDGE_DETAILS,
            "action": action,
            "estimate": estimate,
            "includedSteps": _included(transaction_id[2:38], action, estimate, offer),
            "integrator": asked.integrator,
        }
        if not unsigned or (fault and fault.kind == "no_transaction"):
            return body
        data = _send_calldata(asked, offer, transaction_id, fault)
        request = {
            "value": "0x0",
            "to": LIFI_DIAMOND,
            "data": "0x" + data.hex(),
            "from": asked.from_address,
            "chainId": asked.from_chain,
            "gasPrice": hex(gas_price),
            "gasLimit": hex(SEND_GAS * 2),
        }
        return body | {"transactionRequest": request}

    def _offer(self, source: DeployedChain, target: DeployedChain, asked: QuoteRequest) -> Offer:
        if asked.bridges not in _ANY:
            raise NoRoute(f"no bridge of {asked.bridges!r} is known; known is {BRIDGE}")
        symbol, bought = symbol_of(source.preset, asked.from_token), symbol_of(target.preset, asked.to_token)
        if symbol != bought:
            raise NoRoute(f"{BRIDGE} does not turn {symbol} into {bought}")
        service_fee = int(asked.from_amount * self._config.lifi_fee_bps / 10_000)
        sent = asked.from_amount - service_fee
        decimals, out_decimals = source.preset.tokens[symbol].decimals, target.preset.tokens[symbol].decimals
        fixed = self._config.bridge_fee_usd / self._market.token_usd(symbol, self._clock.minute - 1) * 10**decimals
        left = int(sent * (1 - self._config.bridge_fee_bps / 10_000) - fixed)
        if left <= 0:
            raise NoRoute(f"fees are higher than {asked.from_amount} {symbol}")
        multiplier = left * _ONE * 10**out_decimals // (sent * 10**decimals)
        exact = left * 10**out_decimals // 10**decimals
        head = source.rpc.call("eth_getBlockByNumber", "latest", False)
        return Offer(
            sent_amount=sent,
            service_fee=service_fee,
            # With a fee step the diamond computes the amount anew from what is left.
            output_amount=sent * multiplier // _ONE if service_fee else exact,
            multiplier=multiplier,
            quote_timestamp=int(head["timestamp"], 16),
        )

    def _estimate(
        self, source: DeployedChain, target: DeployedChain, asked: QuoteRequest, offer: Offer, gas_price: int
    ) -> dict[str, Any]:
        minute = self._clock.minute - 1
        symbol = symbol_of(source.preset, asked.from_token)
        price = self._market.token_usd(symbol, minute)
        tokens, out_tokens = source.preset.tokens, target.preset.tokens
        kept = (
            offer.sent_amount - offer.output_amount * 10 ** tokens[symbol].decimals // 10 ** out_tokens[symbol].decimals
        )
        fees = [("Relayer fee", kept)] + ([("LIFI Fixed Fee", offer.service_fee)] if offer.service_fee else [])
        unit = 10 ** tokens[symbol].decimals
        return {
            "tool": BRIDGE,
            "approvalAddress": LIFI_DIAMOND,
            "fromAmount": str(asked.from_amount),
            "fromAmountUSD": f"{asked.from_amount / unit * price:.4f}",
            "toAmount": str(offer.output_amount),
            "toAmountMin": str(int(offer.output_amount * (1 - asked.slippage))),
            "toAmountUSD": f"{offer.output_amount / 10 ** out_tokens[symbol].decimals * price:.4f}",
            "executionDuration": self._config.bridge_minutes * 60,
            "feeCosts": [
                {
                    "name": name,
                    "description": name,
                    "percentage": f"{amount / asked.from_amount:.6f}",
                    "token": token_answer(source.preset, self._market, self._clock, asked.from_token),
                    "amount": str(amount),
                    "amountUSD": f"{amount / unit * price:.4f}",
                    "included": True,
                }
                for name, amount in fees
            ],
            "gasCosts": [gas_cost(source.preset, self._market, minute, SEND_GAS, gas_price)],
            **({"approvalReset": True} if tokens[symbol].tether_like else {}),
        }


def _included(step_id: str, action: dict[str, Any], estimate: dict[str, Any], offer: Offer) -> list[dict[str, Any]]:
    cross = {"id": step_id, "type": "cross", "tool": BRIDGE, "toolDetails": BRIDGE_DETAILS}
    steps = [cross | {"action": action, "estimate": estimate}]
    if offer.service_fee:
        details = {"key": FEE_TOOL, "name": "Integrator Fee", "logoURI": ""}
        fee = {"id": f"{step_id}-fee", "type": "protocol", "tool": FEE_TOOL, "toolDetails": details}
        same = action | {"toChainId": action["fromChainId"], "toToken": action["fromToken"]}
        taken = estimate | {"tool": FEE_TOOL, "toAmount": str(offer.sent_amount), "toAmountMin": str(offer.sent_amount)}
        steps.insert(0, fee | {"action": same, "estimate": taken})
    return steps


def _send_calldata(asked: QuoteRequest, offer: Offer, transaction_id: str, fault: Fault | None) -> bytes:
    receiver = STRANGER if fault and fault.kind == "wrong_receiver" else asked.to_address
    output = 1 if fault and fault.kind == "wrong_minimum" else offer.output_amount
    multiplier = 1 if fault and fault.kind == "wrong_minimum" else offer.multiplier
    bridge_data = (
        *(bytes.fromhex(transaction_id[2:]), BRIDGE, asked.integrator, _NOBODY, asked.from_token, receiver),
        *(offer.sent_amount, asked.to_chain, offer.service_fee > 0, False),
    )
    across = (
        *(_word(receiver), _word(asked.from_address), _word(asked.from_token), _word(asked.to_token)),
        *(output, multiplier, bytes(32), offer.quote_timestamp, offer.quote_timestamp + FILL_S, 0, b""),
    )
    if not offer.service_fee:
        return calldata(START, bridge_data, across)
    pay = calldata(_FORWARD, asked.from_token, [(_FEE_COLLECTOR, offer.service_fee)])
    swap = (LIFI_FEE_FORWARDER, LIFI_FEE_FORWARDER, asked.from_token, asked.from_token, asked.from_amount, pay, True)
    return calldata(SWAP_AND_START, bridge_data, [swap], across)


def _word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")
