"""Whether a receipt still holds: by two endpoints, and by the finality of the chain or a depth in its place."""

from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.chains import ChainRules
from alm_core.model.errors import SourceUnavailable
from alm_core.model.transactions import Inclusion, Receipt
from alm_resources.chains import Web3Chain
from alm_tests.resources.chains.stub_node import Error, Http, stub_node

Connect = Callable[..., Web3Chain]
OURS, OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32
RECEIPT = Receipt(
    tx_hash="0x" + "5a" * 32,
    block_number=100,
    block_hash=OURS,
    succeeded=True,
    gas_used=21_000,
    effective_gas_price_wei=1,
    l1_fee_wei=0,
    logs=(),
)


def header(number: int, block_hash: str = OTHER) -> dict[str, str]:
    return {"number": hex(number), "hash": block_hash, "parentHash": OTHER, "timestamp": hex(1_790_000_000 + number)}


def node(block_hash: str | None = OURS, *, final: Any = None, latest: int = 200) -> Callable[[str, list[Any]], Any]:
    """A node with a block at the receipt's height; ``final`` is what it answers to the finality tag."""
    answers: dict[str, Any] = {
        hex(100): None if block_hash is None else header(100, block_hash),
        "latest": header(latest),
        "finalized": header(final) if isinstance(final, int) else final,
        "safe": header(final) if isinstance(final, int) else final,
    }
    return lambda method, params: answers[params[0]]


FINAL, INCLUDED, GONE = Inclusion.FINAL, Inclusion.INCLUDED, Inclusion.GONE


@pytest.mark.parametrize(("final", "inclusion"), [(99, INCLUDED), (100, FINAL), (101, FINAL), (0, INCLUDED)], ids=str)
@pytest.mark.parametrize("tag", ["safe", "finalized"])
def test_a_receipt_is_final_when_the_finality_tag_has_come_to_its_block(
    connect: Connect, tag: Any, final: int, inclusion: Inclusion
) -> None:
    with stub_node(node(final=final)) as one:
        assert connect(one, rules=ChainRules(finality=tag)).read_inclusion(RECEIPT) is inclusion


@pytest.mark.parametrize(
    "unknown",
    [None, Error("finalized block not found", -32000), Error("invalid block tag", -32602), Error("unknown block")],
    ids=str,
)
@pytest.mark.parametrize(("latest", "inclusion"), [(163, INCLUDED), (164, FINAL)])
def test_where_the_tag_is_unknown_the_depth_stands_for_it(
    connect: Connect, unknown: Any, latest: int, inclusion: Inclusion
) -> None:
    with stub_node(node(final=unknown, latest=latest)) as one:
        assert connect(one, rules=ChainRules(final_depth=64)).read_inclusion(RECEIPT) is inclusion


def test_where_the_head_is_final_so_is_every_receipt_in_it(connect: Connect) -> None:
    with stub_node(node(final=Error("no such tag"), latest=100)) as one:
        assert connect(one, rules=ChainRules(finality="latest")).read_inclusion(RECEIPT) is FINAL


def test_another_block_at_its_height_means_that_the_receipt_is_gone(connect: Connect) -> None:
    with stub_node(node(OTHER, final=200)) as one, stub_node(node(OTHER, final=200)) as two:
        assert connect(one).read_inclusion(RECEIPT) is GONE
        assert connect(one, two).read_inclusion(RECEIPT) is GONE


def test_a_receipt_is_final_by_the_slower_of_two_endpoints(connect: Connect) -> None:
    with stub_node(node(final=150)) as quick, stub_node(node(final=99)) as slow:
        assert connect(quick).read_inclusion(RECEIPT) is FINAL
        assert connect(quick, slow).read_inclusion(RECEIPT) is INCLUDED


@pytest.mark.parametrize("order", [1, -1])
def test_where_two_endpoints_disagree_the_receipt_is_neither_final_nor_gone(connect: Connect, order: int) -> None:
    with stub_node(node(OURS, final=200)) as one, stub_node(node(OTHER, final=200)) as two:
        assert connect(*[one, two][::order]).read_inclusion(RECEIPT) is INCLUDED


@pytest.mark.parametrize("second", [node(None, final=200), lambda method, params: Http(502)])
def test_a_second_endpoint_that_does_not_tell_keeps_the_receipt_from_being_final(
    connect: Connect, second: Callable[[str, list[Any]], Any]
) -> None:
    with stub_node(node(final=200)) as one, stub_node(second) as two:
        assert connect(one, two).read_inclusion(RECEIPT) is INCLUDED


def test_a_third_endpoint_stands_in_for_one_that_is_down(connect: Connect) -> None:
    with (
        stub_node(node(final=200)) as one,
        stub_node(lambda method, params: Http(502)) as down,
        stub_node(node(final=200)) as three,
    ):
        assert connect(one, down, three).read_inclusion(RECEIPT) is FINAL


def test_where_no_endpoint_tells_it_is_unknown(connect: Connect) -> None:
    with stub_node(node(None)) as one, pytest.raises(SourceUnavailable, match="no endpoint tells of block 100"):
        connect(one).read_inclusion(RECEIPT)
