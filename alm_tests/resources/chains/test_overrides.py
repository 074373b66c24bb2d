"""Calls with other code at some addresses: what is sent; what tells a revert from a node that knows no overrides."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_core.model.market import Block
from alm_resources.chains import Web3Chain
from alm_tests.resources.chains.stub_node import CHAIN_ID, Error, Http, stub_node

Connect = Callable[..., Web3Chain]

BLOCK = Block(chain_id=CHAIN_ID, number=16, block_hash=None, block_at=datetime.fromtimestamp(0x6A000000, UTC))
CALL = Call(target="0x" + "11" * 20, data=b"\x01\x02\x03\x04")
CODE = {"0x" + "11" * 20: b"\x60\x00", "0x" + "22" * 20: b"\x60\x01"}


def test_code_is_sent_as_the_third_parameter_at_the_block(connect: Connect) -> None:
    with stub_node(lambda method, params: "0xabcd") as node:
        assert connect(node).read_with_code(CALL, CODE, BLOCK) == CallResult(succeeded=True, data=b"\xab\xcd")
    (sent,) = (params for method, params in node.asked if method == "eth_call")
    assert sent == [
        {"to": CALL.target, "data": "0x01020304"},
        "0x10",
        {"0x" + "11" * 20: {"code": "0x6000"}, "0x" + "22" * 20: {"code": "0x6001"}},
    ]


@pytest.mark.parametrize(
    ("error", "data"),
    [
        (Error("execution reverted", 3, "0xdeadbeef"), b"\xde\xad\xbe\xef"),
        (Error("execution reverted", -32000), b""),
        (Error("out of gas", -32000), b""),
    ],
    ids=str,
)
def test_a_call_that_fails_is_an_answer(connect: Connect, error: Error, data: bytes) -> None:
    with stub_node(lambda method, params: error) as node:
        assert connect(node).read_with_code(CALL, CODE, BLOCK) == CallResult(succeeded=False, data=data)


@pytest.mark.parametrize(
    "error",
    [
        Error("too many arguments, want at most 2", -32602),
        Error("state override is not supported", -32601),
    ],
    ids=str,
)
def test_a_node_that_does_not_know_overrides_is_told_from_a_call_that_fails(connect: Connect, error: Error) -> None:
    with stub_node(lambda method, params: error) as node, pytest.raises(SourceRejected):
        connect(node).read_with_code(CALL, CODE, BLOCK)


def test_a_node_in_trouble_and_an_answer_that_is_none_are_errors(connect: Connect) -> None:
    with stub_node(lambda method, params: Http(503)) as node, pytest.raises(SourceUnavailable):
        connect(node).read_with_code(CALL, CODE, BLOCK)
    with stub_node(lambda method, params: "0x123") as node, pytest.raises(BadAnswer):
        connect(node).read_with_code(CALL, CODE, BLOCK)
