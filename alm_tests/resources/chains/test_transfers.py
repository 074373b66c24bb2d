"""Transfers from logs: whatever range a node allows, the answer is complete."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word
from alm_core.model.errors import BadAnswer, SourceRejected
from alm_resources.chains import Web3Chain
from alm_resources.chains.transfers import LogReader
from alm_tests.resources.chains.stub_node import Error, Http, stub_node

Connect = Callable[..., Web3Chain]
WALLET, OTHER, TOKEN = "0x" + "Aa" * 20, "0x" + "bb" * 20, "0x" + "CC" * 20
LAST = 5_000


def log(block: int, index: int, sender: str, recipient: str, amount: int, **extra: Any) -> dict[str, Any]:
    return {
        "address": TOKEN.lower(),
        "topics": [TRANSFER_TOPIC, "0x" + address_word(sender), "0x" + address_word(recipient)],
        "data": f"0x{amount:064x}",
        "blockNumber": hex(block),
        "logIndex": hex(index),
        "transactionHash": f"0x{block:064x}",
    } | extra


def served(logs: list[dict[str, Any]], widest: int, refusal: Any) -> Callable[[str, list[Any]], Any]:
    """A node that filters like a real one and refuses ranges wider than it allows."""

    def script(method: str, params: list[Any]) -> Any:
        assert method == "eth_getLogs"
        wanted = params[0]
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if last - first + 1 > widest:
            return refusal
        return [
            entry
            for entry in logs
            if first <= int(entry["blockNumber"], 16) <= last
            and all(topic in (None, entry["topics"][place]) for place, topic in enumerate(wanted["topics"]))
        ]

    return script


REFUSALS = [
    Error("eth_getLogs is limited to a 10,000 range", -32614),
    Error("query returned more than 10000 results", -32005),
    Error("Log response size exceeded.", -32602),
    Error("block range is too wide", -32000),
    Error("invalid block range params", -32600),
    Http(413),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("widest", [1, 50, 2_000, 10_000])
def test_the_answer_is_complete_whatever_range_is_allowed(connect: Connect, refusal: Any, widest: int) -> None:
    last = 60 if widest == 1 else LAST
    blocks = range(0, last, max(last // 20, 1))
    logs = [
        entry
        for block in blocks
        for entry in (log(block, 1, OTHER, WALLET, 1000 + block), log(block, 2, WALLET, OTHER, block))
    ]
    with stub_node(served(logs, widest, refusal)) as node:
        rows = connect(node).read_transfers([TOKEN], WALLET, 0, last)
    assert [amount for _, amount, _, _ in rows] == [amount for block in blocks for amount in (1000 + block, -block)]
    assert {token for token, *_ in rows} == {TOKEN.lower()}


def test_the_range_that_worked_is_remembered(connect: Connect) -> None:
    with stub_node(served([], 50, REFUSALS[0])) as node:
        chain = connect(node)
        chain.read_transfers([TOKEN], WALLET, 0, 99)
        before = node.times("eth_getLogs")
        chain.read_transfers([TOKEN], WALLET, 0, 49)
        assert node.times("eth_getLogs") - before <= 4


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from([(WALLET, OTHER), (OTHER, WALLET), (WALLET, WALLET)])),
        max_size=30,
    ),
    st.integers(1, 400),
    st.integers(0, 150),
    st.integers(150, 300),
)
def test_every_transfer_is_found_once_and_only_those_in_the_range(
    entries: list[tuple[int, tuple[str, str]]], widest: int, first: int, last: int
) -> None:
    logs = [log(block, number, *sides, 10 + number) for number, (block, sides) in enumerate(entries)]
    script = served(logs, widest, None)

    def read(method: str, *params: Any) -> Any:
        answer = script(method, list(params))
        if answer is None:
            from alm_resources.chains.endpoint import RpcError

            raise RpcError("rpc:1#0", -32005, "limited to a smaller range", "")
        return answer

    rows = LogReader(read, "rpc:1").read_transfers([TOKEN], WALLET, first, last)
    signs = {(WALLET, OTHER): -1, (OTHER, WALLET): 1, (WALLET, WALLET): 0}
    expected = sorted(
        (block, number, signs[sides] * (10 + number))
        for number, (block, sides) in enumerate(entries)
        if first <= block <= last
    )
    assert [(index, amount) for _, amount, _, index in rows] == [(number, amount) for _, number, amount in expected]


def test_logs_of_a_replaced_block_and_other_events_are_left_out(connect: Connect) -> None:
    nft = log(5, 3, OTHER, WALLET, 1)
    nft["topics"].append("0x" + "00" * 32)
    logs = [log(5, 1, OTHER, WALLET, 7), log(5, 2, OTHER, WALLET, 8, removed=True), nft]
    with stub_node(served(logs, 10_000, None)) as node:
        assert [row[1] for row in connect(node).read_transfers([TOKEN], WALLET, 0, 9)] == [7]


def test_events_come_in_order_with_their_transactions_and_only_those_that_were_asked_for(connect: Connect) -> None:
    topic = log(0, 0, OTHER, WALLET, 0)["topics"][0]
    logs = [log(5, 2, OTHER, WALLET, 8), log(5, 1, WALLET, OTHER, 7), log(6, 1, OTHER, WALLET, 9, removed=True)]
    with stub_node(lambda method, params: logs) as node:
        chain = connect(node)
        found = chain.read_logs([TOKEN], ((topic, "0x" + "77" * 32), None), 0, 9)
        assert [(one.block_number, one.log.log_index) for one in found] == [(5, 1), (5, 2)]
        assert {one.tx_hash for one in found} == {entry["transactionHash"] for entry in logs[:2]}
        assert chain.read_logs([], (topic,), 0, 9) == ()
        for unasked in ((["0x" + "99" * 20], (topic,)), ([TOKEN], ("0x" + "77" * 32,)), ([TOKEN], (topic,) * 9)):
            with pytest.raises(BadAnswer, match="was not asked for"):
                chain.read_logs(*unasked, 0, 9)
        with pytest.raises(BadAnswer, match="was not asked for"):
            chain.read_logs([TOKEN], (topic,), 0, 4)


def test_a_refusal_that_a_smaller_range_does_not_cure_is_raised(connect: Connect) -> None:
    with (
        stub_node(lambda method, params: Error("query returned more than 10000 results", -32005)) as node,
        pytest.raises(SourceRejected, match="more than 10000"),
    ):
        connect(node).read_transfers([TOKEN], WALLET, 0, 100)


@pytest.mark.parametrize("answer", [None, {}, "0x", [7], [{"address": TOKEN}]])
def test_logs_that_are_none_are_a_bad_answer_and_not_an_empty_one(connect: Connect, answer: Any) -> None:
    with stub_node(lambda method, params: answer) as node, pytest.raises(BadAnswer):
        connect(node).read_transfers([TOKEN], WALLET, 0, 9)


def nft(block: int, token_id: int, recipient: str = WALLET, **extra: Any) -> dict[str, Any]:
    return log(block, token_id, OTHER, recipient, 0) | {
        "topics": [TRANSFER_TOPIC, *("0x" + address_word(who) for who in (OTHER, recipient)), f"0x{token_id:064x}"],
        "data": "0x",
        **extra,
    }


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("widest", [50, 10_000])
def test_ids_of_tokens_that_came_are_complete_whatever_range_is_allowed(
    connect: Connect, refusal: Any, widest: int
) -> None:
    logs = [nft(block, block + 1) for block in range(0, LAST, 250)]
    logs += [nft(20, 21), nft(30, 9_999, OTHER), nft(40, 8_888, removed=True)]
    with stub_node(served(logs, widest, refusal)) as node:
        found = connect(node).read_nft_ids(TOKEN, WALLET, 0, LAST)
    assert found == tuple(sorted({1, 21, *range(1, LAST, 250)}))


@pytest.mark.parametrize(
    "entry",
    [nft(5, 1, OTHER), nft(99, 1), nft(5, 1, address=OTHER), log(5, 1, OTHER, WALLET, 1)],
    ids=["to another", "outside the range", "of another contract", "an amount"],
)
def test_ids_that_nobody_asked_for_are_a_bad_answer(connect: Connect, entry: dict[str, Any]) -> None:
    with (
        stub_node(lambda method, params: [entry]) as node,
        pytest.raises(BadAnswer, match="no token that came"),
    ):
        connect(node).read_nft_ids(TOKEN, WALLET, 0, 9)
