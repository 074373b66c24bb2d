"""Requests to Li.Fi within its budget: never more than it grants, and none while it keeps us away."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn
from urllib.parse import urlsplit

import requests

from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_resources.http import CallBudget, Cooldowns, HttpAnswer, JsonHttp, LocalCooldowns
from alm_resources.lifi.calldata import SOURCE

REAL_HOST = "li.quest"
QUOTA_WINDOW_S = 7200.0
"""The window of Li.Fi's quota; used where a 429 does not say when it lifts."""

Endpoint = Literal["quote", "advanced/routes", "advanced/stepTransaction", "status"]
KEYLESS_CALLS: Mapping[Endpoint, tuple[int, float]] = {
    "quote": (75, QUOTA_WINDOW_S),
    "advanced/routes": (75, QUOTA_WINDOW_S),
    "advanced/stepTransaction": (50, QUOTA_WINDOW_S),
    "status": (100, 60.0),
}
"""Calls and seconds of the window that Li.Fi grants without a key, by endpoint (docs.li.fi, rate limits)."""

KEYED_CALLS: Mapping[Endpoint, tuple[int, float]] = {
    "quote": (12_000, QUOTA_WINDOW_S),
    "advanced/routes": (12_000, QUOTA_WINDOW_S),
    "advanced/stepTransaction": (12_000, QUOTA_WINDOW_S),
    "status": (100, 60.0),
}
"""The same with a key of the default plan: 100 a minute, counted over two hours."""


class OutOfBudget(SourceUnavailable):
    """Not asked: the window of the endpoint is used up. Another endpoint may still be open."""


def is_real_host(url: str) -> bool:
    """Whether a base URL is the public service, whose calls are counted, and not a stand-in."""
    return urlsplit(url).hostname == REAL_HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: what goes into the query, or into the body of a POST."""

    endpoint: Endpoint
    params: Mapping[str, str] | None = None
    body: object = None


class LifiHttp:
    """Requests to one base URL.

    Parameters
    ----------
    base_url
        Up to and including ``/v1``.
    api_key
        Sent as header; never part of an error.
    budgets
        By endpoint; one that is missing is without limit. Every request counts, refused ones too.
    cooldowns
        Remembers a 429 until it lifts, which may take two hours; shared by processes if it lives in the hot state.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        budgets: Mapping[Endpoint, CallBudget] | None = None,
        cooldowns: Cooldowns | None = None,
        session: requests.Session | None = None,
        timeout_s: float = 20.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json"} | ({} if api_key is None else {"x-lifi-api-key": api_key})
        self._budgets = dict(budgets or {})
        self._cooldowns = cooldowns or LocalCooldowns()
        self._http = JsonHttp(SOURCE, session=session, timeout_s=timeout_s)
        self._sleep = sleep

    def ask(self, asked: Asked) -> object:
        """Send one request and return the JSON of its answer.

        Raises
        ------
        OutOfBudget
            If it was not sent.
        SourceUnavailable
            If the service is down, limits us, or a third party behind it fails.
        SourceRejected
            If there is no route, or the request is refused.
        BadAnswer
            If the answer is no JSON.
        """
        answer = self._send(asked)
        if answer.status == 500:
            # Their own SDK asks once more, after half a second, and only for this status.
            self._sleep(0.5)
            answer = self._send(asked)
        if answer.status != 200:
            self._refuse(asked.endpoint, answer)
        if answer.json is None:
            raise BadAnswer(SOURCE, f"HTTP 200 but not JSON: {answer.excerpt}")
        return answer.json

    def _send(self, asked: Asked) -> HttpAnswer:
        if (wait_s := self._cooldowns.cooldown_s(_limit_of(asked.endpoint))) > 0:
            raise SourceUnavailable(SOURCE, f"rate limit: lifts in {wait_s:.0f} s, not asked")
        if (wait_s := self._wait_s(asked.endpoint)) > 0:
            raise OutOfBudget(SOURCE, f"lifi_budget: no {asked.endpoint} left in the window, next in {wait_s:.0f} s")
        url = f"{self._base_url}/{asked.endpoint}"
        if asked.params is not None:
            answer = self._http.get(url, params=asked.params, headers=self._headers)
        else:
            answer = self._http.post(url, body=asked.body, headers=self._headers)
        if answer.headers.get("ratelimit-remaining") == "0" and (reset_s := answer.seconds("ratelimit-reset")):
            self._cooldowns.start_cooldown(_spent_name(asked.endpoint), min(reset_s, QUOTA_WINDOW_S))
        return answer

    def _wait_s(self, endpoint: Endpoint) -> float:
        budget = self._budgets.get(endpoint)
        told_s = self._cooldowns.cooldown_s(_spent_name(endpoint))
        return told_s or (0.0 if budget is None else budget.take())

    def _refuse(self, endpoint: Endpoint, answer: HttpAnswer) -> NoReturn:
        detail = f"HTTP {answer.status}: {_message(answer)}"
        if answer.status == 429:
            reset_s = answer.seconds("ratelimit-reset") or answer.seconds("retry-after") or QUOTA_WINDOW_S
            self._cooldowns.start_cooldown(_limit_of(endpoint), min(reset_s, QUOTA_WINDOW_S))
            raise SourceUnavailable(SOURCE, f"{detail}; next {endpoint} in {reset_s:.0f} s")
        # 409: the price moved while quoting; 424: a tool behind Li.Fi failed. Both may pass.
        if answer.status in (408, 409, 424) or answer.status >= 500:
            raise SourceUnavailable(SOURCE, detail)
        raise SourceRejected(SOURCE, detail)


def _limit_of(endpoint: Endpoint) -> str:
    # After a refusal nothing that quotes is asked; what became of a transfer must still be asked for.
    return f"{SOURCE}:status" if endpoint == "status" else SOURCE


def _spent_name(endpoint: Endpoint) -> str:
    return f"{SOURCE}:spent:{endpoint}"


def _message(answer: HttpAnswer) -> str:
    message = answer.field("message")
    return answer.excerpt if message is None else f"code {answer.field('code')}: {message!s:.160}"
