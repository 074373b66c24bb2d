"""The numbered scenarios of swap and bridge integrity, as far as they are the client's; ids as in the reliability list.

Elsewhere: D18 ages in the limits, D20 and D22 as books in the saga's tests, D21 in the gas reserve's, D23 in the chaos
tests, D24 and D25 with the routers on chain.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from alm_core.execution.allow_list import allow_list_for
from alm_core.model.errors import BadAnswer, SourceError, SourceRejected, SourceUnavailable
from alm_core.model.transfers import BridgeVerdict
from alm_resources.http import LocalCooldowns, SlidingWindow
from alm_resources.lifi import LifiClient
from alm_tests.fuzz.quote_fields import SWAP_FLOOR, SWAP_SLIPPAGE_FRAC, WETH, SwapCall, swap_answer, two_hops
from alm_tests.resources.http.stub import Answer, FakeTime, http_stub
from alm_tests.resources.lifi.bridge_answers import (
    DIAMOND,
    FLOOR,
    FORWARDER,
    OWNER,
    REGISTRY,
    SELL_AMOUNT,
    SLIPPAGE_FRAC,
    THIEF,
    USDC,
    USDC_ON_BSC,
    Call,
    answer_of,
    fee_step,
    with_fee,
)
from alm_tests.resources.lifi.test_bridging import status_answer, transfer

HYPER_EVM_DIAMOND = REGISTRY.chain(999).lifi_diamond
Tamper = Callable[[dict[str, Any]], object]


def quoted(body: Any, *, crosses: bool, **options: Any) -> Any:
    answer = body if isinstance(body, Answer) else Answer(body)
    with http_stub(lambda _: answer) as stub:
        slippage = {"slippage_frac": SWAP_SLIPPAGE_FRAC, "slippage_stable_frac": SLIPPAGE_FRAC}
        client = LifiClient(f"{stub.url}/v1", {1: DIAMOND}, sleep=lambda _s: None, **slippage, **options)
        common = {"sell": USDC, "sell_amount": SELL_AMOUNT, "owner": OWNER}
        if crosses:
            return client.quote_bridge(buy=USDC_ON_BSC, min_buy_amount=FLOOR, **common)
        return client.quote_swap(buy=WETH, min_buy_amount=SWAP_FLOOR, **common)


def put(*path: str, value: Any) -> Tamper:
    def tamper(answer: dict[str, Any]) -> None:
        holder = answer
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = value

    return tamper


def data_of(call: SwapCall | Call) -> Tamper:
    return put("transactionRequest", "data", value=call.data())


def tokens_swapped(answer: dict[str, Any]) -> None:
    action = answer["action"]
    action["fromToken"], action["toToken"] = action["toToken"], action["fromToken"]


def inner(call: SwapCall, at: int, **changes: Any) -> SwapCall:
    hops = list(call.hops)
    hops[at] = replace(hops[at], **changes)
    return replace(call, hops=tuple(hops))


BOTH = (False, True)
IN_EITHER: dict[str, tuple[Tamper, str]] = {
    "D01 to is not the diamond": (put("transactionRequest", "to", value=FORWARDER), "transactionRequest.to"),
    "D01 to is the diamond of another chain": (
        put("transactionRequest", "to", value=HYPER_EVM_DIAMOND),
        "transactionRequest.to",
    ),
    "D03 tokens are swapped": (tokens_swapped, "fromToken"),
    "D04 fromAmount times ten": (put("action", "fromAmount", value=str(SELL_AMOUNT * 10)), "fromAmount"),
    "D05 toAmountMin of nothing": (put("estimate", "toAmountMin", value="0"), "toAmountMin"),
    "D06 value for a token": (put("transactionRequest", "value", value="0x1"), "value"),
    "D07 another chain": (put("transactionRequest", "chainId", value=8453), "chainId"),
    "D08 approval for an account": (put("estimate", "approvalAddress", value=THIEF), "approvalAddress"),
    "D08 approval for another contract": (put("estimate", "approvalAddress", value=FORWARDER), "approvalAddress"),
    "D10 toAmount a fifth too high": (put("estimate", "toAmount", value=str(10**21 * 12 // 10)), "toAmount"),
    "D11 another slippage": (put("action", "slippage", value=0.03), "slippage"),
    "D14 address cut short": (put("transactionRequest", "to", value=DIAMOND[:-2]), "transactionRequest.to"),
    "D14 address of 128 bits": (put("action", "toAddress", value="0x" + "1f" * 16), "toAddress"),
    "D14 no address": (put("estimate", "approvalAddress", value=""), "approvalAddress"),
    "D15 no transaction": (lambda answer: answer.pop("transactionRequest"), "transactionRequest"),
    "D15 amount in hex": (put("estimate", "fromAmount", value=hex(SELL_AMOUNT)), "fromAmount"),
    "D16 quote of another wallet": (put("transactionRequest", "from", value=THIEF), "from"),
}
SWAPS: dict[str, tuple[Tamper, str]] = {
    "D02 receiver": (data_of(SwapCall(receiver=THIEF)), "receiver"),
    "D02 receiver of two hops": (data_of(replace(two_hops(), receiver=THIEF)), "receiver"),
    "D02 inner step takes from the wallet": (data_of(inner(two_hops(), 1, deposit=True)), "requiresDeposit"),
    "D03 tokens are swapped inside": (
        data_of(inner(SwapCall(), 0, sold=WETH.address, bought=USDC.address)),
        "sendingAssetId",
    ),
    "D04 fromAmount times ten inside": (data_of(inner(SwapCall(), 0, amount=SELL_AMOUNT * 10)), "fromAmount"),
    "D05 minAmountOut below the JSON": (data_of(SwapCall(minimum=SWAP_FLOOR - 1)), "minAmountOut"),
    "D09 unknown selector": (data_of(SwapCall(selector="4630a0d8")), "selector"),
    "D09 packed facet": (put("transactionRequest", "data", value="0x0193b9fc" + "ff" * 40), "selector"),
    "D09 native side": (data_of(SwapCall(selector="733214a3")), "swapTokensSingleV3ERC20ToNative"),
    "D13 fee of five percent": (
        lambda answer: [
            put("estimate", "toAmountMin", value=str(SWAP_FLOOR * 95 // 100))(answer),
            data_of(SwapCall(minimum=SWAP_FLOOR * 95 // 100))(answer),
        ],
        "minAmountOut",
    ),
}
BRIDGES: dict[str, tuple[Tamper, str]] = {
    "D02 receiver": (data_of(replace(Call(), receiver=THIEF, across_receiver=THIEF)), "receiver"),
    "D04 minAmount times ten": (data_of(replace(Call(), min_amount=SELL_AMOUNT * 10)), "amount sent"),
    "D05 output of nothing": (data_of(replace(Call(), output_amount=1)), "outputAmount"),
    "D09 packed facet": (put("transactionRequest", "data", value="0x19c3b3a5" + "ff" * 80), "selector"),
    "D09 another facet": (put("tool", value="relay"), "tool"),
    "D13 fee of five percent": (
        data_of(with_fee(min_amount=SELL_AMOUNT * 95 // 100, swaps=(fee_step(SELL_AMOUNT * 5 // 100),))),
        "outputAmount",
    ),
    "D13 fee beside the fee": (data_of(with_fee(swaps=(fee_step(2_500_000), fee_step(1)))), "source swaps"),
    "D17 call on the other chain": (data_of(replace(Call(), destination_call=True, message=b"\1")), "other chain"),
    "D17 another chain": (data_of(replace(Call(), destination_chain=137)), "destinationChainId"),
    "D17 receiver of the bridge": (data_of(replace(Call(), across_receiver=THIEF)), "receiver"),
}
CASES = [
    *((name, tamper, named, crosses) for name, (tamper, named) in IN_EITHER.items() for crosses in BOTH),
    *((name, tamper, named, False) for name, (tamper, named) in SWAPS.items()),
    *((name, tamper, named, True) for name, (tamper, named) in BRIDGES.items()),
]


@pytest.mark.parametrize(
    ("name", "tamper", "named", "crosses"),
    CASES,
    ids=[f"{name}-{'bridge' if c else 'swap'}" for name, _, _, c in CASES],
)
def test_what_was_tampered_with_is_refused_by_name(name: str, tamper: Tamper, named: str, crosses: bool) -> None:
    answer = answer_of(Call()) if crosses else swap_answer(SwapCall())
    assert quoted(answer, crosses=crosses).sell_amount == SELL_AMOUNT
    tamper(answer)
    with pytest.raises(BadAnswer) as caught:
        quoted(answer, crosses=crosses)
    assert named in str(caught.value), name


@pytest.mark.parametrize("crosses", BOTH)
def test_d12_their_gas_is_never_taken_over(crosses: bool) -> None:
    answer = answer_of(Call()) if crosses else swap_answer(SwapCall())
    answer["transactionRequest"] |= {"gasLimit": hex(10**9), "gasPrice": hex(10**15)}
    first = quoted(answer, crosses=crosses)
    answer["transactionRequest"] |= {"gasLimit": "0x0", "gasPrice": "nothing"}
    assert quoted(answer, crosses=crosses).tx == first.tx
    assert not any("gas" in name for name in type(first.tx).__slots__)


@pytest.mark.parametrize("crosses", BOTH)
def test_d14_an_address_without_checksum_is_the_same_address(crosses: bool) -> None:
    answer = answer_of(Call()) if crosses else swap_answer(SwapCall())
    answer["transactionRequest"]["to"] = DIAMOND.lower()
    assert quoted(answer, crosses=crosses).tx.to == DIAMOND


def test_d16_d17_the_signers_list_refuses_what_pays_another_or_goes_where_no_pool_is() -> None:
    pools = [pool for pool in REGISTRY.pools_of("USDC-USDT") if pool.chain_id in (1, 56)]
    allowed = allow_list_for(pools, {1: DIAMOND})
    quote = quoted(answer_of(Call()), crosses=True)
    assert allowed.refusals(quote.tx, OWNER) == ()
    for call, named in (
        (replace(Call(), receiver=THIEF, across_receiver=THIEF), "recipient"),
        (replace(Call(), refund=THIEF), "recipient"),
        (replace(Call(), destination_chain=137), "arrivals"),
        (replace(Call(), receiving_asset=THIEF), "arrivals"),
        (replace(Call(), destination_chain=1, receiving_asset=USDC.address), "arrivals"),
        (replace(Call(), destination_call=True, message=b"\1"), "cannot be decoded"),
    ):
        assert any(named in why for why in allowed.refusals(replace(quote.tx, data=call.data()), OWNER))


@pytest.mark.parametrize("crosses", BOTH)
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, 1002, SourceRejected),
        (409, 1007, SourceUnavailable),
        (424, 1008, SourceUnavailable),
        (429, 1005, SourceUnavailable),
        (500, 1006, SourceUnavailable),
        (504, 1009, SourceUnavailable),
    ],
)
def test_d19_a_refusal_is_no_quote(status: int, code: int, error: type[SourceError], crosses: bool) -> None:
    with pytest.raises(error):
        quoted(Answer({"message": "no", "code": code}, status=status), crosses=crosses)


def test_d19_after_a_429_with_a_reset_of_two_hours_nothing_is_asked_for_two_hours() -> None:
    time, cooldowns = FakeTime(), None
    limited = Answer({"message": "no", "code": 1005}, status=429, headers={"ratelimit-reset": "7200"})
    cooldowns = LocalCooldowns(time.monotonic)
    for moment in (0, 3600, 7199):
        time.now = moment
        with pytest.raises(SourceUnavailable):
            quoted(limited if moment == 0 else swap_answer(SwapCall()), crosses=False, cooldowns=cooldowns)
    time.now = 7201
    assert quoted(swap_answer(SwapCall()), crosses=False, cooldowns=cooldowns).sell_amount == SELL_AMOUNT


def test_d19_the_budget_is_75_in_two_hours() -> None:
    window = SlidingWindow(calls=75, window_s=7200.0)
    for _ in range(75):
        assert window.take() == 0.0
    with pytest.raises(SourceError):
        quoted(swap_answer(SwapCall()), crosses=False, budgets={"quote": window})


@pytest.mark.parametrize(
    ("status", "substatus", "verdict"),
    [
        ("NOT_FOUND", None, BridgeVerdict.NOT_FOUND),
        ("PENDING", "WAIT_DESTINATION_TRANSACTION", BridgeVerdict.PENDING),
        ("DONE", "PARTIAL", BridgeVerdict.PARTIAL),
        ("DONE", "REFUNDED", BridgeVerdict.REFUNDED),
        ("FAILED", "EXPIRED", BridgeVerdict.FAILED),
        ("INVALID", None, BridgeVerdict.NOT_FOUND),
    ],
)
def test_d20_every_status_is_told_apart(status: str, substatus: str | None, verdict: BridgeVerdict) -> None:
    with http_stub(lambda _: Answer(status_answer(status, substatus))) as stub:
        assert LifiClient(f"{stub.url}/v1", {1: DIAMOND}).read_status(transfer()).verdict is verdict
