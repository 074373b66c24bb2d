"""Reads at the head: block, chain id and answers in one request, and later readings compared with that block."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from alm_core.model.chain_ports import Call
from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable, WrongChain
from alm_core.model.market import Block
from alm_resources.chains import Web3Chain
from alm_resources.chains.head import ARB_BLOCK_NUMBER, ARB_SYS, ARBITRUM, identity_calls
from alm_resources.chains.multicall import AGGREGATE3
from alm_tests.resources.chains.conftest import MULTICALL3, Access
from alm_tests.resources.chains.stub_node import CHAIN_ID, Error, Http, StubNode, stub_node

Connect = Callable[..., Web3Chain]

AT_S = 0x6A000000
PARENT = "0x" + "ee" * 32
HASH = "0x" + "ab" * 32
HEADER = {"number": "0x10", "hash": HASH, "parentHash": PARENT, "timestamp": hex(AT_S)}
SEEN = Block(
    chain_id=CHAIN_ID, number=16, block_hash=None, block_at=datetime.fromtimestamp(AT_S, UTC), parent_hash=PARENT
)
READ = Call(target="0x" + "11" * 20, data=b"\1\2\3\4")


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def identity(chain_id: int = CHAIN_ID, number: int = 16, parent: str = PARENT) -> list[tuple[bool, bytes]]:
    return [(True, word(chain_id)), (True, word(number)), (True, word(AT_S)), (True, bytes.fromhex(parent[2:]))]


def calls_of(params: list[Any]) -> list[tuple[str, bool, bytes]]:
    (calls,) = decode(AGGREGATE3.inputs, bytes.fromhex(params[0]["data"][10:]))
    return list(calls)


def node_at_head(
    told: Iterable[tuple[bool, bytes]], header: Any = HEADER, answer: tuple[bool, bytes] = (True, word(7))
) -> Callable[[str, list[Any]], Any]:
    """Answer each batch with the identity and as many equal answers as calls are left."""
    first = list(told)

    def script(method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockByNumber":
            return header
        assert method == "eth_call", method
        results = [*first, *[answer] * (len(calls_of(params)) - len(first))]
        return "0x" + encode(AGGREGATE3.outputs, (results,)).hex()

    return script


def asked(node: StubNode) -> list[str]:
    return [method for method, _ in node.asked]


@pytest.mark.parametrize("count", [0, 1, 600])
def test_a_cold_client_needs_one_request_for_any_number_of_calls(connect: Connect, count: int) -> None:
    with stub_node(node_at_head(identity())) as node:
        reading = connect(node).read_head([READ] * count)
        assert asked(node) == ["eth_call"]
        assert node.asked[0][1][1] == "latest"
    assert reading.block == SEEN
    assert [result.data for result in reading.results] == [word(7)] * count


def test_a_proven_endpoint_is_not_asked_for_its_chain_id_by_later_reads(connect: Connect) -> None:
    with stub_node(node_at_head(identity())) as node:
        chain = connect(node)
        block = chain.read_head([READ]).block
        assert chain.read_header(block) == replace(SEEN, block_hash=HASH)
        assert asked(node) == ["eth_call", "eth_getBlockByNumber"]


def test_the_chain_id_that_contracts_see_decides(connect: Connect) -> None:
    with stub_node(node_at_head(identity(chain_id=1))) as node:
        chain = connect(node)
        for _ in range(2):
            with pytest.raises(WrongChain, match=rf"rpc:{CHAIN_ID}#0: serves chain 1, registry says {CHAIN_ID}"):
                chain.read_head([READ])
        # It is given one chance to say otherwise, and never asked again.
        assert asked(node) == ["eth_call", "eth_call"]


@pytest.mark.parametrize("answer", ["0x", "0x1234", 7, Error("execution reverted", 3), Error("method not supported")])
def test_whatever_a_node_of_another_chain_answers_it_is_told_as_that(connect: Connect, answer: Any) -> None:
    with (
        stub_node(lambda method, params: answer, chain_id=1) as node,
        pytest.raises(WrongChain, match="serves chain 1"),
    ):
        connect(node).read_head([READ])


def test_the_right_endpoint_answers_where_another_serves_the_wrong_chain(connect: Connect) -> None:
    with stub_node(node_at_head(identity(chain_id=1))) as wrong, stub_node(node_at_head(identity())) as right:
        assert connect(wrong, right).read_head([READ]).block == SEEN
        assert right.times("eth_call") == 1


def test_the_head_is_read_from_the_next_endpoint_where_one_fails(connect: Connect) -> None:
    with stub_node(lambda method, params: Http(502)) as broken, stub_node(node_at_head(identity())) as sound:
        assert connect(broken, sound).read_head([READ]).block == SEEN


def test_no_multicall_contract_on_the_right_chain_is_a_bad_answer(connect: Connect) -> None:
    with stub_node(lambda method, params: "0x") as node, pytest.raises(BadAnswer, match="multicall"):
        connect(node).read_head([READ])


def test_fewer_answers_than_calls_are_a_bad_answer(connect: Connect) -> None:
    short = "0x" + encode(AGGREGATE3.outputs, (identity(),)).hex()
    with stub_node(lambda method, params: short) as node, pytest.raises(BadAnswer, match="answered 4 of 5 calls"):
        connect(node).read_head([READ])


def test_a_call_that_must_not_fail_is_told_and_one_that_may_is_answered(connect: Connect) -> None:
    with stub_node(node_at_head(identity(), answer=(False, b""))) as node:
        chain = connect(node)
        with pytest.raises(SourceRejected, match=f"0x01020304 of {READ.target} failed"):
            chain.read_head([READ])
        (result,) = chain.read_head([replace(READ, may_fail=True)]).results
        assert not result.succeeded


def test_a_parent_that_the_node_does_not_know_is_unknown_and_not_zero(connect: Connect) -> None:
    with stub_node(node_at_head(identity(parent="0x" + "00" * 32))) as node:
        assert connect(node).read_head([]).block == replace(SEEN, parent_hash=None)


def test_a_time_beyond_the_calendar_is_a_bad_answer(connect: Connect) -> None:
    told = identity()
    told[2] = (True, word(2**255))
    with stub_node(node_at_head(told)) as node, pytest.raises(BadAnswer, match="is not a time"):
        connect(node).read_head([])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"number": "0x11"}, "number was 16 and is 17"),
        ({"timestamp": hex(AT_S + 1)}, "time was"),
        ({"parentHash": HASH}, f"parent was {PARENT} and is {HASH}"),
    ],
)
def test_a_header_of_another_block_is_refused_as_a_reorganisation(
    connect: Connect, change: dict[str, str], told: str
) -> None:
    with stub_node(node_at_head(identity(), HEADER | change)) as node:
        chain = connect(node)
        block = chain.read_head([]).block
        with pytest.raises(SourceUnavailable, match=f"block 16 changed while read: {told}.*reorganised"):
            chain.read_header(block)


def test_a_node_that_does_not_have_the_block_yet_is_asked_again(connect: Connect) -> None:
    headers = iter([None, None, HEADER])

    def lagging(method: str, params: list[Any]) -> Any:
        return next(headers)

    with stub_node(lagging) as node:
        assert connect(node).read_header(SEEN) == replace(SEEN, block_hash=HASH)


def test_a_block_that_nobody_has_is_unavailable(connect: Connect) -> None:
    with stub_node(lambda method, params: None) as node, pytest.raises(SourceUnavailable, match="has no block 0x10"):
        connect(node).read_header(SEEN)


def test_calls_at_a_block_without_hash_recognise_it_in_each_of_their_requests(connect: Connect) -> None:
    with stub_node(node_at_head(identity())) as node:
        results = connect(node).read_calls([READ] * 150, SEEN)
        assert [result.data for result in results] == [word(7)] * 150
        assert asked(node) == ["eth_chainId", "eth_call", "eth_call"]
        assert [params[1] for method, params in node.asked if method == "eth_call"] == ["0x10", "0x10"]


def test_calls_at_a_block_without_hash_are_not_used_if_its_parent_is_another(connect: Connect) -> None:
    with (
        stub_node(node_at_head(identity(parent=HASH))) as node,
        pytest.raises(SourceUnavailable, match=f"block 16 changed while read: parent was {PARENT}"),
    ):
        connect(node).read_calls([READ], SEEN)


def arbitrum(node: StubNode) -> Web3Chain:
    return Web3Chain(Access(ARBITRUM, (node.url,)))


@pytest.mark.parametrize(
    ("sys", "expected"),
    [
        ((True, word(400_000_000)), (400_000_000, None)),
        ((True, b""), (16, PARENT)),
        ((False, b""), (16, PARENT)),
    ],
)
def test_arbitrum_counts_its_own_blocks_and_a_local_node_without_arb_sys_does_too(
    sys: tuple[bool, bytes], expected: tuple[int, str | None]
) -> None:
    with stub_node(node_at_head([*identity(ARBITRUM), sys]), chain_id=ARBITRUM) as node:
        chain = arbitrum(node)
        reading = chain.read_head([READ])
        chain.close()
        assert ARB_SYS in [target for target, _, _ in calls_of(node.asked[0][1])]
    assert (reading.block.number, reading.block.parent_hash) == expected
    assert [result.data for result in reading.results] == [word(7)]


def test_arb_sys_is_asked_on_arbitrum_only_and_by_the_published_selector() -> None:
    assert ARB_BLOCK_NUMBER.selector.hex() == "a3b1b31d"
    assert [call.target for call in identity_calls(1, MULTICALL3)] == [MULTICALL3] * 4
    assert [call.data.hex() for call in identity_calls(ARBITRUM, MULTICALL3)] == [
        "3408e470",
        "42cbb15c",
        "0f28c97d",
        "27e86d6e",
        "a3b1b31d",
    ]


@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_nested_without_end_is_no_answer_and_kills_nobody(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)  # as the library that signs does when it is imported
    monkeypatch.setattr("alm_resources.chains.failover._ROUNDS", 1)
    try:
        with (
            stub_node(lambda *_: Http(status, "[" * 1_000_000)) as node,
            pytest.raises((SourceUnavailable, SourceRejected)),
        ):
            connect(node).read_block()
    finally:
        sys.setrecursionlimit(before)
