"""Li.Fi's quote for another chain, held field by field against what was asked, from its JSON down to the calldata."""

from dataclasses import dataclass
from fractions import Fraction

from alm_core.execution.bridge_calls import MOST_EXCLUSIVE_S, MOST_FILL_S, BridgeCall, bridge_call_of
from alm_core.model.errors import BadAnswer, InvalidInput
from alm_core.model.ports import BridgeQuote
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.lifi.answers import (
    StepAnswer,
    SwapRequest,
    at_least,
    check_action,
    check_transaction,
    same,
    same_address,
)
from alm_resources.lifi.calldata import SOURCE

BRIDGES = ("across",)
"""Tools whose calldata we can decode: no other may be offered."""
_ROUNDING = Fraction(1, 1_000_000)
_BEYOND_PAR = Fraction(1001, 1000)
"""A relayer that is to pay more than it gets will not; the money would hang until the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBridge:
    """A step and the call it makes, which do what was asked."""

    step: StepAnswer
    call: BridgeCall


def check_bridge(step: StepAnswer, asked: SwapRequest) -> CheckedBridge:
    """Refuse a quote that would not do exactly what was asked, and return it with its decoded calldata.

    Raises
    ------
    BadAnswer
        Naming the field, its value and the value that was asked for.
    """
    if step.tool not in BRIDGES:
        raise BadAnswer(SOURCE, f"tool is {step.tool!r}, only {', '.join(BRIDGES)} can be decoded")
    check_action(step.action, asked)
    check_transaction(step, asked)
    try:
        call = bridge_call_of(step.transaction_request.data)
    except InvalidInput as error:
        raise BadAnswer(SOURCE, f"transactionRequest.data: {error}") from error
    _check_call(call, asked)
    _check_amounts(step, call, asked)
    _check_times(call)
    return CheckedBridge(step=step, call=call)


def bridge_quote(checked: CheckedBridge, asked: SwapRequest) -> BridgeQuote:
    """Return what would be signed. What the calldata promises counts, not what the JSON says of it."""
    call, step = checked.call, checked.step
    duration_s = step.estimate.execution_duration
    if duration_s is None:
        raise BadAnswer(SOURCE, "estimate.executionDuration is missing")
    summary = (
        f"send {asked.sell_amount} {asked.sell.symbol} to chain {asked.buy.chain_id} for"
        f" {call.output_amount} {asked.buy.symbol} via {step.tool}"
    )
    return BridgeQuote(
        tx=UnsignedTransaction(
            chain_id=asked.sell.chain_id,
            sender=asked.owner,
            to=asked.diamond,
            data=step.transaction_request.data.lower(),
            value_wei=0,
            action=Action.BRIDGE,
            summary=summary,
            bounds=(
                BalanceBound(token=asked.sell.address, min_delta=-asked.sell_amount, max_delta=-asked.sell_amount),
            ),
        ),
        spender=asked.diamond,
        sell=asked.sell,
        buy=asked.buy,
        sell_amount=asked.sell_amount,
        buy_amount=call.output_amount,
        buy_amount_min=call.output_amount,
        tool=step.tool,
        duration_s=duration_s,
    )


def _check_call(call: BridgeCall, asked: SwapRequest) -> None:
    if call.bridge not in BRIDGES:
        raise BadAnswer(SOURCE, f"calldata bridge is {call.bridge!r:.80}, must be one of {', '.join(BRIDGES)}")
    same_address("calldata receiver", call.receiver, asked.owner)
    same_address("calldata refundAddress", call.refund_to, asked.owner)
    same_address("calldata sendingAssetId", call.sent_token, asked.sell.address)
    same("calldata amount sent", call.sent_amount, asked.sell_amount)
    same("calldata destinationChainId", call.to_chain, asked.buy.chain_id)
    same_address("calldata receivingAssetId", call.output_token, asked.buy.address)
    at_least("calldata outputAmount", call.output_amount, asked.min_buy_amount)
    par = Fraction(asked.sell_amount) * Fraction(10) ** (asked.buy.decimals - asked.sell.decimals)
    if call.output_amount > par * _BEYOND_PAR:
        raise BadAnswer(SOURCE, f"calldata outputAmount is {call.output_amount}, more than was sent: {int(par)}")


def _check_amounts(step: StepAnswer, call: BridgeCall, asked: SwapRequest) -> None:
    estimate = step.estimate
    same("estimate.fromAmount", estimate.from_amount, asked.sell_amount)
    at_least("estimate.toAmount", estimate.to_amount, estimate.to_amount_min)
    at_least("estimate.toAmountMin", estimate.to_amount_min, asked.min_buy_amount)
    at_least("calldata outputAmount", call.output_amount, estimate.to_amount_min)
    # They promise in JSON what the calldata pays; the millionth covers their float arithmetic.
    most = call.output_amount + int(call.output_amount * _ROUNDING) + 1
    if estimate.to_amount > most:
        raise BadAnswer(SOURCE, f"estimate.toAmount is {estimate.to_amount}, calldata pays {call.output_amount}")


def _check_times(call: BridgeCall) -> None:
    open_s = call.fill_deadline_s - call.quote_s
    if not 0 < open_s <= MOST_FILL_S:
        raise BadAnswer(SOURCE, f"calldata fillDeadline is {open_s} s after its quote, must be within {MOST_FILL_S} s")
    if call.exclusive_s > min(MOST_EXCLUSIVE_S, open_s):
        raise BadAnswer(SOURCE, f"calldata exclusivityDeadline: {call.exclusive_s} s are for one relayer alone")
