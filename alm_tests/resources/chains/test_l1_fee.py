"""What data costs on Ethereum, told by the oracle of the chain before and after its Fjord upgrade."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from alm_core.model.chains import ChainRules
from alm_core.model.errors import BadAnswer, SourceError
from alm_resources.chains import Web3Chain
from alm_resources.chains.l1_fee import EXACT, GAS_PRICE_ORACLE, UPPER_BOUND
from alm_tests.resources.chains.stub_node import Error, Http, stub_node
from alm_tests.resources.chains.test_receipts import TX

Connect = Callable[..., Web3Chain]
BASE = ChainRules(has_l1_fee=True)


def word(value: int) -> str:
    return f"0x{value:064x}"


def oracle(bound: Any, exact: Any = None) -> Callable[[str, list[Any]], Any]:
    answers = {UPPER_BOUND.selector.hex(): bound, EXACT.selector.hex(): exact}

    def script(method: str, params: list[Any]) -> Any:
        assert (method, params[0]["to"]) == ("eth_call", GAS_PRICE_ORACLE)
        return answers[params[0]["data"][2:10]]

    return script


def test_the_selectors_are_the_published_ones() -> None:
    assert (UPPER_BOUND.selector.hex(), EXACT.selector.hex()) == ("f1c7a58b", "49948e0e")


def test_the_bound_is_asked_for_the_size_of_the_whole_transaction(connect: Connect) -> None:
    with stub_node(oracle(word(1234))) as node:
        assert connect(node, rules=BASE).read_l1_fee(replace(TX, data="0x" + "ab" * 1000)) == 1234
        assert int(node.asked[-1][1][0]["data"][10:], 16) == 1120


def test_before_fjord_the_exact_fee_of_such_bytes_is_asked(connect: Connect) -> None:
    refusal = Error("execution reverted: GasPriceOracle: getL1FeeUpperBound only supports Fjord", 3)
    with stub_node(oracle(refusal, word(99))) as node:
        assert connect(node, rules=BASE).read_l1_fee(TX) == 99


def test_a_chain_without_such_a_fee_is_not_asked(connect: Connect) -> None:
    with stub_node(oracle(word(1))) as node:
        assert connect(node).read_l1_fee(TX) == 0
        assert node.asked == []


@pytest.mark.parametrize("bound", [word(10**18 + 1), "0x", "0x1234", None, 7])
def test_a_fee_that_cannot_be_true_or_read_is_a_bad_answer_and_not_zero(connect: Connect, bound: Any) -> None:
    with stub_node(oracle(bound)) as node, pytest.raises(BadAnswer):
        connect(node, rules=BASE).read_l1_fee(TX)


@pytest.mark.parametrize("failure", [Http(502), Error("execution reverted", 3)])
def test_a_fee_that_is_not_told_is_an_error_and_not_zero(connect: Connect, failure: Any) -> None:
    with stub_node(oracle(failure, failure)) as node, pytest.raises(SourceError):
        connect(node, rules=BASE).read_l1_fee(TX)
