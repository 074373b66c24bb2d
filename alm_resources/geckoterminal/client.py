"""GeckoTerminal API v2 client."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from alm_core.model.errors import ConfigError
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_resources.geckoterminal.answers import SOURCE, read_pools, read_token_prices
from alm_resources.http import (
    CallBudget,
    Cooldowns,
    HttpAnswer,
    LocalSightings,
    PacedHttp,
    Sightings,
    SlidingWindow,
    usable,
)
from alm_resources.registry import Registry

REAL_HOST = "api.geckoterminal.com"
CALLS_PER_WINDOW = 10
WINDOW_S = 60.0
MAX_ADDRESSES = 30
HEADERS = {"Accept": "application/json;version=20230302"}


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
    budget, cooldowns, timeout_s, max_wait_s, sleep
        As :class:`PacedHttp`. By default a full window is waited out: what has no budget left would cost a pair the
        figures of all its pools.
    sightings
        Remembers when figures were first seen: answers carry no time, and a frozen cache is noticed only by it.
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
        sightings: Sightings | None = None,
        timeout_s: float = 15.0,
        max_wait_s: float = WINDOW_S + 5.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._networks = dict(networks)
        self._http = PacedHttp(
            SOURCE,
            session=session,
            budget=budget,
            cooldowns=cooldowns,
            timeout_s=timeout_s,
            max_wait_s=max_wait_s,
            sleep=sleep,
        )
        self._sightings = sightings or LocalSightings()
        self._clock = clock

    @classmethod
    def from_registry(
        cls,
        registry: Registry,
        *,
        budget: CallBudget | None = None,
        cooldowns: Cooldowns | None = None,
        sightings: Sightings | None = None,
    ) -> "GeckoTerminalClient":
        """Build from the registry; the real host gets a budget of its own if none is given."""
        url = registry.services.geckoterminal_url
        if budget is None and is_real_host(url):
            budget = SlidingWindow(calls=CALLS_PER_WINDOW, window_s=WINDOW_S)
        networks = {chain_id: chain.gecko_network for chain_id, chain in registry.chains.items()}
        return cls(url, networks, budget=budget, cooldowns=cooldowns, sightings=sightings)

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        """Fetch figures, up to 30 pools a request; pools the service does not know are left out.

        So are pools it shows with tokens that are not the registry's; the log names them.

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
                markets += self._fetch_batch(chain_id, {address: asked[address] for address in batch})
        return tuple(markets)

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        """Fetch USD prices by address, spelled as asked; unknown tokens are left out.

        A call of its own: figures of pools already tell the prices of their tokens and of the native coin.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            As :meth:`fetch_pools`.
        """
        prices: dict[str, float] = {}
        for batch in _batches(sorted({address.lower() for address in addresses})):
            answer = self._get(f"/simple/networks/{self._network(chain_id)}/token_price/{','.join(batch)}")
            prices |= {} if _knows_nothing(answer) else read_token_prices(self._http.json(answer))
        return {address: prices[address.lower()] for address in addresses if address.lower() in prices}

    def _fetch_batch(self, chain_id: int, asked: Mapping[str, Pool]) -> list[PoolMarket]:
        answer = self._get(f"/networks/{self._network(chain_id)}/pools/multi/{','.join(asked)}")
        found = {} if _knows_nothing(answer) else read_pools(self._http.json(answer), asked, self._clock())
        return usable(found, asked, answer, self._sightings)

    def _network(self, chain_id: int) -> str:
        if chain_id not in self._networks:
            raise ConfigError(f"chain {chain_id} has no GeckoTerminal network; known are {sorted(self._networks)}")
        return self._networks[chain_id]

    def _get(self, path: str) -> HttpAnswer:
        return self._http.get(f"{self._base_url}{path}", headers=HEADERS)


def _batches(addresses: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(addresses), MAX_ADDRESSES):
        yield addresses[start : start + MAX_ADDRESSES]


def _knows_nothing(answer: HttpAnswer) -> bool:
    # The service's own "not found" is JSON; any other 404 is a wrong address.
    return answer.status == 404 and answer.field("errors") is not None
