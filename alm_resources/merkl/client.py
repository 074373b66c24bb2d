"""Merkl API client."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from alm_resources.http import CallBudget, Cooldowns, PacedHttp, TokenBucket
from alm_resources.merkl.answers import SOURCE, MerklReward, read_rewards

REAL_URL = "https://api.merkl.xyz"
CALLS_PER_S = 1.0
"""Of ours, far below what the service takes from one address."""
HEADERS = {"Accept": "application/json"}


class MerklClient:
    """Rewards of a wallet with their proofs. What it says is worth nothing before the chain's own root agrees.

    Parameters
    ----------
    base_url
        Without a path. The public service gets a budget of its own if none is given.
    budget, cooldowns, timeout_s, max_wait_s, sleep
        As :class:`PacedHttp`.
    """

    def __init__(
        self,
        base_url: str = REAL_URL,
        *,
        session: requests.Session | None = None,
        budget: CallBudget | None = None,
        cooldowns: Cooldowns | None = None,
        timeout_s: float = 15.0,
        max_wait_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        if budget is None and urlsplit(base_url).hostname == urlsplit(REAL_URL).hostname:
            budget = TokenBucket(capacity=5, per_s=CALLS_PER_S)
        self._http = PacedHttp(
            SOURCE,
            session=session,
            budget=budget,
            cooldowns=cooldowns,
            timeout_s=timeout_s,
            max_wait_s=max_wait_s,
            sleep=sleep,
        )

    def fetch_rewards(self, chain_id: int, owner: str) -> tuple[MerklReward, ...]:
        """Fetch what a wallet has earned on a chain, in any programme of it, ever.

        Raises
        ------
        SourceUnavailable
            If the service is down or limits us for longer than the client waits.
        SourceRejected, BadAnswer
            If it refuses, or sends what cannot be true; names the field.
        """
        url = f"{self._base_url}/v4/users/{owner.lower()}/rewards?chainId={chain_id}"
        return read_rewards(self._http.json(self._http.get(url, headers=HEADERS)), chain_id, owner)
