"""Several endpoints of one chain: those that fall behind are not read from, those that disagree stop signatures."""

from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.chain_ports import Call
from alm_core.model.chains import ChainRules
from alm_core.model.errors import SourceUnavailable
from alm_resources.chains import Web3Chain
from alm_resources.chains.agreement import MOST_BLOCKS_BEHIND
from alm_tests.resources.chains.stub_node import Error, Http, StubNode, stub_node
from alm_tests.resources.chains.test_heads import AT_S, SEEN, calls_of, identity, node_at_head
from alm_tests.resources.chains.test_receipts import RECEIPT, TX_HASH

Connect = Callable[..., Web3Chain]
ACCOUNT = "0x" + "11" * 20
READ = Call(target=ACCOUNT, data=b"\1\2\3\4")
RULES = ChainRules(bump_after_s=15.0)


def block_hash(number: int, fork: int = 0) -> str:
    return f"0x{fork:032x}{number:032x}"


def node(
    head: int, *, block_s: float = 2.0, fork: int = 0, forks_at: int = 0, nonce: int = 7
) -> Callable[[str, list[Any]], Any]:
    """A node at a head; ``fork`` names the chain it follows from ``forks_at`` on."""

    def header(number: int) -> dict[str, str] | None:
        if number > head:
            return None
        at_s = AT_S + int(block_s * number)
        own = fork if number >= forks_at else 0
        return {"number": hex(number), "hash": block_hash(number, own), "timestamp": hex(at_s)}

    def script(method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockByNumber":
            return header(head if params[0] == "latest" else int(params[0], 16))
        if method == "eth_feeHistory":
            return {"baseFeePerGas": ["0x64"], "reward": [["0x5"]]}
        assert method == "eth_getTransactionCount", method
        return hex(nonce)

    return script


@pytest.mark.parametrize(("behind", "asked"), [(7, "slow"), (8, "quick")])
def test_an_endpoint_is_read_from_until_its_head_is_too_old(connect: Connect, behind: int, asked: str) -> None:
    with stub_node(node(1000 - behind, nonce=1)) as slow, stub_node(node(1000, nonce=2)) as quick:
        chain = connect(slow, quick, rules=RULES)
        chain.read_block()
        assert chain.read_nonce(ACCOUNT) == {"slow": 1, "quick": 2}[asked]


@pytest.mark.parametrize(("behind", "nonce"), [(MOST_BLOCKS_BEHIND - 1, 1), (MOST_BLOCKS_BEHIND, 2)])
def test_where_blocks_are_quick_their_number_counts(connect: Connect, behind: int, nonce: int) -> None:
    with (
        stub_node(node(1000 - behind, block_s=0.0, nonce=1)) as slow,
        stub_node(node(1000, block_s=0.0, nonce=2)) as quick,
    ):
        chain = connect(slow, quick, rules=RULES)
        chain.read_block()
        assert chain.read_nonce(ACCOUNT) == nonce


def test_a_frozen_endpoint_is_read_from_again_once_it_has_caught_up(connect: Connect) -> None:
    with stub_node(node(900, nonce=1)) as frozen, stub_node(node(1000, nonce=2)) as sound:
        chain = connect(frozen, sound, rules=RULES)
        chain.read_fees()
        assert chain.read_nonce(ACCOUNT) == 2
        frozen.script = node(1000, nonce=1)
        chain.read_fees()
        assert chain.read_nonce(ACCOUNT) == 1


def test_heads_are_not_looked_at_before_every_read(connect: Connect) -> None:
    with stub_node(node(1000)) as one, stub_node(node(1000)) as two:
        chain = connect(one, two, rules=RULES)
        for _ in range(5):
            chain.read_block()
        assert (one.times("eth_getBlockByNumber"), two.times("eth_getBlockByNumber")) == (6, 1)


def test_a_single_endpoint_is_not_compared_with_anything(connect: Connect) -> None:
    with stub_node(node(1000)) as one:
        connect(one, rules=RULES).read_fees()
        assert [method for method, _ in one.asked] == ["eth_chainId", "eth_feeHistory"]


@pytest.mark.control("endpoints_agree", "fires")
@pytest.mark.parametrize("heads", [(1000, 1000), (1000, 998), (998, 1000)])
def test_fees_are_not_told_while_two_endpoints_have_different_blocks_at_one_height(
    connect: Connect, heads: tuple[int, int]
) -> None:
    with stub_node(node(heads[0])) as one, stub_node(node(heads[1], fork=1, forks_at=990)) as two:
        chain = connect(one, two, rules=RULES)
        with pytest.raises(
            SourceUnavailable, match=f"endpoints_agree: they disagree on block {min(heads)}.*nothing is signed"
        ) as caught:
            chain.read_fees()
        assert all(f"#{index}" in str(caught.value) for index in (0, 1))


@pytest.mark.control("endpoints_agree", "passes")
def test_fees_are_told_by_two_endpoints_of_one_chain_although_one_is_a_block_ahead(connect: Connect) -> None:
    with stub_node(node(1000)) as one, stub_node(node(1001)) as two:
        assert connect(one, two, rules=RULES).read_fees().base_fee_wei == 100


def test_a_disagreement_that_ends_at_once_is_waited_for(connect: Connect) -> None:
    with stub_node(node(1000)) as one, stub_node(node(1000, fork=1, forks_at=1000)) as two:
        asked: list[str] = []
        forked, joined = two.script, node(1000)

        def reorganising(method: str, params: list[Any]) -> Any:
            asked.append(method)
            return (joined if asked.count("eth_getBlockByNumber") > 1 else forked)(method, params)

        two.script = reorganising
        assert connect(one, two, rules=RULES).read_fees().base_fee_wei == 100


def test_an_endpoint_on_another_fork_that_is_behind_is_no_party(connect: Connect) -> None:
    with stub_node(node(1000)) as one, stub_node(node(900, fork=1)) as two:
        assert connect(one, two, rules=RULES).read_fees().base_fee_wei == 100


def test_an_endpoint_that_is_down_does_not_stop_the_others(connect: Connect) -> None:
    with stub_node(lambda method, params: Http(502)) as down, stub_node(node(1000)) as sound:
        assert connect(down, sound, rules=RULES).read_fees().base_fee_wei == 100


def lying_at_head(value: int) -> Callable[[str, list[Any]], Any]:
    """A node at the head of all, with its own idea of what contracts say."""
    right = node_at_head(identity(), answer=(True, value.to_bytes(32, "big")))

    def script(method: str, params: list[Any]) -> Any:
        if method == "eth_getBalance":
            return hex(value)
        if method == "eth_getBlockByNumber":
            return {"number": "0x10", "hash": "0x" + "ab" * 32, "timestamp": hex(AT_S), "parentHash": "0x" + "ee" * 32}
        return right(method, params)

    return script


def test_answers_of_contracts_are_not_used_where_a_second_endpoint_gives_others(connect: Connect) -> None:
    with stub_node(lying_at_head(7)) as one, stub_node(lying_at_head(8)) as two:
        chain = connect(one, two, rules=RULES)
        with pytest.raises(SourceUnavailable, match="answer differently at block 16"):
            chain.read_head([READ])
        with pytest.raises(SourceUnavailable, match="eth_call: two endpoints answer differently"):
            chain.read_calls([READ], SEEN)
        with pytest.raises(SourceUnavailable, match="eth_getBalance: two endpoints answer differently"):
            chain.read_native_balance(ACCOUNT, SEEN)


def test_answers_that_two_endpoints_give_are_used(connect: Connect) -> None:
    with stub_node(lying_at_head(7)) as one, stub_node(lying_at_head(7)) as two:
        chain = connect(one, two, rules=RULES)
        assert [result.data[-1] for result in chain.read_head([READ]).results] == [7]
        assert chain.read_native_balance(ACCOUNT, chain.read_block()) == 7
        assert [calls_of(params)[-1][0] for method, params in two.asked if method == "eth_call"] == [ACCOUNT]


@pytest.mark.parametrize(
    "script",
    [
        node_at_head(identity(number=17), answer=(True, b"\0" * 32)),
        lambda method, params: Error("missing trie node"),
        lambda method, params: "0x",
        lambda method, params: Http(502),
    ],
)
def test_a_second_endpoint_without_state_of_the_block_has_no_say(
    connect: Connect, script: Callable[[str, list[Any]], Any]
) -> None:
    with stub_node(lying_at_head(7)) as one, stub_node(script) as two:
        assert [result.data[-1] for result in connect(one, two, rules=RULES).read_head([READ]).results] == [7]


def receipts(answer: Any) -> Callable[[str, list[Any]], Any]:
    return lambda method, params: answer


@pytest.mark.parametrize("second", [RECEIPT, Http(502), None])
def test_a_receipt_that_only_a_later_endpoint_has_is_found(connect: Connect, second: Any) -> None:
    def asked(*nodes: StubNode) -> bool:
        return connect(*nodes, rules=RULES).read_receipt(TX_HASH) is not None

    with stub_node(receipts(None)) as one, stub_node(receipts(second)) as two, stub_node(receipts(RECEIPT)) as three:
        assert asked(one, two, three)
        assert asked(one, two) is (second is RECEIPT)
