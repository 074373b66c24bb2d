"""Sends: exactly one POST each, and what the answer means. Unknown is not failed."""

from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.errors import OutcomeUnknown, SourceRejected, WrongChain
from alm_core.model.transactions import SignedTransaction
from alm_resources.chains import Web3Chain
from alm_tests.resources.chains.stub_node import SECRET, Error, Http, StubNode, stub_node

Connect = Callable[..., Web3Chain]
SIGNED = SignedTransaction(raw="0x02aa", tx_hash="0x" + "5a" * 32)


def always(answer: Any) -> Callable[[str, list[Any]], Any]:
    return lambda method, params: answer


def posts(node: StubNode) -> int:
    return node.times("eth_sendRawTransaction")


@pytest.mark.parametrize("answer", [SIGNED.tx_hash, Error("already known"), Error("already known", status=400)])
def test_accepted_and_already_known_both_count_as_sent(connect: Connect, answer: Any) -> None:
    with stub_node(always(answer)) as node:
        connect(node).send_raw(SIGNED)
        assert [params for method, params in node.asked if method == "eth_sendRawTransaction"] == [[SIGNED.raw]]


@pytest.mark.parametrize(
    "answer",
    [
        Http(401),
        Http(429),
        Http(429, '{"error": {"code": -32005, "message": "limit"}}'),
        Http(500),
        Http(502, "<html>"),
        Http(307),
        Http(200, ""),
        Http(200, "not json"),
        Http(200, "", hang_up=True),
        Error("nonce too low"),
        Error("replacement transaction underpriced"),
        Error("rate limited", -32005),
        Error("something new"),
        None,
        "0x" + "77" * 32,
    ],
    ids=str,
)
def test_every_other_answer_is_unknown_after_exactly_one_post(connect: Connect, answer: Any) -> None:
    with stub_node(always(answer)) as node:
        with pytest.raises(OutcomeUnknown, match=SIGNED.tx_hash) as caught:
            connect(node).send_raw(SIGNED)
        assert posts(node) == 1
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "answer", [Http(500), Http(429), Http(200, "", hang_up=True), Error("nonce too low"), Error("insufficient funds")]
)
def test_every_endpoint_is_posted_to_once_and_one_that_has_the_bytes_is_enough(connect: Connect, answer: Any) -> None:
    with stub_node(always(answer)) as first, stub_node(always(SIGNED.tx_hash)) as second:
        connect(first, second).send_raw(SIGNED)
        assert (posts(first), posts(second)) == (1, 1)


def test_bytes_that_one_refuses_and_another_does_not_tell_of_may_be_out(connect: Connect) -> None:
    with stub_node(always(Error("insufficient funds"))) as first, stub_node(always(Http(502))) as second:
        with pytest.raises(OutcomeUnknown, match=r"insufficient funds.*HTTP 502"):
            connect(first, second).send_raw(SIGNED)
        assert (posts(first), posts(second)) == (1, 1)


def test_bytes_that_all_refuse_are_nowhere(connect: Connect) -> None:
    with (
        stub_node(always(Error("insufficient funds"))) as first,
        stub_node(always(Error("NonceGap"))) as second,
        pytest.raises(SourceRejected, match=r"insufficient funds.*NonceGap"),
    ):
        connect(first, second).send_raw(SIGNED)


def test_an_endpoint_of_another_chain_gets_nothing_and_has_no_say(connect: Connect) -> None:
    refusing, wrong = stub_node(always(Error("insufficient funds"))), stub_node(always(SIGNED.tx_hash), chain_id=1)
    with refusing as first, wrong as second:
        with pytest.raises(SourceRejected, match="insufficient funds"):
            connect(first, second).send_raw(SIGNED)
        assert posts(second) == 0


def test_after_a_broken_answer_reads_prefer_another_endpoint(connect: Connect) -> None:
    def half_broken(method: str, params: list[Any]) -> Any:
        return Http(500) if method == "eth_sendRawTransaction" else "0x1"

    with stub_node(half_broken) as broken, stub_node(always("0x2")) as sound:
        chain = connect(broken, sound)
        with pytest.raises(OutcomeUnknown):
            chain.send_raw(SIGNED)
        assert chain.read_nonce("0x" + "11" * 20) == 2


def test_private_bytes_go_to_every_private_endpoint_and_to_no_public_one(connect: Connect) -> None:
    with (
        stub_node(always(SIGNED.tx_hash)) as public,
        stub_node(always(Http(403))) as shut,
        stub_node(lambda method, params: SIGNED.tx_hash) as hidden,
    ):
        chain = connect(public, private=(shut, hidden))
        assert chain.sends_privately
        chain.send_raw(SIGNED, private=True)
        assert [method for method, _ in [*shut.asked, *hidden.asked]] == ["eth_sendRawTransaction"] * 2
        assert public.asked == []


def test_a_private_send_without_private_endpoints_is_not_made_public(connect: Connect) -> None:
    with stub_node(always(SIGNED.tx_hash)) as public:
        chain = connect(public)
        assert not chain.sends_privately
        with pytest.raises(OutcomeUnknown, match="no private endpoint"):
            chain.send_raw(SIGNED, private=True)
        assert public.asked == []


def test_the_url_of_a_private_endpoint_is_told_nowhere(connect: Connect) -> None:
    with stub_node(always(Http(500))) as hidden, pytest.raises(OutcomeUnknown, match=r"rpc:8453/private#0") as caught:
        connect("http://127.0.0.1:9", private=(hidden,)).send_raw(SIGNED, private=True)
    assert SECRET not in str(caught.value)


def test_a_definite_refusal_is_told_as_such(connect: Connect) -> None:
    with stub_node(always(Error("insufficient funds for gas * price + value", -32003))) as node:
        with pytest.raises(SourceRejected, match="insufficient funds"):
            connect(node).send_raw(SIGNED)
        assert posts(node) == 1


def test_nothing_is_sent_to_another_chain(connect: Connect) -> None:
    with stub_node(always(SIGNED.tx_hash), chain_id=1) as node:
        with pytest.raises(WrongChain):
            connect(node).send_raw(SIGNED)
        assert posts(node) == 0


def test_with_no_endpoint_up_the_outcome_is_unknown_and_not_failed(connect: Connect) -> None:
    with stub_node(always(None)) as node:
        gone = node.url
    with pytest.raises(OutcomeUnknown, match="no endpoint to send to"):
        connect(gone).send_raw(SIGNED)
