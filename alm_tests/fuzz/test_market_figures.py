"""Pools and token prices of GeckoTerminal, pairs and token prices of DexScreener: body, client, figures."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from typing import Any
from zlib import crc32

import pytest

from alm_core.model.errors import SourceError
from alm_core.model.market import PoolMarket
from alm_resources.dexscreener import DexScreenerClient
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.registry import load_registry
from alm_tests.fuzz.harness import CASES, assert_told_apart, fuzz, refused
from alm_tests.fuzz.mutation import Seed, broken_body
from alm_tests.fuzz.numbers_sent import numbers_in
from alm_tests.fuzz.recorded import recorded
from alm_tests.fuzz.transport import ByteSession

pytestmark = pytest.mark.timeout(300 + CASES // 500)

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
POOLS = [pool for pool in load_registry(None).pools_of("WETH-USDC") if pool.chain_id == 1]
TOKENS = [POOLS[0].base.address, POOLS[0].quote.address]
Figures = tuple[PoolMarket, ...] | dict[str, float]


def _gecko_pools() -> list[Any]:
    bodies = [{"data": [_gecko_pool(pool.address, pool.base.address, pool.quote.address) for pool in POOLS]}]
    found = recorded("geckoterminal/pool_eth_WETH_USDC_005_2026-10-04.json")
    return [*bodies, *({**body, "data": [body["data"]]} for body in found)]


def _gecko_pool(address: str, base: str, quote: str) -> dict[str, Any]:
    attributes = {
        "address": address.lower(),
        "base_token_price_usd": "2700.79",
        "quote_token_price_usd": "0.99928623215785",
        "base_token_price_native_currency": "1.0",
        "quote_token_price_native_currency": "0.000369998873370117",
        "pool_fee_percentage": "0.05",
        "volume_usd": {"h1": "1084859.26", "h24": "17180059.2875897"},
        "reserve_in_usd": "98049483.9936",
    }
    tokens = {"base_token": base, "quote_token": quote}
    relationships = {name: {"data": {"id": f"eth_{token.lower()}", "type": "token"}} for name, token in tokens.items()}
    return {"id": f"eth_{address}", "type": "pool", "attributes": attributes, "relationships": relationships}


def _gecko_prices() -> list[Any]:
    prices = {TOKENS[0].lower(): "2700.79", TOKENS[1].lower(): "1.00155068153471", "0x" + "1" * 40: None}
    own = {"data": {"id": "x", "type": "simple_token_price", "attributes": {"token_prices": prices}}}
    return [own, *recorded("geckoterminal/get_simple_token_price.json")]


def _screener_pair(address: str) -> dict[str, Any]:
    return {
        "chainId": "ethereum",
        "dexId": "uniswap",
        "pairAddress": address,
        "labels": ["v3"],
        "baseToken": {"address": TOKENS[0], "name": "Wrapped Ether", "symbol": "WETH"},
        "quoteToken": {"address": TOKENS[1], "name": "USD Coin", "symbol": "USDC"},
        "priceNative": "2702.7109",
        "priceUsd": "2700.79",
        "txns": {"h24": {"buys": 6104, "sells": 6826}},
        "volume": {"h24": 17180059.28, "h6": 4515489.59},
        "liquidity": {"usd": 98049483.99, "base": 18123, "quote": 49102938},
        "pairCreatedAt": 1640780074000,
    }


class Service:
    """A service whose answer is the body; some of them come with a status that is not 200."""

    def __init__(self) -> None:
        self.session = ByteSession(lambda _url, _sent: (self._status, self._body))
        self._status, self._body = 200, b""
        how = {"session": self.session, "max_wait_s": 0.0, "clock": lambda: NOW, "sleep": _never}
        self.gecko = GeckoTerminalClient("http://gecko/api/v2", {1: "eth"}, **how)
        self.screener = DexScreenerClient("http://screener", **how)

    def answers(self, body: bytes, status: int = 200) -> None:
        """Answer with this from now on."""
        self._status, self._body = status, body
        self.session.asked = 0


def _status_of(body: bytes) -> int:
    return {0: 404, 1: 500, 2: 403}.get(crc32(body) % 64, 200)


def _never(_seconds: float) -> None:
    raise AssertionError("a body was asked for twice")


PAIRS = [_screener_pair(pool.address) for pool in POOLS]
READS: dict[str, tuple[list[Any], Callable[[Service], Figures]]] = {
    "pools of geckoterminal": (_gecko_pools(), lambda service: service.gecko.fetch_pools(POOLS)),
    "token prices of geckoterminal": (_gecko_prices(), lambda service: service.gecko.fetch_token_usd(1, TOKENS)),
    "pairs of dexscreener": (
        [{"schemaVersion": "1.0.0", "pairs": PAIRS}],
        lambda service: service.screener.fetch_pools(POOLS),
    ),
    "token prices of dexscreener": ([PAIRS], lambda service: service.screener.fetch_token_usd(1, TOKENS)),
}


@pytest.mark.parametrize("name", READS)
def test_a_right_answer_gives_its_figures(name: str) -> None:
    values, read = READS[name]
    service = Service()
    for value in values:
        service.answers(Seed(value).body)
        figures = read(service)
        assert len(figures) >= 1
        assert_sound(figures, Seed(value).body)


@pytest.mark.parametrize("name", READS)
def test_a_broken_answer_is_refused_or_read_as_it_stands(
    name: str, record_property: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # Every pool left out is logged; kept, a million cases of it would fill the memory.
    caplog.set_level(logging.CRITICAL)
    values, read = READS[name]
    service, seeds = Service(), [Seed(value) for value in values]

    def check(body: bytes) -> bool:
        service.answers(body, _status_of(body))
        try:
            figures = read(service)
        except SourceError as error:
            return refused(error, name.split()[-1])
        assert _status_of(body) in (200, 404)
        assert_sound(figures, body)
        return True

    verdicts = fuzz(name, lambda rng: broken_body(rng, rng.choice(seeds)), check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def assert_sound(figures: Figures, body: bytes) -> None:
    """Figures of what was asked for, unknown or finite and not negative, prices above zero, as they were sent."""
    if isinstance(figures, dict):
        assert set(figures) <= set(TOKENS)
        assert all(0 < price < inf for price in figures.values())
        return
    assert len({market.pool_id for market in figures}) == len(figures)
    sent = numbers_in(body)
    for market in figures:
        assert market.pool_id in {pool.pool_id for pool in POOLS}
        assert market.as_of_at is not None
        assert market.as_of_at <= market.fetched_at == NOW
        assert market.fee_frac is None or 0 <= market.fee_frac < 1
        for figure in (market.volume_24h_usd, market.tvl_usd):
            assert figure is None or (0 <= figure < inf and figure in sent)
        for price in (market.base_usd, market.quote_usd, market.native_usd):
            assert price is None or 0 < price < inf
