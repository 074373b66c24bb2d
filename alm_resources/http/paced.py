"""GETs of one source at the pace it grants."""

import random
import time
from collections.abc import Callable, Mapping

import requests

from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_resources.http.get import HttpAnswer, JsonHttp
from alm_resources.http.limits import CallBudget, Cooldowns, LocalCooldowns

FIRST_COOLDOWN_S = 15.0
LONGEST_COOLDOWN_S = 120.0
# A header that asks for more is not believed: one wrong number would silence the source for all processes.
LONGEST_RETRY_AFTER_S = 3600.0


class PacedHttp:
    """GETs of one source; waits for budget and cooldown, and sits a 429 out.

    Parameters
    ----------
    source
        Name of the source, in errors and cooldowns.
    budget
        Calls granted over time. Every request counts, refused ones too. ``None`` for a stand-in without limits.
    cooldowns
        Remembers a 429 until it lifts; shared by processes if it lives in the hot state.
    timeout_s
        Of one exchange.
    max_wait_s
        Longest time that one call waits for budget and cooldown together.
    jitter
        Draws from [0, 1): processes that were refused together do not come back together.
    """

    def __init__(
        self,
        source: str,
        *,
        session: requests.Session | None = None,
        budget: CallBudget | None = None,
        cooldowns: Cooldowns | None = None,
        timeout_s: float = 15.0,
        max_wait_s: float = 45.0,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._source = source
        self._http = JsonHttp(source, session=session, timeout_s=timeout_s)
        self._budget = budget
        self._cooldowns = cooldowns or LocalCooldowns()
        self._max_wait_s = max_wait_s
        self._sleep = sleep
        self._jitter = jitter
        self._refusals = 0

    def get(self, url: str, *, headers: Mapping[str, str]) -> HttpAnswer:
        """Send one GET when it is our turn, and again when a 429 has lifted.

        Raises
        ------
        SourceUnavailable
            If the turn is further away than the longest wait, or there is no answer.
        BadAnswer
            If the body is larger than allowed.
        """
        waited_s = 0.0
        while True:
            waited_s = self._wait_for_turn(waited_s)
            answer = self._http.get(url, params={}, headers=headers)
            if answer.status != 429:
                self._refusals = 0
                return answer
            self._cooldowns.start_cooldown(self._source, self._cooldown_after(answer))

    def json(self, answer: HttpAnswer) -> object:
        """Body of an answer that is neither a refusal nor something else than JSON.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            By status; names it with the start of the body.
        """
        if answer.status >= 500 or answer.status == 408:
            raise SourceUnavailable(self._source, f"HTTP {answer.status}: {answer.excerpt}")
        if answer.status != 200:
            raise SourceRejected(self._source, f"HTTP {answer.status}: {answer.excerpt}")
        if answer.json is None:
            raise BadAnswer(self._source, f"HTTP 200 but not JSON: {answer.excerpt}")
        return answer.json

    def _cooldown_after(self, answer: HttpAnswer) -> float:
        told_s = answer.seconds("retry-after")
        if told_s is not None:
            return min(told_s + 1.0, LONGEST_RETRY_AFTER_S)
        backoff_s = min(FIRST_COOLDOWN_S * 2.0 ** min(self._refusals, 8), LONGEST_COOLDOWN_S)
        self._refusals += 1
        return backoff_s * (1.0 + 0.25 * self._jitter())

    def _wait_for_turn(self, waited_s: float) -> float:
        """Wait, and return the total waited."""
        while (wait_s := self._cooldowns.cooldown_s(self._source) or self._take()) > 0:
            if waited_s + wait_s > self._max_wait_s:
                detail = f"rate limit: next call in {wait_s:.0f} s, waited {waited_s:.0f} s of {self._max_wait_s:g} s"
                raise SourceUnavailable(self._source, detail)
            self._sleep(wait_s)
            waited_s += wait_s
        return waited_s

    def _take(self) -> float:
        return 0.0 if self._budget is None else self._budget.take()
