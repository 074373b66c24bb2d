"""Gas prices from nodes that answer fee history in full, in part, with zeros, or not at all."""

from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer
from alm_core.model.ports import Fees
from alm_resources.chains import Web3Chain
from alm_tests.resources.chains.stub_node import Error, stub_node

Connect = Callable[..., Web3Chain]
MISSING = Error("the method does not exist/is not available", -32601)


def node(history: Any, tip: Any = "0x5", gas_price: Any = "0x64", head: Any = None) -> Callable[[str, list[Any]], Any]:
    answers = {
        "eth_feeHistory": history,
        "eth_maxPriorityFeePerGas": tip,
        "eth_gasPrice": gas_price,
        "eth_getBlockByNumber": head,
    }
    return lambda method, params: answers[method]


@pytest.mark.parametrize(
    ("script", "fees"),
    [
        (node({"baseFeePerGas": ["0x1", "0x32"], "reward": [["0x3"]]}), (50, 3)),
        (node({"baseFeePerGas": ["0x1", "0x32"], "reward": [["0x9"], ["0x0"], ["0x3"], ["0x4"]]}), (50, 4)),
        (node({"baseFeePerGas": ["0x1", "0x32"], "reward": [["0x0"], ["0x0"]]}), (50, 5)),
        (node({"baseFeePerGas": ["0x1", "0x32"], "reward": [["0x0"]]}, tip="0x0"), (50, 0)),
        (node({"baseFeePerGas": ["0x1", "0x32"], "reward": []}), (50, 5)),
        (node({"baseFeePerGas": ["0x1", "0x32"], "reward": None}), (50, 5)),
        (node({"baseFeePerGas": ["0x1", "0x32"]}), (50, 5)),
        (node({"baseFeePerGas": ["0x0", "0x0"], "reward": [["0x2faf080"]]}), (0, 50_000_000)),
        (node({"baseFeePerGas": ["0x1", None]}, head={"baseFeePerGas": "0x32"}), (50, 5)),
        (node({"baseFeePerGas": None}, head={"baseFeePerGas": "0x32"}), (50, 5)),
        (node(MISSING, head={"baseFeePerGas": "0x32"}), (50, 5)),
        (node(MISSING, tip=MISSING, head={"baseFeePerGas": "0x32"}), (50, 50)),
        (node(None, tip=MISSING, gas_price="0x1", head={"baseFeePerGas": "0x32"}), (50, 0)),
    ],
)
def test_fees_are_found_however_the_chain_tells_them(
    connect: Connect, script: Callable[[str, list[Any]], Any], fees: tuple[int, int]
) -> None:
    with stub_node(script) as stub:
        assert connect(stub).read_fees() == Fees(base_fee_wei=fees[0], priority_fee_wei=fees[1])


@pytest.mark.parametrize(
    "script",
    [
        node(MISSING, head={}),
        node({"baseFeePerGas": [12]}),
        node({"baseFeePerGas": ["0x1"], "reward": [["x"]]}),
        node({"baseFeePerGas": ["0x1"]}, tip=None),
        node([]),
    ],
)
def test_a_figure_that_is_told_nowhere_or_garbled_is_not_taken_for_zero(
    connect: Connect, script: Callable[[str, list[Any]], Any]
) -> None:
    with stub_node(script) as stub, pytest.raises(BadAnswer):
        connect(stub).read_fees()
