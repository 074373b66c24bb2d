"""Gas prices from nodes that answer fee history in full, in part, with zeros, or not at all."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from alm_core.model.chain_ports import Fees
from alm_core.model.chains import ChainRules
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block
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


GWEI = 10**9


def test_a_past_block_is_asked_for_its_own_fees_and_never_for_the_tip_of_today(connect: Connect) -> None:
    block = Block(chain_id=1, number=300, block_hash=None, block_at=datetime(2026, 1, 1, tzinfo=UTC))
    told = node({"baseFeePerGas": ["0x1", "0x64"], "reward": [["0x9"], ["0x3"]]}, head={"baseFeePerGas": "0x32"})
    with stub_node(told) as stub:
        assert connect(stub).read_fees_at(block) == Fees(base_fee_wei=50, priority_fee_wei=3)
        assert ("eth_feeHistory", ["0x14", "0x12c", [50]]) in stub.asked
    with stub_node(node(MISSING, head={"baseFeePerGas": "0x32"})) as stub:
        rules = ChainRules(min_priority_fee_wei=4)
        assert connect(stub, rules=rules).read_fees_at(block) == Fees(base_fee_wei=50, priority_fee_wei=4)
        assert ("eth_getBlockByNumber", ["0x12c", False]) in stub.asked
    with (
        stub_node(node(MISSING, head={})) as stub,
        pytest.raises(BadAnswer, match="block 300 does not tell a base fee"),
    ):
        connect(stub).read_fees_at(block)


@pytest.mark.control("believable_fee", "passes")
@pytest.mark.parametrize(
    ("rules", "told", "fees"),
    [
        (ChainRules(min_priority_fee_wei=25 * GWEI), (30 * GWEI, 1 * GWEI), (30 * GWEI, 25 * GWEI)),
        (ChainRules(min_priority_fee_wei=25 * GWEI), (30 * GWEI, 31 * GWEI), (30 * GWEI, 31 * GWEI)),
        (ChainRules(min_priority_fee_wei=50_000_000), (0, 0), (0, 50_000_000)),
        (ChainRules(takes_tips=False), (20_000_000, 7 * GWEI), (20_000_000, 0)),
        (ChainRules(), (10_000 * GWEI, 10_000 * GWEI), (10_000 * GWEI, 10_000 * GWEI)),
    ],
)
def test_tips_keep_to_the_rules_of_the_chain_whatever_its_nodes_report(
    connect: Connect, rules: ChainRules, told: tuple[int, int], fees: tuple[int, int]
) -> None:
    history = {"baseFeePerGas": ["0x1", hex(told[0])], "reward": [[hex(told[1])]]}
    with stub_node(node(history, tip=hex(told[1]))) as stub:
        assert connect(stub, rules=rules).read_fees() == Fees(base_fee_wei=fees[0], priority_fee_wei=fees[1])


def test_where_tips_are_ignored_nobody_is_asked_for_one(connect: Connect) -> None:
    with stub_node(node({"baseFeePerGas": ["0x5"], "reward": None}, tip=MISSING, gas_price=MISSING)) as stub:
        assert connect(stub, rules=ChainRules(takes_tips=False)).read_fees().priority_fee_wei == 0
        assert [method for method, _ in stub.asked] == ["eth_chainId", "eth_feeHistory"]


@pytest.mark.control("believable_fee", "fires")
@pytest.mark.parametrize(
    "script",
    [
        node({"baseFeePerGas": [hex(10**15)], "reward": [["0x1"]]}),
        node({"baseFeePerGas": [hex(10_000 * GWEI + 1)], "reward": [["0x1"]]}),
        node({"baseFeePerGas": ["0x1"], "reward": [[hex(10**15)]]}),
        node({"baseFeePerGas": ["0x1"], "reward": []}, tip=hex(10**15)),
        node({"baseFeePerGas": ["0x1"], "reward": []}, tip=MISSING, gas_price=hex(10**15)),
        node(MISSING, head={"baseFeePerGas": hex(2**200)}),
    ],
)
def test_a_fee_that_cannot_be_true_is_a_bad_answer_and_not_bid(
    connect: Connect, script: Callable[[str, list[Any]], Any]
) -> None:
    with stub_node(script) as stub, pytest.raises(BadAnswer, match="cannot be true"):
        connect(stub).read_fees()
