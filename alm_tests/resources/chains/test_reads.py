"""Reads: bounded retries, failover, quarantine of wrong chains, and no URL in anything a person may see."""

import io
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from alm_core.model.chain_ports import Call
from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable, WrongChain
from alm_core.model.market import Block
from alm_resources.chains import Web3Chain, chains_from
from alm_resources.chains.endpoint import Endpoint
from alm_resources.chains.multicall import AGGREGATE3
from alm_tests.resources.chains.stub_node import CHAIN_ID, SECRET, Error, Http, stub_node

Connect = Callable[..., Web3Chain]

HEAD = {"number": "0x10", "hash": "0x" + "ab" * 32, "timestamp": "0x6a000000", "extraData": "0x" + "00" * 97}
BLOCK = Block(
    chain_id=CHAIN_ID, number=16, block_hash="0x" + "ab" * 32, block_at=datetime.fromtimestamp(0x6A000000, UTC)
)
TARGET = "0x" + "11" * 20


def healthy(method: str, params: list[Any]) -> Any:
    return HEAD if method == "eth_getBlockByNumber" else "0x1"


def always(answer: Any) -> Callable[[str, list[Any]], Any]:
    return lambda method, params: answer


def test_a_head_with_the_long_extra_data_of_poa_chains_is_read(connect: Connect) -> None:
    with stub_node(healthy) as node:
        assert connect(node).read_block() == BLOCK


@pytest.mark.parametrize(
    "trouble",
    [
        Http(500),
        Http(503, "<html>busy</html>"),
        Http(429, '{"error": {"code": -32005, "message": "slow down"}}'),
        Http(401, '{"error": {"code": 1, "message": "who are you"}}'),
        Http(200, "<html>welcome</html>"),
        Http(200, '{"jsonrpc": "2.0", "id": 0'),
        Http(200, "[]"),
        Http(200, '{"jsonrpc": "2.0", "id": 0}'),
        Http(307, ""),
        Http(200, "", hang_up=True),
        Error("rate limited", -32005),
        Error("header not found"),
    ],
    ids=str,
)
def test_a_troubled_endpoint_is_tried_a_few_times_then_named(connect: Connect, trouble: Any) -> None:
    with stub_node(always(trouble)) as node:
        with pytest.raises(SourceUnavailable, match=rf"rpc:{CHAIN_ID}: no endpoint answers: rpc:{CHAIN_ID}#0: "):
            connect(node).read_nonce(TARGET)
        assert 1 <= node.times("eth_getTransactionCount") <= 3


def test_reads_fail_over_and_stay_with_the_endpoint_that_answers(connect: Connect) -> None:
    with stub_node(always(Http(500))) as broken, stub_node(healthy) as sound:
        chain = connect(broken, sound)
        assert chain.read_nonce(TARGET) == 1
        assert chain.read_nonce(TARGET) == 1
        assert broken.times("eth_getTransactionCount") == 1
        assert sound.times("eth_getTransactionCount") == 2


def test_a_passing_hiccup_is_retried(connect: Connect) -> None:
    answers = iter([Http(502), "0x7"])
    with stub_node(lambda method, params: next(answers)) as node:
        assert connect(node).read_nonce(TARGET) == 7


def test_nothing_listening_is_unavailable(connect: Connect) -> None:
    with stub_node(healthy) as node:
        gone = node.url
    with pytest.raises(SourceUnavailable, match=f"rpc:{CHAIN_ID}#0.*no connection"):
        connect(gone).read_block()


def test_an_endpoint_of_another_chain_is_refused_and_asked_for_nothing_else(connect: Connect) -> None:
    with stub_node(healthy, chain_id=1) as wrong:
        chain = connect(wrong)
        for _ in range(2):
            with pytest.raises(WrongChain, match="serve another chain"):
                chain.read_block()
        assert [method for method, _ in wrong.asked] == ["eth_chainId"]


def test_an_endpoint_of_another_chain_does_not_keep_the_right_one_from_answering(connect: Connect) -> None:
    with stub_node(healthy, chain_id=1) as wrong, stub_node(healthy) as right:
        assert connect(wrong, right).read_block() == BLOCK
        assert wrong.times("eth_getBlockByNumber") == 0


def test_an_endpoint_that_changes_its_chain_after_a_failure_is_noticed(connect: Connect) -> None:
    with stub_node(healthy) as node:
        chain = connect(node)
        chain.read_block()
        node.chain_id, node.script = 1, always(Http(500))
        with pytest.raises((SourceUnavailable, WrongChain)):
            chain.read_block()
        node.script = healthy
        with pytest.raises(WrongChain):
            chain.read_block()


@pytest.mark.parametrize("answer", [None, 7, "7", "0x", "0xzz", [], {}, True, "0x" + "f" * 65])
def test_a_nonce_that_is_no_quantity_is_a_bad_answer_and_never_zero(connect: Connect, answer: Any) -> None:
    with stub_node(always(answer)) as node, pytest.raises(BadAnswer, match="nonce is not a quantity"):
        connect(node).read_nonce(TARGET)


@pytest.mark.parametrize(
    "change", [{"hash": "0x12"}, {"hash": None}, {"number": None}, {"timestamp": "0x" + "f" * 60}, {"timestamp": -1}]
)
def test_a_garbled_block_is_a_bad_answer(connect: Connect, change: dict[str, Any]) -> None:
    with stub_node(always(HEAD | change)) as node, pytest.raises(BadAnswer, match="block"):
        connect(node).read_block()


def aggregate(results: list[tuple[bool, bytes]]) -> str:
    from eth_abi.abi import encode

    return "0x" + encode(AGGREGATE3.outputs, (results,)).hex()


def multicall_node(results: list[tuple[bool, bytes]]) -> Callable[[str, list[Any]], Any]:
    """Answer each chunk with as many of the results as it has calls, in order."""
    from eth_abi.abi import decode

    left = iter(results)

    def script(method: str, params: list[Any]) -> Any:
        if method != "eth_call":
            return HEAD
        assert params[1] == "0x10"
        (calls,) = decode(AGGREGATE3.inputs, bytes.fromhex(params[0]["data"][10:]))
        return aggregate([next(left) for _ in calls])

    return script


def test_calls_are_answered_in_order_over_chunks_at_the_pinned_block(connect: Connect) -> None:
    expected = [(True, number.to_bytes(32, "big")) for number in range(250)]
    with stub_node(multicall_node(expected)) as node:
        calls = [Call(target=TARGET, data=b"\1\2\3\4")] * 250
        results = connect(node).read_calls(calls, BLOCK)
        assert [result.data for result in results] == [data for _, data in expected]
        assert node.times("eth_call") == 3


def test_a_call_that_may_not_fail_is_told_with_its_reason(connect: Connect) -> None:
    reason = bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + (3).to_bytes(32, "big") + b"STF".ljust(32, b"\0")
    with stub_node(multicall_node([(True, b""), (False, reason)])) as node:
        calls = [Call(target=TARGET, data=b"\1\2\3\4"), Call(target=TARGET, data=b"\5\6\7\x08")]
        with pytest.raises(SourceRejected, match=f"0x05060708 of {TARGET} failed: STF"):
            connect(node).read_calls(calls, BLOCK)


def test_a_call_that_may_fail_is_answered_as_failed_with_its_revert_data(connect: Connect) -> None:
    with stub_node(multicall_node([(False, b"\1")])) as node:
        (result,) = connect(node).read_calls([Call(target=TARGET, data=b"\1\2\3\4", may_fail=True)], BLOCK)
        assert (result.succeeded, result.data) == (False, b"\1")


def test_no_multicall_contract_is_a_bad_answer_and_not_no_results(connect: Connect) -> None:
    with (
        stub_node(lambda method, params: "0x" if method == "eth_call" else HEAD) as node,
        pytest.raises(BadAnswer, match="multicall"),
    ):
        connect(node).read_calls([Call(target=TARGET, data=b"\1\2\3\4", may_fail=True)], BLOCK)


def test_answers_of_a_block_that_was_replaced_meanwhile_are_not_used(connect: Connect) -> None:
    inner = multicall_node([(True, b"\1")])

    def script(method: str, params: list[Any]) -> Any:
        return inner(method, params) if method == "eth_call" else HEAD | {"hash": "0x" + "cd" * 32}

    with stub_node(script) as node, pytest.raises(SourceUnavailable, match="block 16 changed"):
        connect(node).read_calls([Call(target=TARGET, data=b"\1\2\3\4")], BLOCK)


@pytest.mark.parametrize("trouble", [Http(500), Http(401), Error(f"see http://node/{SECRET}"), Http(200, "x"), None])
def test_the_url_is_in_no_message_traceback_repr_or_log(connect: Connect, trouble: Any) -> None:
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        with stub_node(always(trouble)) as node:
            chain = connect(node, "http://127.0.0.1:9/" + SECRET)
            with pytest.raises((SourceUnavailable, SourceRejected, BadAnswer)) as caught:
                chain.read_nonce(TARGET)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    seen: BaseException | None = caught.value
    told = "".join(traceback.format_exception(caught.value)) + repr(chain) + sink.getvalue()
    while seen is not None:
        told += str(seen) + repr(seen)
        seen = seen.__cause__ or seen.__context__
    assert SECRET not in told


def test_there_is_a_client_per_chain_of_the_registry_and_none_connects_yet() -> None:
    from alm_resources.registry import load_registry

    registry = load_registry(None)
    chains = chains_from(registry)
    assert set(chains) == set(registry.chains)
    assert all(chains[chain_id].chain_id == chain_id for chain_id in chains)


def test_one_answer_for_another_chain_does_not_condemn_an_endpoint_and_two_do() -> None:
    with stub_node(healthy) as node:
        endpoint = Endpoint(CHAIN_ID, 0, node.url)
        told = iter([7, CHAIN_ID, 7, 7])
        assert endpoint.request_proven("eth_gasPrice", (), lambda _answer: next(told)) == "0x1"
        assert not endpoint.quarantined
        with pytest.raises(WrongChain, match="serves chain 7"):
            endpoint.request_proven("eth_gasPrice", (), lambda _answer: next(told))
        assert endpoint.quarantined
        assert node.times("eth_gasPrice") == 4
