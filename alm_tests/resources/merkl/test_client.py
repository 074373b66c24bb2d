"""What Merkl says is read to the unit or refused by name; a broken answer never reads as nothing earned."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings

from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_resources.merkl import MerklClient
from alm_resources.merkl.answers import MerklReward, read_rewards
from alm_tests.resources.http.bodies import junk, mutated
from alm_tests.resources.http.stub import Answer, Request, http_stub

USER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOKEN = "0x940181a94A35A4569E4529A3CDfB74e38FD98631"
OTHER = "0x4200000000000000000000000000000000000006"
ROOT = "0x" + "5a" * 32
PROOF = ["0x" + "01" * 32, "0x" + "AB" * 32]
BODY: list[dict[str, Any]] = [
    {
        "chain": {"id": 8453, "name": "Base", "icon": "", "liveCampaigns": 12, "endOfDisputePeriod": 1_763_900_000},
        "rewards": [
            {
                "root": ROOT,
                "recipient": USER,
                "amount": "1500000000000000000",
                "claimed": "0",
                "pending": "7",
                "proofs": PROOF,
                "token": {"address": TOKEN, "chainId": 8453, "symbol": "AERO", "decimals": 18, "price": 0.7},
                "breakdowns": [{"reason": "UniswapV3", "amount": "1", "claimed": "0", "pending": "0"}],
            },
        ],
    }
]
READ = MerklReward(token=TOKEN, cumulative=15 * 10**17, pending=7, root=ROOT, siblings=(PROOF[0], "0x" + "ab" * 32))


def body_with(path: tuple[Any, ...], value: Any) -> Any:
    body = copy.deepcopy(BODY)
    holder: Any = body
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return body


def reward_with(name: str, value: Any) -> Any:
    return body_with((0, "rewards", 0, name), value)


def client_answering(answer: Answer) -> Any:
    return http_stub(lambda _: answer)


def test_a_sound_answer_is_read_to_the_unit() -> None:
    assert read_rewards(BODY, 8453, USER) == (READ,)
    assert read_rewards(BODY, 8453, USER.lower()) == (READ,)


def test_the_request_names_chain_and_wallet_in_lower_case() -> None:
    asked: list[Request] = []

    def serve(request: Request) -> Answer:
        asked.append(request)
        return Answer(BODY)

    with http_stub(serve) as stub:
        assert MerklClient(stub.url + "/").fetch_rewards(8453, USER) == (READ,)
    assert [(request.path, request.query) for request in asked] == [
        (f"/v4/users/{USER.lower()}/rewards", {"chainId": "8453"})
    ]


@pytest.mark.parametrize("body", [[], [{"chain": {"id": 8453}, "rewards": []}]])
def test_a_wallet_that_never_earned_anything_has_no_rewards(body: Any) -> None:
    assert read_rewards(body, 8453, USER) == ()


@pytest.mark.parametrize(
    "body", [None, {}, "", 0, False, {"rewards": []}, [None], [[]], [{}], [{"chain": {"id": 8453}}]]
)
def test_a_body_of_another_shape_is_not_an_empty_one(body: Any) -> None:
    with pytest.raises(BadAnswer):
        read_rewards(body, 8453, USER)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (reward_with("amount", 15), ("amount", "15", "string")),
        (reward_with("amount", "-1"), ("amount", "'-1'", "whole number")),
        (reward_with("amount", "1.5"), ("amount", "'1.5'")),
        (reward_with("amount", "1e18"), ("amount", "'1e18'")),
        (reward_with("amount", None), ("amount", "None")),
        (reward_with("amount", str(2**208)), ("amount", "208 bits")),
        (reward_with("claimed", "no"), ("claimed", "'no'")),
        (reward_with("pending", ""), ("pending", "''")),
        (reward_with("root", ROOT[:-1]), ("root", "32 bytes")),
        (reward_with("proofs", None), ("proofs", "None")),
        (reward_with("proofs", ["0x12"]), ("proofs", "'0x12'", "32 bytes")),
        (reward_with("proofs", [PROOF[0]] * 65), ("proofs", "list of 65")),
        (reward_with("recipient", OTHER), (OTHER, "not asked for")),
        (reward_with("recipient", USER[:-1]), ("recipient", "20 bytes")),
        (reward_with("token", {"address": TOKEN, "chainId": 1}), (TOKEN, "chain 1", "8453")),
        (reward_with("token", {"address": "AERO", "chainId": 8453}), ("token.address", "'AERO'")),
        (reward_with("token", {"address": TOKEN, "chainId": "8453"}), ("token.chainId",)),
        (body_with((0, "chain", "id"), 10), ("chain 10", "8453")),
        (body_with((0, "rewards"), BODY[0]["rewards"] * 2), (TOKEN, "twice")),
        (BODY * 2, (TOKEN, "twice")),
    ],
)
def test_what_cannot_be_true_is_refused_by_name(body: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(BadAnswer) as refusal:
        read_rewards(body, 8453, USER)
    assert all(word in str(refusal.value) for word in ("merkl", *words))


@given(mutated(BODY))
@settings(max_examples=300)
def test_an_answer_gone_wrong_is_refused_or_still_about_this_wallet(body: Any) -> None:
    try:
        rewards = read_rewards(body, 8453, USER)
    except BadAnswer:
        return
    for reward in rewards:
        assert 0 <= reward.cumulative < 2**208
        assert len(bytes.fromhex(reward.token[2:])) == 20
        assert all(len(bytes.fromhex(sibling[2:])) == 32 for sibling in (reward.root, *reward.siblings))


@given(junk)
def test_junk_is_refused_or_empty(body: Any) -> None:
    try:
        assert read_rewards(body, 8453, USER) == ()
    except BadAnswer:
        return
    assert body == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer("<html>Just a moment...</html>"), BadAnswer),
        (Answer("[", 200), BadAnswer),
        (Answer({"error": "NOT_FOUND"}, 404), SourceRejected),
        (Answer({"type": "validation"}, 422), SourceRejected),
        (Answer({"error": "boom"}, 500), SourceUnavailable),
        (Answer("", 502), SourceUnavailable),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_its_kind(answer: Answer, error: type[Exception]) -> None:
    with client_answering(answer) as stub, pytest.raises(error):
        MerklClient(stub.url).fetch_rewards(8453, USER)


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable):
        MerklClient("http://127.0.0.1:9").fetch_rewards(8453, USER)


def test_a_limit_that_does_not_lift_in_time_is_unavailable_and_remembered() -> None:
    with client_answering(Answer({"error": "Too Many Requests"}, 429, {"Retry-After": "3600"})) as stub:
        client = MerklClient(stub.url, max_wait_s=1.0)
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match="rate limit"):
                client.fetch_rewards(8453, USER)
        assert len(stub.requests) == 1
