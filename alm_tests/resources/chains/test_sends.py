"""Sends: exactly one POST each, and what the answer means. Unknown is not failed."""

from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.errors import OutcomeUnknown, SourceRejected, WrongChain
from alm_core.model.transactions import SignedTransaction
from alm_resources.chains import Web3Chain
from alm_resources.chains.sending import SendVerdict, send_verdict
from alm_tests.resources.chains.stub_node import SECRET, Error, Http, stub_node

Connect = Callable[..., Web3Chain]
SIGNED = SignedTransaction(raw="0x02aa", tx_hash="0x" + "5a" * 32)


def always(answer: Any) -> Callable[[str, list[Any]], Any]:
    return lambda method, params: answer


# Texts of geth, Bor, Arbitrum, Erigon, Besu, Nethermind and anvil.
@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ("already known", SendVerdict.KNOWN),
        ("known transaction: 5a5a", SendVerdict.KNOWN),
        ("AlreadyKnown", SendVerdict.KNOWN),
        ("transaction already imported", SendVerdict.KNOWN),
        ("Transaction with the same hash was already imported.", SendVerdict.KNOWN),
        ("nonce too low", SendVerdict.UNKNOWN),
        ("nonce too low: address 0xab current nonce (7) > tx nonce (6)", SendVerdict.UNKNOWN),
        ("OldNonce", SendVerdict.UNKNOWN),
        ("replacement transaction underpriced", SendVerdict.UNKNOWN),
        ("sequencer pending tx pool full, please try again", SendVerdict.UNKNOWN),
        ("internal error", SendVerdict.UNKNOWN),
        ("", SendVerdict.UNKNOWN),
        ("transaction underpriced", SendVerdict.REFUSED),
        ("transaction gas price below minimum: gas tip cap 1", SendVerdict.REFUSED),
        ("insufficient funds for gas * price + value: balance 0, tx cost 1", SendVerdict.REFUSED),
        ("Insufficient funds for gas * price + value", SendVerdict.REFUSED),
        ("Upfront cost exceeds account balance", SendVerdict.REFUSED),
        ("intrinsic gas too low", SendVerdict.REFUSED),
        ("exceeds block gas limit", SendVerdict.REFUSED),
        ("tx fee (1.25 ether) exceeds the configured cap (1.00 ether)", SendVerdict.REFUSED),
        ("nonce too high: address 0xab, tx: 9 state: 7", SendVerdict.REFUSED),
        ("NonceGap", SendVerdict.REFUSED),
        ("max fee per gas less than block base fee: address 0xab", SendVerdict.REFUSED),
        ("invalid chain id for signer: have 1 want 8453", SendVerdict.REFUSED),
        ("max priority fee per gas higher than max fee per gas", SendVerdict.REFUSED),
    ],
)
def test_the_text_of_every_client_is_understood(message: str, verdict: SendVerdict) -> None:
    assert send_verdict(message) is verdict


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
    with stub_node(always(answer)) as node, stub_node(always(SIGNED.tx_hash)) as second:
        with pytest.raises(OutcomeUnknown, match=SIGNED.tx_hash) as caught:
            connect(node, second).send_raw(SIGNED)
        assert node.times("eth_sendRawTransaction") == 1
        assert second.times("eth_sendRawTransaction") == 0
        assert SECRET not in str(caught.value)


def test_after_an_unknown_outcome_the_next_attempt_goes_to_another_endpoint(connect: Connect) -> None:
    with stub_node(always(Http(500))) as broken, stub_node(always(SIGNED.tx_hash)) as sound:
        chain = connect(broken, sound)
        with pytest.raises(OutcomeUnknown):
            chain.send_raw(SIGNED)
        chain.send_raw(SIGNED)
        assert (broken.times("eth_sendRawTransaction"), sound.times("eth_sendRawTransaction")) == (1, 1)


def test_a_definite_refusal_is_told_as_such(connect: Connect) -> None:
    with stub_node(always(Error("insufficient funds for gas * price + value", -32003))) as node:
        with pytest.raises(SourceRejected, match="insufficient funds"):
            connect(node).send_raw(SIGNED)
        assert node.times("eth_sendRawTransaction") == 1


def test_nothing_is_sent_to_another_chain(connect: Connect) -> None:
    with stub_node(always(SIGNED.tx_hash), chain_id=1) as node:
        with pytest.raises(WrongChain):
            connect(node).send_raw(SIGNED)
        assert node.times("eth_sendRawTransaction") == 0


def test_with_no_endpoint_up_the_outcome_is_unknown_and_not_failed(connect: Connect) -> None:
    with stub_node(always(None)) as node:
        gone = node.url
    with pytest.raises(OutcomeUnknown, match="no endpoint to send to"):
        connect(gone).send_raw(SIGNED)
