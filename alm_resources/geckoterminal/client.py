"""GeckoTerminal API v2 client."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from alm_core.model.errors import BadAnswer, ConfigError, SourceRejected, SourceUnavailable
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_resources.geckoterminal.answers import SOURCE, read_pools, read_token_prices
from alm_resources.http import CallBudget, Cooldowns, HttpAnswer, JsonHttp, LocalCooldowns, TokenBucket
from alm_resources.registry import Registry

REAL_HOST = "api.geckoterminal.com"
CALLS_PER_MINUTE = 10
MAX_ADDRESSES = 30
HEADERS = {"Accept": "application/json;version=20230302"}
DEFAULT_COOLDOWN_S = 30.0


def is_real_host(url: str) -> bool:
    """Whether a base URL is the public service, whose calls are counted, and not a stand-in."""
    return urlsplit(url).hostname == REAL_HOST


class GeckoTerminalClient:
    """Figures of pools and USD prices of tokens.

    Parameters
    ----------
    base_url
        Up to and including ``/api/v2``.
    networks
        Slug of each chain id.
    budget
        Calls granted over time. Every request counts, refused ones too. ``None`` for a stand-in without limits.
    cooldowns
        Remembers a 429 until it lifts; shared by processes if it lives in the hot state.
    max_wait_s
        Longest time that one call waits for budget and cooldown together.
    clock
        Stamps ``fetched_at``.
    """

    def __init__(
        self,
        base_url: str,
        networks: Mapping[int, str],
        *,
        session: requests.Session | None = None,
        budget: CallBudget | None = None,
        cooldowns: Cooldowns | None = None,
        timeout_s: float = 15.0,
        max_wait_s: float = 45.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._networks = dict(networks)
        self._http = JsonHttp(SOURCE, session=session, timeout_s=timeout_s)
        self._budget = budget
        self._cooldowns = cooldowns or LocalCooldowns()
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._sleep = sleep

    @classmethod
    def from_registry(
        cls, registry: Registry, *, budget: CallBudget | None = None, cooldowns: Cooldowns | None = None
    ) -> "GeckoTerminalClient":
        """Build from the registry; the real host gets a budget of its own if none is given."""
        url = registry.services.geckoterminal_url
        if budget is None and is_real_host(url):
            budget = TokenBucket(capacity=CALLS_PER_MINUTE, per_s=CALLS_PER_MINUTE / 60)
        networks = {chain_id: chain.gecko_network for chain_id, chain in registry.chains.items()}
        return cls(url, networks, budget=budget, cooldowns=cooldowns)

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        """Fetch figures, up to 30 pools a request; pools the service does not know are left out.

        Raises
        ------
        SourceUnavailable
            If the service is down or limits us for longer than the client waits.
        SourceRejected, BadAnswer
            If it refuses, or sends what cannot be true; names the field.
        """
        markets: list[PoolMarket] = []
        for chain_id in sorted({pool.chain_id for pool in pools}):
            asked = {pool.address.lower(): pool for pool in pools if pool.chain_id == chain_id}
            for batch in _batches(sorted(asked)):
                body = self._get(f"/networks/{self._network(chain_id)}/pools/multi/{','.join(batch)}")
                found = {} if body is None else read_pools(body, {a: asked[a] for a in batch}, self._clock())
                markets += [found[address] for address in batch if address in found]
        return tuple(markets)

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        """Fetch USD prices by address, spelled as asked; unknown tokens are left out.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            As :meth:`fetch_pools`.
        """
        prices: dict[str, float] = {}
        for batch in _batches(sorted({address.lower() for address in addresses})):
            path = f"/simple/networks/{self._network(chain_id)}/token_price/{','.join(batch)}"
            body = self._get(path)
            prices |= {} if body is None else read_token_prices(body)
        return {address: prices[address.lower()] for address in addresses if address.lower() in prices}

    def _network(self, chain_id: int) -> str:
        if chain_id not in self._networks:
            raise ConfigError(f"chain {chain_id} has no GeckoTerminal network; known are {sorted(self._networks)}")
        return self._networks[chain_id]

    def _get(self, path: str) -> object:
        """Body of the answer, ``None`` where the service knows nothing under that path."""
        waited_s = 0.0
        while True:
            waited_s += self._wait_for_turn(waited_s)
            answer = self._http.get(f"{self._base_url}{path}", params={}, headers=HEADERS)
            if answer.status == 429:
                cooldown_s = answer.seconds("retry-after")
                self._cooldowns.start_cooldown(SOURCE, DEFAULT_COOLDOWN_S if cooldown_s is None else cooldown_s + 1.0)
                continue
            return _body(answer)

    def _wait_for_turn(self, waited_s: float) -> float:
        start_s = waited_s
        while (wait_s := self._cooldowns.cooldown_s(SOURCE) or self._take()) > 0:
            if waited_s + wait_s > self._max_wait_s:
                detail = f"rate limit: next call in {wait_s:.0f} s, waited {waited_s:.0f} s of {self._max_wait_s:g} s"
                raise SourceUnavailable(SOURCE, detail)
            self._sleep(wait_s)
            waited_s += wait_s
        return waited_s - start_s

    def _take(self) -> float:
        return 0.0 if self._budget is None else self._budget.take()


def _batches(addresses: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(addresses), MAX_ADDRESSES):
        yield addresses[start : start + MAX_ADDRESSES]


def _body(answer: HttpAnswer) -> object:
    # The service's own "not found" is JSON; any other 404 is a wrong address.
    if answer.status == 404 and answer.field("errors") is not None:
        return None
    if answer.status >= 500:
        raise SourceUnavailable(SOURCE, f"HTTP {answer.status}: {answer.excerpt}")
    if answer.status != 200:
        raise SourceRejected(SOURCE, f"HTTP {answer.status}: {answer.excerpt}")
    if answer.json is None:
        raise BadAnswer(SOURCE, f"HTTP 200 but not JSON: {answer.excerpt}")
    return answer.json
