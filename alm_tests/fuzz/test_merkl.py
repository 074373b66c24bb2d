"""Rewards of Merkl: a broken body is refused, or its rewards are still this wallet's and fit what a claim takes."""

import random
from typing import Any

import pytest

from alm_core.model.errors import SourceError
from alm_resources.merkl import MerklClient
from alm_resources.merkl.answers import MOST_SIBLINGS, MerklReward
from alm_tests.fuzz.harness import CASES, assert_told_apart, fuzz, refused
from alm_tests.fuzz.mutation import Seed, broken_body
from alm_tests.fuzz.transport import ByteSession

pytestmark = pytest.mark.timeout(300 + CASES // 500)

OWNER = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
TOKENS = ("0x940181a94A35A4569E4529A3CDfB74e38FD98631", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")
CHAIN_ID = 8453


def _reward(token: str, amount: int, proof: int) -> dict[str, Any]:
    return {
        "root": "0x" + "5a" * 32,
        "recipient": OWNER,
        "amount": str(amount),
        "claimed": str(amount // 3),
        "pending": "12",
        "proofs": ["0x" + f"{number:064x}" for number in range(1, proof + 1)],
        "token": {"address": token, "chainId": CHAIN_ID, "symbol": "T", "decimals": 18, "price": 0.7},
        "breakdowns": [{"reason": "UniswapV3", "amount": "1", "claimed": "0", "pending": "0", "campaignId": "0x01"}],
    }


def _body(*rewards: dict[str, Any]) -> list[dict[str, Any]]:
    chain = {"id": CHAIN_ID, "name": "Base", "icon": "", "liveCampaigns": 12, "endOfDisputePeriod": 1_763_900_000}
    return [{"chain": chain, "rewards": list(rewards)}]


SEEDS = [
    Seed(_body(_reward(TOKENS[0], 15 * 10**17, 17))),
    Seed(_body(_reward(TOKENS[0], 1, 0), _reward(TOKENS[1], 2**200, 20))),
]


class Service:
    """A client of Merkl that is answered with one body."""

    def __init__(self) -> None:
        self._session: Any = ByteSession(lambda _url, _sent: (200, self._body))
        self._body = b""
        self._client = MerklClient("http://merkl", session=self._session, sleep=_never)

    def rewards(self, body: bytes) -> tuple[MerklReward, ...]:
        """Read the body as the answer to the question of this module."""
        self._body, self._session.asked = body, 0
        return self._client.fetch_rewards(CHAIN_ID, OWNER)


def _never(_seconds: float) -> None:
    raise AssertionError("a body was asked for twice")


def _broken(rng: random.Random) -> bytes:
    return broken_body(rng, rng.choice(SEEDS))


@pytest.mark.parametrize("seed", SEEDS)
def test_right_rewards_are_read(seed: Seed) -> None:
    assert Service().rewards(seed.body)[0].token == TOKENS[0]


def test_broken_rewards_are_refused_or_still_what_a_claim_could_hold(record_property: Any) -> None:
    service = Service()

    def check(body: bytes) -> bool:
        try:
            rewards = service.rewards(body)
        except SourceError as error:
            return refused(error, "merkl")
        for reward in rewards:
            assert_claimable(reward)
        assert len({reward.token for reward in rewards}) == len(rewards)
        return True

    verdicts = fuzz("rewards of merkl", _broken, check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def assert_claimable(reward: MerklReward) -> None:
    """Whatever was read fits the words of a claim."""
    assert 0 <= reward.cumulative < 2**208
    assert 0 <= reward.pending < 2**208
    assert len(bytes.fromhex(reward.token[2:])) == 20
    assert len(reward.siblings) <= MOST_SIBLINGS
    assert all(len(bytes.fromhex(node[2:])) == 32 for node in (reward.root, *reward.siblings))
