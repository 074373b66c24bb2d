"""Quotes for another chain: the right ones pass, and each field that is not what was asked for is refused by name."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from alm_core.execution.bridge_calls import FORWARD_FEES_SELECTOR, bridge_call_of
from alm_core.execution.calldata import payees_of
from alm_core.model.errors import BadAnswer, InvalidInput, SourceRejected, SourceUnavailable
from alm_core.model.transactions import Action
from alm_core.model.transfers import BridgeTransfer, BridgeVerdict
from alm_resources.http import LocalCooldowns, SlidingWindow
from alm_resources.lifi import LifiClient
from alm_resources.lifi.answers import read_step
from alm_resources.lifi.bridging import bridge_quote, check_bridge
from alm_resources.lifi.status import read_bridge_status
from alm_resources.lifi.transport import is_real_host
from alm_tests.resources.http.stub import Answer, FakeTime, Request, http_stub
from alm_tests.resources.lifi.bridge_answers import (
    ACROSS,
    BRIDGE_DATA,
    DIAMOND,
    FLOOR,
    FORWARDER,
    OUTPUT,
    OWNER,
    QUOTED_S,
    SELL_AMOUNT,
    SLIPPAGE_FRAC,
    START,
    SWAP_AND_START,
    SWAPS,
    THIEF,
    USDC,
    USDC_ON_BSC,
    ZERO,
    Call,
    answer_of,
    asked_for,
    fee_call,
    fee_step,
    output_of,
    with_fee,
)

USDT = replace(USDC, address="0xdAC17F958D2ee523a2206206994597C13D831ec7", symbol="USDT")


def verdict(answer: Any) -> str:
    try:
        check_bridge(read_step(answer), asked_for())
    except BadAnswer as error:
        return str(error)
    return "accepted"


@given(
    amount=st.integers(10**6, 10**15),
    lost_bps=st.floats(0, 40),
    fee_bps=st.integers(1, 30),
    relayer=st.sampled_from([ZERO, THIEF]),
    exclusive_s=st.integers(0, 600),
    open_s=st.integers(601, 21_600),
)
def test_no_right_answer_is_rejected(
    amount: int, lost_bps: float, fee_bps: int, relayer: str, exclusive_s: int, open_s: int
) -> None:
    output = int(amount * (1 - lost_bps / 10_000)) * 10**12
    asked = replace(asked_for(), sell_amount=amount, min_buy_amount=output * 99 // 100)
    times = {"exclusive_relayer": relayer, "exclusivity": exclusive_s, "fill_deadline": QUOTED_S + open_s}
    plain = replace(Call(), min_amount=amount, output_amount=output, **times)
    fee = amount * fee_bps // 10_000
    paid = with_fee(
        min_amount=amount - fee, multiplier=output * 10**18 // amount, swaps=(fee_step(fee, amount),), **times
    )
    for call in (plain, paid):
        answer = answer_of(call)
        answer["action"]["fromAmount"] = answer["estimate"]["fromAmount"] = str(amount)
        quoted = bridge_quote(check_bridge(read_step(answer), asked), asked)
        assert quoted.buy_amount_min == quoted.buy_amount == output_of(call)


TAMPERED: dict[str, tuple[Call, str]] = {
    "receiver": (replace(Call(), receiver=THIEF, across_receiver=THIEF), "receiver"),
    "receiver of Li.Fi only": (replace(Call(), receiver=THIEF), "receiver"),
    "receiver of the bridge only": (replace(Call(), across_receiver=THIEF), "receiver"),
    "receiver that is no address": (replace(Call(), across_receiver=b"\x01" + bytes(31)), "not an address"),
    "refund": (replace(Call(), refund=THIEF), "refundAddress"),
    "sent token": (replace(Call(), sending_asset=USDT.address, deposited=USDT.address), "sendingAssetId"),
    "deposited token": (replace(Call(), deposited=USDT.address), "deposits"),
    "arriving token": (replace(Call(), receiving_asset=USDC.address), "receivingAssetId"),
    "amount": (replace(Call(), min_amount=SELL_AMOUNT * 10), "amount sent"),
    "chain": (replace(Call(), destination_chain=137), "destinationChainId"),
    "output below the floor": (replace(Call(), output_amount=FLOOR - 1), "outputAmount"),
    "output of nothing": (replace(Call(), output_amount=0), "outputAmount"),
    "output beyond what was sent": (replace(Call(), output_amount=1_002 * 10**18), "outputAmount"),
    "source swaps": (replace(Call(), source_swaps=True), "hasSourceSwaps"),
    "destination call": (replace(Call(), destination_call=True), "other chain"),
    "message": (replace(Call(), message=b"\x01"), "other chain"),
    "another bridge": (replace(Call(), bridge="stargate"), "bridge"),
    "no deadline": (replace(Call(), fill_deadline=2**32 - 1), "fillDeadline"),
    "deadline before the quote": (replace(Call(), fill_deadline=QUOTED_S), "fillDeadline"),
    "exclusive for ever": (replace(Call(), exclusivity=14_000), "exclusivityDeadline"),
    "exclusive until a late moment": (replace(Call(), exclusivity=QUOTED_S + 7200), "exclusivityDeadline"),
    "two swaps": (with_fee(swaps=(fee_step(10**6), fee_step(10**6))), "source swaps"),
    "no swap": (with_fee(swaps=()), "source swaps"),
    "fee without its flag": (with_fee(source_swaps=False), "hasSourceSwaps"),
    "swap for another token": (with_fee(swaps=(fee_step(2_500_000, bought=USDT.address),)), "source swap of"),
    "swap of another token": (with_fee(swaps=(fee_step(2_500_000, sold=USDT.address),)), "source swap of"),
    "fee by any call": (with_fee(swaps=(fee_step(2_500_000, call=b"\xa9\x05\x9c\xbb" + bytes(64)),)), "is no fee"),
    "fee in another token": (
        with_fee(swaps=(fee_step(2_500_000, call=fee_call([(THIEF, 2_500_000)], USDT.address)),)),
        "a fee in",
    ),
    "fee above what is missing": (with_fee(swaps=(fee_step(2_500_001),)), "a fee of"),
    "fee below what is missing": (with_fee(swaps=(fee_step(2_499_999),)), "a fee of"),
    "fee that takes nothing": (with_fee(swaps=(fee_step(2_500_000, deposit=False),)), "takes nothing"),
    "fee with rights for another": (with_fee(swaps=(fee_step(2_500_000, rights=THIEF),)), "rights for"),
    "fee of five percent": (
        with_fee(min_amount=SELL_AMOUNT * 95 // 100, swaps=(fee_step(SELL_AMOUNT * 5 // 100),)),
        "outputAmount",
    ),
    "fee on another amount": (
        with_fee(min_amount=2 * SELL_AMOUNT - 5 * 10**6, swaps=(fee_step(5 * 10**6, 2 * SELL_AMOUNT),)),
        "amount sent",
    ),
    "multiplier of nothing": (with_fee(multiplier=1), "outputAmount"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_no_tampered_calldata_is_accepted(name: str) -> None:
    call, named = TAMPERED[name]
    refusal = verdict(answer_of(call))
    assert refusal.startswith("lifi: ")
    assert named in refusal


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("0xdf87ec62" + Call().data()[10:], "selector 0xdf87ec62"),
        ("0x" + "4666fc80" + "00" * 300, "selector 0x4666fc80"),
        (Call().data()[:-140], "calldata ends"),
        ("0x", "no selector"),
        ("0xzz", "not hex"),
    ],
)
def test_calldata_that_cannot_be_decoded_is_refused(data: str, named: str) -> None:
    answer = answer_of(Call())
    answer["transactionRequest"]["data"] = data
    assert named in verdict(answer)


def test_what_the_json_promises_beyond_the_calldata_is_refused() -> None:
    answer = answer_of(Call())
    answer["estimate"]["toAmount"] = str(OUTPUT * 12 // 10)
    assert "calldata pays" in verdict(answer)
    answer["estimate"]["toAmountMin"] = answer["estimate"]["toAmount"]
    assert "outputAmount" in verdict(answer)


def test_a_tool_that_cannot_be_decoded_is_refused() -> None:
    assert "only across" in verdict(answer_of(Call()) | {"tool": "relay"})


def test_how_long_it_takes_must_be_told() -> None:
    answer = answer_of(Call())
    del answer["estimate"]["executionDuration"]
    with pytest.raises(BadAnswer, match="executionDuration"):
        bridge_quote(check_bridge(read_step(answer), asked_for()), asked_for())


def test_a_quote_becomes_an_unsigned_transaction_with_exact_bounds() -> None:
    quoted = bridge_quote(check_bridge(read_step(answer_of(Call())), asked_for()), asked_for())
    tx = quoted.tx
    assert (tx.to, tx.sender, tx.chain_id, tx.value_wei, tx.action) == (DIAMOND, OWNER, 1, 0, Action.BRIDGE)
    assert [(one.token, one.min_delta, one.max_delta) for one in tx.bounds] == [
        (USDC.address, -SELL_AMOUNT, -SELL_AMOUNT)
    ]
    assert (quoted.spender, quoted.buy_amount_min, quoted.duration_s) == (DIAMOND, OUTPUT, 240)


@given(
    token=st.binary(min_size=20, max_size=20),
    receiver=st.binary(min_size=20, max_size=20),
    refund=st.binary(min_size=20, max_size=20),
    bought=st.binary(min_size=20, max_size=20),
    amount=st.integers(0, 2**256 - 1),
    output=st.integers(0, 2**256 - 1),
    chain=st.integers(0, 2**256 - 1),
    text=st.text(max_size=40),
)
def test_the_decoder_reads_what_an_abi_library_wrote(
    token: bytes, receiver: bytes, refund: bytes, bought: bytes, amount: int, output: int, chain: int, text: str
) -> None:
    names = {name: "0x" + raw.hex() for name, raw in (("t", token), ("r", receiver), ("f", refund), ("b", bought))}
    data = replace(
        Call(),
        bridge=text,
        sending_asset=names["t"],
        deposited=names["t"],
        receiver=names["r"],
        across_receiver=names["r"],
        refund=names["f"],
        receiving_asset=names["b"],
        min_amount=amount,
        output_amount=output,
        destination_chain=chain,
    ).data()
    call = bridge_call_of(data)
    assert (call.bridge, call.sent_token, call.receiver, call.refund_to) == (text, names["t"], names["r"], names["f"])
    assert (call.sent_amount, call.output_amount, call.to_chain) == (amount, output, chain)
    assert call.output_token == names["b"]
    payees = payees_of(data)
    assert payees.recipients == (names["r"], names["f"])
    assert payees.arrivals == ((chain, names["b"]),)


def test_the_selectors_are_those_of_the_signatures() -> None:
    def selector(signature: str) -> str:
        return keccak(text=signature)[:4].hex()

    assert selector(f"startBridgeTokensViaAcrossV4({BRIDGE_DATA},{ACROSS})") == START
    assert selector(f"swapAndStartBridgeTokensViaAcrossV4({BRIDGE_DATA},{SWAPS},{ACROSS})") == SWAP_AND_START
    assert "0x" + selector("forwardERC20Fees(address,(address,uint256)[])") == FORWARD_FEES_SELECTOR


def client(url: str, **options: Any) -> LifiClient:
    return LifiClient(f"{url}/v1", {1: DIAMOND}, **{"slippage_stable_frac": SLIPPAGE_FRAC, **options})


def quote(lifi: LifiClient, **changes: Any) -> Any:
    request = {
        "sell": USDC,
        "buy": USDC_ON_BSC,
        "sell_amount": SELL_AMOUNT,
        "owner": OWNER,
        "min_buy_amount": FLOOR,
    }
    return lifi.quote_bridge(**{**request, **changes})


def test_only_bridges_that_can_be_decoded_are_asked_for() -> None:
    with http_stub(lambda _: Answer(answer_of(Call()))) as stub:
        assert quote(client(stub.url)).buy_amount == OUTPUT
        sent = stub.requests[0].query
    assert (sent["fromChain"], sent["toChain"], sent["allowBridges"]) == ("1", "56", "across")
    assert (sent["toToken"], sent["allowDestinationCall"]) == (USDC_ON_BSC.address, "false")


@pytest.mark.parametrize("change", [{"sell_amount": 0}, {"min_buy_amount": 0}, {"buy": USDT}], ids=str)
def test_a_request_without_sense_is_refused_before_it_is_sent(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        quote(client("http://127.0.0.1:1"), **change)


def transfer(**changes: Any) -> BridgeTransfer:
    made = BridgeTransfer(
        intent_key="k",
        pair="WETH-USDC",
        wallet=OWNER.lower(),
        from_chain=1,
        to_chain=56,
        asset="quote",
        sell_token=USDC.address.lower(),
        buy_token=USDC_ON_BSC.address.lower(),
        sent_amount=SELL_AMOUNT,
        expected_amount=OUTPUT,
        min_amount=FLOOR,
        tool="across",
        started_at=datetime(2026, 11, 1, tzinfo=UTC),
        tx_hash="0x" + "ab" * 32,
    )
    return replace(made, **changes)


def status_answer(status: str, substatus: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "transactionId": "0x" + "07" * 32,
        "sending": {"txHash": "0x" + "ab" * 32, "chainId": 1, "amount": str(SELL_AMOUNT)},
        "receiving": {
            "txHash": "0x" + "cd" * 32,
            "chainId": 56,
            "amount": str(OUTPUT),
            "token": {"address": USDC_ON_BSC.address, "chainId": 56},
        },
        "toAddress": OWNER,
        "tool": "across",
        "status": status,
        **({} if substatus is None else {"substatus": substatus}),
        **changes,
    }


PENDING = ("WAIT_SOURCE_CONFIRMATIONS", "WAIT_DESTINATION_TRANSACTION", "BRIDGE_NOT_AVAILABLE")
PENDING += ("CHAIN_NOT_AVAILABLE", "REFUND_IN_PROGRESS", "UNKNOWN_ERROR", "INTENT_AWAITING_FUNDS", "INTENT_READY")
PENDING += ("INTENT_EXECUTING", "INTENT_FAILED_RETRYABLE", "INTENT_SIMULATION_FAILURE")
FAILED = ("INSUFFICIENT_ALLOWANCE", "INSUFFICIENT_BALANCE", "OUT_OF_GAS", "EXPIRED", "SLIPPAGE_EXCEEDED")
FAILED += ("UNKNOWN_FAILED_ERROR", "NOT_PROCESSABLE_REFUND_NEEDED")
STATES: list[tuple[str, str | None, BridgeVerdict]] = [
    ("NOT_FOUND", None, BridgeVerdict.NOT_FOUND),
    ("INVALID", None, BridgeVerdict.NOT_FOUND),
    *(("PENDING", substatus, BridgeVerdict.PENDING) for substatus in (None, *PENDING)),
    ("DONE", "COMPLETED", BridgeVerdict.DONE),
    ("DONE", "PARTIAL", BridgeVerdict.PARTIAL),
    ("DONE", "REFUNDED", BridgeVerdict.REFUNDED),
    ("DONE", None, BridgeVerdict.PENDING),
    ("DONE", "SOMETHING_NEW", BridgeVerdict.PENDING),
    *(("FAILED", substatus, BridgeVerdict.FAILED) for substatus in (None, *FAILED)),
]


@pytest.mark.parametrize(("status", "substatus", "expected"), STATES)
def test_every_state_and_substate_has_its_meaning(status: str, substatus: str | None, expected: BridgeVerdict) -> None:
    with http_stub(lambda _: Answer(status_answer(status, substatus))) as stub:
        found = client(stub.url).read_status(transfer())
        assert stub.requests[0].query == {"txHash": "0x" + "ab" * 32, "fromChain": "1", "toChain": "56"}
    assert found.verdict is expected
    assert status in found.detail
    ended = expected not in (BridgeVerdict.NOT_FOUND, BridgeVerdict.PENDING)
    assert (found.amount, found.chain_id) == ((OUTPUT, 56) if ended else (None, None))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"status": "GREAT"}, "GREAT"),
        ({"status": None}, "status"),
        ({"sending": {"txHash": "0x" + "ee" * 32}}, "sending.txHash"),
        ({"toAddress": THIEF}, "toAddress"),
        ({"receiving": {"chainId": 56, "amount": "-1"}}, "amount"),
        ({"receiving": {"chainId": "56"}}, "chainId"),
        ({"receiving": {"token": {"address": "0x12"}}}, "address"),
    ],
)
def test_a_status_that_cannot_be_is_a_bad_answer(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadAnswer, match=named):
        read_bridge_status(status_answer("DONE", "COMPLETED") | changes, transfer())


def test_nothing_is_asked_about_what_was_not_sent() -> None:
    with pytest.raises(InvalidInput):
        client("http://127.0.0.1:1").read_status(transfer(tx_hash=None))


def routes(*steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"routes": [{"id": str(number), "steps": one} for number, one in enumerate(steps)]}


def unsigned(**changes: Any) -> dict[str, Any]:
    return {name: part for name, part in answer_of(Call()).items() if name != "transactionRequest"} | changes


def served(offered: dict[str, Any]) -> Any:
    def handle(request: Request) -> Answer:
        if request.path.endswith("/quote"):
            return Answer(answer_of(Call()))
        return Answer(offered if request.path.endswith("/routes") else answer_of(Call()))

    return handle


def spent(url: str) -> LifiClient:
    lifi = client(url, budgets={"quote": SlidingWindow(calls=1, window_s=7200.0)})
    quote(lifi)
    return lifi


def test_where_quotes_are_used_up_a_route_of_one_step_is_taken() -> None:
    with http_stub(served(routes([unsigned(), unsigned()], [unsigned()]))) as stub:
        assert quote(spent(stub.url)).buy_amount == OUTPUT
        asked = [request.path for request in stub.requests]
    assert asked == ["/v1/quote", "/v1/advanced/routes", "/v1/advanced/stepTransaction"]


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        (routes(), "none offered"),
        (routes([unsigned(), unsigned()]), "2 steps"),
        (routes([]), "0 steps"),
        (routes([unsigned(tool="relay")]), "relay"),
        (routes([unsigned(includedSteps=[{"type": "swap"}, {"type": "cross"}])]), "includes swap"),
    ],
)
def test_routes_of_several_steps_or_of_what_cannot_be_decoded_are_refused(offered: dict[str, Any], named: str) -> None:
    with http_stub(served(offered)) as stub, pytest.raises(SourceRejected, match=named):
        quote(spent(stub.url))


def test_a_transaction_that_is_not_the_routes_is_refused() -> None:
    stolen = answer_of(replace(Call(), receiver=THIEF, across_receiver=THIEF))

    def handle(request: Request) -> Answer:
        paths = {"/v1/quote": answer_of(Call()), "/v1/advanced/routes": routes([unsigned()])}
        return Answer(paths.get(request.path, stolen))

    with http_stub(handle) as stub, pytest.raises(BadAnswer, match="receiver"):
        quote(spent(stub.url))


@pytest.mark.control("lifi_budget", "fires")
def test_not_one_request_beyond_the_window_leaves() -> None:
    time = FakeTime()
    windows = {
        name: SlidingWindow(calls=2, window_s=7200.0, monotonic=time.monotonic)
        for name in ("quote", "advanced/routes", "advanced/stepTransaction")
    }
    with http_stub(served(routes([unsigned()]))) as stub:
        lifi = client(stub.url, budgets=windows)
        for _ in range(4):
            quote(lifi)
        with pytest.raises(SourceUnavailable, match="lifi_budget"):
            quote(lifi)
        assert len(stub.requests) == 6
        time.now += 7201
        quote(lifi)
        assert len(stub.requests) == 7


@pytest.mark.control("lifi_budget", "passes")
def test_the_last_request_of_the_window_is_sent() -> None:
    with http_stub(lambda _: Answer(answer_of(Call()))) as stub:
        lifi = client(stub.url, budgets={"quote": SlidingWindow(calls=75, window_s=7200.0)})
        for _ in range(75):
            quote(lifi)
        assert [request.path for request in stub.requests] == ["/v1/quote"] * 75


def test_an_answer_that_says_none_is_left_closes_the_endpoint_until_it_resets() -> None:
    time = FakeTime()
    last = {"ratelimit-limit": "75", "ratelimit-remaining": "0", "ratelimit-reset": "600"}

    def handle(request: Request) -> Answer:
        if request.path.endswith("/quote"):
            return Answer(answer_of(Call()), headers=last)
        return Answer({"routes": []})

    with http_stub(handle) as stub:
        lifi = client(stub.url, cooldowns=LocalCooldowns(time.monotonic))
        quote(lifi)
        with pytest.raises(SourceRejected):
            quote(lifi)
        time.now += 601
        quote(lifi)
        assert [request.path.rpartition("/")[2] for request in stub.requests] == ["quote", "routes", "quote"]


def test_after_a_refusal_of_quotes_transfers_are_still_followed() -> None:
    def handle(request: Request) -> Answer:
        if request.path.endswith("/status"):
            return Answer(status_answer("PENDING"))
        return Answer({"message": "Rate limit", "code": 1005}, status=429, headers={"ratelimit-reset": "7200"})

    with http_stub(handle) as stub:
        lifi = client(stub.url)
        for _ in range(2):
            with pytest.raises(SourceUnavailable):
                quote(lifi)
        assert lifi.read_status(transfer()).verdict is BridgeVerdict.PENDING
        assert [request.path.rpartition("/")[2] for request in stub.requests] == ["quote", "status"]


def test_only_the_public_service_is_counted() -> None:
    assert is_real_host("https://li.quest/v1")
    assert not is_real_host("http://127.0.0.1:4711/v1")
    assert not is_real_host("https://li.quest.example.com/v1")


def test_a_fee_step_is_part_of_what_is_sent() -> None:
    call = bridge_call_of(with_fee().data())
    assert (call.sent_amount, call.bridged_amount) == (SELL_AMOUNT, SELL_AMOUNT * 9975 // 10_000)
    assert FORWARDER.lower() not in payees_of(with_fee().data()).recipients
