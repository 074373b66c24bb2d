"""DexScreener API client."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests

from alm_core.model.errors import ConfigError
from alm_core.model.market import PoolMarket
from alm_core.model.pools import Pool
from alm_resources.dexscreener.answers import SOURCE, read_pairs, read_token_prices
from alm_resources.http import (
    CallBudget,
    Cooldowns,
    HttpAnswer,
    LocalSightings,
    PacedHttp,
    Sightings,
    TokenBucket,
    usable,
)

REAL_URL = "https://api.dexscreener.com"
REAL_HOST = "api.dexscreener.com"
CALLS_PER_MINUTE = 300
MAX_ADDRESSES = 30
HEADERS = {"Accept": "application/json"}
CHAINS: Mapping[int, str] = {
    1: "ethereum",
    56: "bsc",
    137: "polygon",
    999: "hyperevm",
    8453: "base",
    42161: "arbitrum",
    43114: "avalanche",
}
"""Slug by chain id."""


class DexScreenerClient:
    """Volume, liquidity and prices of pools; it knows neither fees nor the price of the native coin.

    Parameters
    ----------
    base_url
        Without a path. The public service gets a budget of its own if none is given.
    budget, cooldowns, timeout_s, max_wait_s, sleep
        As :class:`PacedHttp`.
    sightings
        Remembers when figures were first seen: answers carry no time, and a frozen cache is noticed only by it.
    clock
        Stamps ``fetched_at``.
    """

    def __init__(
        self,
        base_url: str = REAL_URL,
        *,
        session: requests.Session | None = None,
        budget: CallBudget | None = None,
        cooldowns: Cooldowns | None = None,
        sightings: Sightings | None = None,
        timeout_s: float = 15.0,
        max_wait_s: float = 30.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        if budget is None and urlsplit(base_url).hostname == REAL_HOST:
            budget = TokenBucket(capacity=CALLS_PER_MINUTE // 10, per_s=CALLS_PER_MINUTE / 60)
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

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        """Fetch figures, up to 30 pools a request; pools the service does not know are left out.

        So are pools it shows with tokens that are not the registry's; the log names them.

        Raises
        ------
        ConfigError
            If the service has no such chain.
        SourceUnavailable
            If the service is down or limits us for longer than the client waits.
        SourceRejected, BadAnswer
            If it refuses, or sends what cannot be true; names the field.
        """
        markets: list[PoolMarket] = []
        for chain_id in sorted({pool.chain_id for pool in pools}):
            asked = {pool.address.lower(): pool for pool in pools if pool.chain_id == chain_id}
            for batch in _batches(sorted(asked)):
                markets += self._fetch_batch(_chain(chain_id), {address: asked[address] for address in batch})
        return tuple(markets)

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        """Fetch USD prices by address, spelled as asked; unknown tokens are left out.

        Raises
        ------
        ConfigError, SourceUnavailable, SourceRejected, BadAnswer
            As :meth:`fetch_pools`.
        """
        prices: dict[str, float] = {}
        chain = _chain(chain_id)
        for batch in _batches(sorted({address.lower() for address in addresses})):
            body = self._http.json(self._get(f"/tokens/v1/{chain}/{','.join(batch)}"))
            prices |= read_token_prices(body, chain, batch)
        return {address: prices[address.lower()] for address in addresses if address.lower() in prices}

    def _fetch_batch(self, chain: str, asked: Mapping[str, Pool]) -> list[PoolMarket]:
        answer = self._get(f"/latest/dex/pairs/{chain}/{','.join(asked)}")
        found = read_pairs(self._http.json(answer), chain, asked, self._clock())
        return usable(found, asked, answer, self._sightings)

    def _get(self, path: str) -> HttpAnswer:
        return self._http.get(f"{self._base_url}{path}", headers=HEADERS)


def _chain(chain_id: int) -> str:
    if chain_id not in CHAINS:
        raise ConfigError(f"chain {chain_id} has no DexScreener slug; known are {sorted(CHAINS)}")
    return CHAINS[chain_id]


def _batches(addresses: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(addresses), MAX_ADDRESSES):
        yield addresses[start : start + MAX_ADDRESSES]
