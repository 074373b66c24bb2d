import copy
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import BadAnswer, InvalidInput, SourceError, SourceRejected, SourceUnavailable
from alm_core.model.pools import Token
from alm_core.model.transactions import Action
from alm_resources.http import LocalCooldowns
from alm_resources.lifi import LifiClient
from alm_resources.lifi.answers import SwapRequest, check_step, read_step
from alm_resources.lifi.calldata import ERC20_TO_ERC20, NATIVE
from alm_resources.registry import load_registry
from alm_tests.resources.http.stub import Answer, FakeTime, Request, http_stub

REFERENCE = Path(os.environ.get("ALM_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data")) / "lifi"
DIAMOND = "0x1231DEB6f5749EF6cE6943a275A1D3E7486F4EaE"
OWNER = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
THIEF = "0x000000000000000000000000000000000000dEaD"
EXECUTOR = "0x2dfaDAB8266483beD9Fd9A292Ce56596a2D1378D"
ZERO = "0x" + "00" * 20
REGISTRY = load_registry(None)
USDC, WETH, USDT = (REGISTRY.token(1, symbol) for symbol in ("USDC", "WETH", "USDT"))

SWAP = "(address,address,address,address,uint256,bytes,bool)"
HEAD = ["bytes32", "string", "string", "address", "uint256"]
SINGLE, MULTIPLE = "4666fc80", "5fd9ae2e"


def swap_data(sell: str, buy: str, amount: int, deposit: bool = True) -> tuple[object, ...]:
    return EXECUTOR, EXECUTOR, sell, buy, amount, b"\x01\x02\x03", deposit


def calldata(steps: list[tuple[object, ...]], minimum: int, receiver: str = OWNER, selector: str | None = None) -> str:
    chosen = selector or (SINGLE if len(steps) == 1 else MULTIPLE)
    many = chosen in (MULTIPLE, "2c57e884", "736eac0b")
    types = [*HEAD, f"{SWAP}[]" if many else SWAP]
    values = [b"\x07" * 32, "alm", ZERO, receiver, minimum, steps if many else steps[0]]
    return f"0x{chosen}{encode(types, values).hex()}"


def asked_for(sell: Token = USDC, buy: Token = WETH, amount: int = 10**9, floor: int = 3 * 10**17) -> SwapRequest:
    return SwapRequest(
        sell=sell,
        buy=buy,
        sell_amount=amount,
        min_buy_amount=floor,
        owner=OWNER,
        diamond=DIAMOND,
        slippage_frac=0.005,
    )


def valid_answer(
    asked: SwapRequest, *, expected: int | None = None, minimum: int | None = None, steps: int = 1
) -> dict[str, Any]:
    minimum = asked.min_buy_amount if minimum is None else minimum
    expected = minimum * 1000 // 995 if expected is None else expected
    sell, buy = asked.sell, asked.buy
    path = [sell.address, *[f"0x{n:040x}" for n in range(1, steps)], buy.address]
    hops = [swap_data(a, b, asked.sell_amount - n, deposit=n == 0) for n, (a, b) in enumerate(pairwise(path))]
    return {
        "id": "a8dc011a",
        "type": "lifi",
        "tool": "1inch",
        "action": {
            "fromChainId": sell.chain_id,
            "toChainId": buy.chain_id,
            "fromToken": token_answer(sell),
            "toToken": token_answer(buy),
            "fromAmount": str(asked.sell_amount),
            "fromAddress": asked.owner,
            "toAddress": asked.owner,
            "slippage": asked.slippage_frac,
        },
        "estimate": {
            "tool": "1inch",
            "fromAmount": str(asked.sell_amount),
            "toAmount": str(expected),
            "toAmountMin": str(minimum),
            "approvalAddress": asked.diamond.lower(),
            "feeCosts": [],
            "gasCosts": [],
            "executionDuration": 30,
        },
        "includedSteps": [],
        "transactionRequest": {
            "to": asked.diamond,
            "from": asked.owner,
            "chainId": sell.chain_id,
            "data": calldata(hops, minimum),
            "value": "0x0",
            "gasPrice": "0xb2d05e00",
            "gasLimit": "0x0e9cb2",
        },
    }


def token_answer(token: Token) -> dict[str, Any]:
    return {
        "address": token.address.lower(),
        "chainId": token.chain_id,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "name": token.symbol,
        "priceUSD": "1",
    }


def verdict(answer: dict[str, Any], asked: SwapRequest) -> str:
    try:
        check_step(read_step(answer), asked)
    except BadAnswer as error:
        return str(error)
    return "accepted"


amounts = st.integers(10**3, 10**24)


@given(
    tokens=st.permutations([USDC, WETH, USDT]),
    amount=amounts,
    expected=st.integers(10**6, 10**24),
    slippage=st.sampled_from([0.001, 0.005, 0.01]),
    short_frac=st.floats(0.0, 1.0),
    steps=st.integers(1, 4),
)
def test_no_valid_answer_is_rejected(
    tokens: list[Token], amount: int, expected: int, slippage: float, short_frac: float, steps: int
) -> None:
    minimum = expected - int(expected * slippage * short_frac)
    asked = replace(asked_for(tokens[0], tokens[1], amount, floor=max(1, minimum * 99 // 100)), slippage_frac=slippage)
    assert verdict(valid_answer(asked, expected=expected, minimum=minimum, steps=steps), asked) == "accepted"


# Each mutation changes one field; the name is what the refusal must name.
def at(*path: str) -> Callable[[dict[str, Any], Any], None]:
    def put(answer: dict[str, Any], value: Any) -> None:
        holder = answer
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = value

    return put


other_addresses = st.sampled_from(
    [THIEF, EXECUTOR, ZERO, USDT.address, "0x", "", "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"]
)
other_chains = st.sampled_from([0, 10, 56, 8453, -1, "1", None, 1.5])
other_amounts = st.integers(0, 2**256).filter(lambda n: n != 10**9).map(str) | st.sampled_from(
    ["-1", "1e9", "0x3b9aca00", "1000000000.0", "", "１０", None, 10**9, "9" * 80]
)
MUTATIONS = {
    ("action", "fromChainId"): other_chains,
    ("action", "toChainId"): other_chains,
    ("action", "fromToken", "address"): other_addresses,
    ("action", "fromToken", "chainId"): other_chains,
    ("action", "fromToken", "decimals"): st.integers(-1, 40).filter(lambda n: n != 6),
    ("action", "toToken", "address"): other_addresses,
    ("action", "toToken", "chainId"): other_chains,
    ("action", "toToken", "decimals"): st.integers(-1, 40).filter(lambda n: n != 18),
    ("action", "fromAmount"): other_amounts,
    ("action", "fromAddress"): other_addresses,
    ("action", "toAddress"): other_addresses,
    ("action", "slippage"): st.sampled_from([0.0, 0.0051, 0.03, 1.0, 2.0, -0.1, float("nan"), "0.005", None]),
    ("estimate", "fromAmount"): other_amounts,
    ("estimate", "toAmountMin"): st.integers(3 * 10**17 + 1, 2**256).map(str) | st.integers(0, 3 * 10**17 - 1).map(str),
    ("estimate", "toAmount"): st.integers(3 * 10**17 * 10052 // 10000, 2**256).map(str)
    | st.integers(0, 3 * 10**17 - 1).map(str),
    ("estimate", "approvalAddress"): other_addresses,
    ("transactionRequest", "to"): other_addresses,
    ("transactionRequest", "from"): other_addresses,
    ("transactionRequest", "chainId"): other_chains,
    ("transactionRequest", "value"): st.integers(1, 2**256 - 1).map(hex) | st.sampled_from(["0x", "-0x1", None, "1"]),
    ("transactionRequest", "data"): st.sampled_from(
        ["0x", "", "0x...", "zz", None, "0x4666fc80", "0x095ea7b3" + "00" * 64]
    ),
}


@pytest.mark.parametrize("path", MUTATIONS, ids=".".join)
@given(data=st.data())
def test_no_tampered_field_is_accepted(path: tuple[str, ...], data: st.DataObject) -> None:
    asked = asked_for()
    answer = valid_answer(asked)
    at(*path)(answer, data.draw(MUTATIONS[path]))
    refusal = verdict(answer, asked)
    assert refusal.startswith("lifi: ")
    assert path[-1] in refusal or (path[-1] in ("toAmount", "toAmountMin") and "Amount" in refusal)


@pytest.mark.parametrize("path", MUTATIONS, ids=".".join)
def test_no_missing_field_is_accepted(path: tuple[str, ...]) -> None:
    asked = asked_for()
    answer = valid_answer(asked)
    holder = answer
    for part in path[:-1]:
        holder = holder[part]
    del holder[path[-1]]
    assert f"{'.'.join(path)} = " in verdict(answer, asked)


MIN = 3 * 10**17
HOP = swap_data(USDC.address, WETH.address, 10**9)
TAMPERED_CALLDATA = {
    "receiver": calldata([HOP], MIN, receiver=THIEF),
    "minAmountOut": calldata([HOP], MIN - 1),
    "first sendingAssetId": calldata([swap_data(USDT.address, WETH.address, 10**9)], MIN),
    "first fromAmount": calldata([swap_data(USDC.address, WETH.address, 10**9 + 1)], MIN),
    "last receivingAssetId": calldata([swap_data(USDC.address, USDT.address, 10**9)], MIN),
    "sendingAssetId of step 2": calldata([HOP, swap_data(USDT.address, WETH.address, 5)], MIN),
    "requiresDeposit of step 2": calldata([HOP, swap_data(WETH.address, WETH.address, 5, True)], MIN),
    "requiresDeposit of step 1": calldata(
        [swap_data(USDC.address, WETH.address, 10**9, False), swap_data(WETH.address, WETH.address, 5, False)], MIN
    ),
    "no swap step": calldata([], MIN, selector=MULTIPLE),
    "selector 0x4630a0d8": "0x4630a0d8" + calldata([HOP], MIN)[10:],
    "do not decode": calldata([HOP], MIN)[:-200],
}


@pytest.mark.parametrize("named", TAMPERED_CALLDATA)
def test_no_tampered_calldata_is_accepted(named: str) -> None:
    asked = asked_for()
    answer = valid_answer(asked)
    answer["transactionRequest"]["data"] = TAMPERED_CALLDATA[named]
    assert named in verdict(answer, asked)


@pytest.mark.parametrize("selector", NATIVE)
def test_a_native_selector_is_refused_even_with_the_right_asset_ids(selector: str) -> None:
    asked = asked_for()
    answer = valid_answer(asked)
    answer["transactionRequest"]["data"] = calldata([HOP], MIN, selector=selector)
    assert NATIVE[selector] in verdict(answer, asked)


@given(flip=st.integers(0, 10**6), byte=st.integers(1, 255))
def test_a_changed_byte_of_calldata_is_refused_or_changes_nothing_that_moves_our_money(flip: int, byte: int) -> None:
    asked = asked_for()
    answer = valid_answer(asked, steps=2)
    raw = bytearray.fromhex(answer["transactionRequest"]["data"][2:])
    raw[flip % len(raw)] ^= byte
    answer["transactionRequest"]["data"] = "0x" + raw.hex()
    with suppress(BadAnswer):
        swap = check_step(read_step(answer), asked)
        assert swap.receiver == OWNER.lower()
        assert swap.min_amount_out >= asked.min_buy_amount
        assert swap.steps[0].from_amount == asked.sell_amount
        assert swap.steps[-1].receiving_asset == asked.buy.address.lower()
        assert [step.requires_deposit for step in swap.steps] == [True] + [False] * (len(swap.steps) - 1)


@given(
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s, max_size=3),
    )
)
def test_any_other_json_is_a_bad_answer(junk: object) -> None:
    assert verdict(junk, asked_for()).startswith("lifi: ")  # type: ignore[arg-type]


def test_the_selectors_are_those_of_the_signatures() -> None:
    names = {selector: name for selector, (name, _) in ERC20_TO_ERC20.items()} | NATIVE
    for selector, name in names.items():
        last = f"{SWAP}[]" if "Multiple" in name else SWAP
        assert keccak(text=f"{name}({','.join([*HEAD, last])})")[:4].hex() == selector


def client(url: str, **options: Any) -> LifiClient:
    slippage = {"slippage_frac": 0.005, "slippage_stable_frac": 0.001}
    return LifiClient(f"{url}/v1", {1: DIAMOND}, **{**slippage, **options})


def quote(lifi: LifiClient, **changes: Any) -> Any:
    request = {"sell": USDC, "buy": WETH, "sell_amount": 10**9, "owner": OWNER, "min_buy_amount": MIN}
    return lifi.quote_swap(**{**request, **changes})


def test_a_quote_is_asked_for_by_address_and_becomes_an_unsigned_transaction() -> None:
    def handle(request: Request) -> Answer:
        assert request.path == "/v1/quote"
        assert request.headers["x-lifi-api-key"] == "k3y"
        return Answer(valid_answer(asked_for(), expected=MIN + 10, minimum=MIN + 5))

    with http_stub(handle) as stub:
        quoted = quote(client(stub.url, api_key="k3y"))
        assert stub.requests[0].query == {
            "fromChain": "1",
            "toChain": "1",
            "fromToken": USDC.address,
            "toToken": WETH.address,
            "fromAmount": "1000000000",
            "fromAddress": OWNER,
            "toAddress": OWNER,
            "slippage": "0.005",
            "order": "CHEAPEST",
            "allowDestinationCall": "false",
        }
    assert (quoted.spender, quoted.tx.to, quoted.tx.sender, quoted.tx.value_wei) == (DIAMOND, DIAMOND, OWNER, 0)
    assert (quoted.buy_amount, quoted.buy_amount_min) == (MIN + 10, MIN + 5)
    assert quoted.tx.action is Action.SWAP
    bounds = {bound.token: (bound.min_delta, bound.max_delta) for bound in quoted.tx.bounds}
    assert bounds[USDC.address] == (-(10**9), 0)
    assert bounds[WETH.address][0] == MIN + 5


def test_between_two_stables_less_slippage_is_asked_for() -> None:
    asked = replace(asked_for(buy=USDT, floor=999_000_000), slippage_frac=0.001)
    with http_stub(lambda _: Answer(valid_answer(asked, expected=1_000_000_000))) as stub:
        assert quote(client(stub.url), buy=USDT, min_buy_amount=999_000_000).buy_amount_min == 999_000_000
        assert stub.requests[0].query["slippage"] == "0.001"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"message": "No available quotes", "code": 1002}, SourceRejected),
        (400, {"message": "bad token", "code": 1011}, SourceRejected),
        (401, {"message": "bad key", "code": 1010}, SourceRejected),
        (409, {"message": "slippage", "code": 1007}, SourceUnavailable),
        (424, {"message": "third party", "code": 1008}, SourceUnavailable),
        (503, "upstream", SourceUnavailable),
        (302, "", SourceRejected),
        (200, "<html>", BadAnswer),
    ],
)
def test_each_refusal_has_its_kind_and_names_the_cause(status: int, body: Any, error: type[SourceError]) -> None:
    with http_stub(lambda _: Answer(body, status=status)) as stub, pytest.raises(error) as caught:
        quote(client(stub.url))
    assert f"HTTP {status}" in str(caught.value)
    assert body["message"] in str(caught.value) if isinstance(body, dict) else True
    assert type(caught.value) is error


def test_a_500_is_asked_once_more() -> None:
    time, answers = FakeTime(), [Answer("x", status=500), Answer(valid_answer(asked_for()))]
    with http_stub(lambda _: answers.pop(0)) as stub:
        assert quote(client(stub.url, sleep=time.sleep)).buy_amount_min == MIN
    assert time.slept == [0.5]


def test_after_a_429_nothing_is_asked_until_the_limit_lifts() -> None:
    time = FakeTime()
    limited = Answer({"message": "Rate limit", "code": 1005}, status=429, headers={"ratelimit-reset": "3600"})
    with http_stub(lambda _: limited) as stub:
        lifi = client(stub.url, cooldowns=LocalCooldowns(time.monotonic))
        for _ in range(3):
            with pytest.raises(SourceUnavailable, match="3600 s"):
                quote(lifi)
        assert len(stub.requests) == 1
        time.now += 3601
        stub.handler = lambda _: Answer(valid_answer(asked_for()))
        assert quote(lifi).buy_amount_min == MIN


@pytest.mark.parametrize(
    "change",
    [{"sell_amount": 0}, {"min_buy_amount": 0}, {"buy": USDC}, {"buy": REGISTRY.token(8453, "USDC")}],
    ids=str,
)
def test_a_request_without_sense_is_refused_before_it_is_sent(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        quote(client("http://127.0.0.1:1"), **change)


def test_the_api_key_is_in_no_error() -> None:
    with pytest.raises(SourceUnavailable) as caught:
        quote(client("http://127.0.0.1:1", api_key="k3y-s3cret"))
    assert "k3y-s3cret" not in repr(caught.value)


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.exists(), reason="recorded answers are not there")
def test_the_published_example_has_the_shape_we_read() -> None:
    examples = json.loads((REFERENCE / "lifi_openapi_examples.json").read_text())
    published = copy.deepcopy(
        examples["components/responses/StepResponse/content/application/json"]["StepResponseExample"]["value"]
    )
    step = read_step(published)
    assert step.estimate.to_amount_min == 21265227061203763356
    assert step.transaction_request.value == 10**18
    assert "fromChainId is 100, asked for 1" in verdict(published, asked_for())
