"""How old figures are whose source sends no time: as old as its caches say, and as our first sight of them."""

import hashlib
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from alm_core.model.market import PoolMarket
from alm_resources.http.get import HttpAnswer

# Caches of one service take turns: the figures before the last ones may come back, and are not new then.
REMEMBERED_PER_KEY = 8


class Sightings(Protocol):
    """Memory of what was seen, and when first."""

    def first_seen_at(self, key: str, digest: str, at: datetime) -> datetime:
        """Note that ``digest`` was true of ``key`` at a moment; return the earliest such moment known."""
        ...


class LocalSightings:
    """Sightings of one process.

    Examples
    --------
    >>> seen = LocalSightings()
    >>> seen.first_seen_at("pool", "a", datetime(2026, 11, 22, 10, 30)).minute
    30
    >>> seen.first_seen_at("pool", "a", datetime(2026, 11, 22, 10, 45)).minute
    30
    >>> seen.first_seen_at("pool", "b", datetime(2026, 11, 22, 10, 45)).minute
    45
    """

    def __init__(self) -> None:
        self._seen: dict[str, OrderedDict[str, datetime]] = {}

    def first_seen_at(self, key: str, digest: str, at: datetime) -> datetime:
        """Note that ``digest`` was true of ``key`` at a moment; return the earliest such moment known."""
        seen = self._seen.setdefault(key, OrderedDict())
        seen[digest] = min(seen.get(digest, at), at)
        seen.move_to_end(digest)
        if len(seen) > REMEMBERED_PER_KEY:
            seen.popitem(last=False)
        return seen[digest]


def dated(market: PoolMarket, answer: HttpAnswer, sightings: Sightings) -> PoolMarket:
    """Return the figures with the latest moment they can be from."""
    at = market.fetched_at - timedelta(seconds=answer.seconds("age") or 0.0)
    prices = (market.base_usd, market.quote_usd, market.native_usd)
    figures = (market.volume_24h_usd, market.tvl_usd, market.fee_frac, *prices)
    digest = hashlib.sha256(repr(figures).encode()).hexdigest()
    return replace(market, as_of_at=sightings.first_seen_at(f"{market.source}:{market.pool_id}", digest, at))
