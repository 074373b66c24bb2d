import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from alm_core.model.errors import BadAnswer, ConfigError, SourceError, SourceRejected, SourceUnavailable
from alm_core.model.pools import Pool
from alm_resources.dexscreener import DexScreenerClient
from alm_resources.dexscreener.answers import read_pairs, read_token_prices
from alm_resources.http import LocalCooldowns
from alm_tests.resources.geckoterminal.test_client import weth_pool
from alm_tests.resources.http.bodies import hostile, junk, mutated, outcome, short, sound_or_refused
from alm_tests.resources.http.stub import Answer, FakeTime, Handler, Request, http_stub

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
POOL = weth_pool()


def pair_of(pool: Pool, *, flipped: bool = False, chain: str = "ethereum", **changes: Any) -> dict[str, Any]:
    base, quote = (pool.quote, pool.base) if flipped else (pool.base, pool.quote)
    return {
        "chainId": chain,
        "dexId": "uniswap",
        "labels": ["v3"],
        "pairAddress": pool.address,
        "baseToken": {"address": base.address, "name": base.symbol, "symbol": base.symbol},
        "quoteToken": {"address": quote.address, "name": quote.symbol, "symbol": quote.symbol},
        "priceNative": "0.000369998" if flipped else "2702.7109",
        "priceUsd": "0.99928" if flipped else "2700.79",
        "volume": {"h24": 17180059.29, "h6": 4515489.6, "h1": 1084859, "m5": 1052.99},
        "liquidity": {"usd": 98049483.99, "base": 12880, "quote": 63262800},
        "pairCreatedAt": 1640781314000,
        **changes,
    }


def read_one(pair: dict[str, Any], pool: Pool = POOL) -> Any:
    body = {"schemaVersion": "1.0.0", "pairs": [pair]}
    return read_pairs(body, "ethereum", {pool.address.lower(): pool}, NOW)[pool.address.lower()]


@pytest.mark.parametrize("flipped", [False, True])
def test_prices_follow_the_token_addresses_and_not_their_order(flipped: bool) -> None:
    market = read_one(pair_of(POOL, flipped=flipped))
    assert market.base_usd == pytest.approx(2700.79, rel=1e-4)
    assert market.quote_usd == pytest.approx(0.99928623215785, rel=1e-4)
    assert (market.source, market.volume_24h_usd, market.tvl_usd) == ("dexscreener", 17180059.29, 98049483.99)
    assert (market.fee_frac, market.native_usd, market.fetched_at) == (None, None, NOW)


def test_the_case_of_addresses_does_not_matter() -> None:
    lower = pair_of(POOL, pairAddress=POOL.address.lower())
    upper = pair_of(POOL, pairAddress="0x" + POOL.address[2:].upper())
    assert read_one(lower) == read_one(upper)


@pytest.mark.parametrize(
    ("field", "value", "unknown"),
    [
        ("priceUsd", None, {"base_usd", "quote_usd"}),
        ("priceNative", None, {"quote_usd"}),
        ("liquidity", None, {"tvl_usd"}),
        ("liquidity", {}, {"tvl_usd"}),
        ("volume", None, {"volume_24h_usd"}),
        ("volume", {}, {"volume_24h_usd"}),
        ("volume", {"h24": None}, {"volume_24h_usd"}),
    ],
)
@pytest.mark.parametrize("absent", [False, True])
def test_null_and_absent_figures_are_unknown_and_not_zero(
    field: str, value: object, unknown: set[str], absent: bool
) -> None:
    pair = pair_of(POOL, **{field: value})
    if absent:
        del pair[field]
    market = read_one(pair)
    names = {"base_usd", "quote_usd", "tvl_usd", "volume_24h_usd"}
    assert {name for name in names if getattr(market, name) is None} == unknown


@pytest.mark.parametrize(
    ("usd", "native", "base_known", "quote_known"),
    [
        ("1.00", "1.0000", False, False),
        ("1.000", "1.0000", True, True),
        ("1.000", "1.00", True, False),
        ("2700.79", "1", True, False),
        ("0.9993", "0.0003699", True, True),
        ("0.9993", "0.0004", True, False),
    ],
)
def test_a_price_rounded_to_more_than_a_thousandth_is_unknown(
    usd: str, native: str, base_known: bool, quote_known: bool
) -> None:
    market = read_one(pair_of(POOL, priceUsd=usd, priceNative=native))
    assert (market.base_usd is not None, market.quote_usd is not None) == (base_known, quote_known)


GARBAGE = [
    ("priceUsd", 2700.79),
    ("priceUsd", "NaN"),
    ("priceUsd", "0"),
    ("priceUsd", "1e999999"),
    ("priceNative", "-1"),
    ("volume", {"h24": "17180059.29"}),
    ("volume", {"h24": -1}),
    ("volume", {"h24": True}),
    ("volume", {"h24": float("inf")}),
    ("volume", {"h24": 10**5000}),
    ("liquidity", {"usd": float("nan")}),
    ("liquidity", []),
    ("pairAddress", 5),
]


@pytest.mark.parametrize(("field", "value"), GARBAGE, ids=[f"{n}-{field}" for n, (field, _) in enumerate(GARBAGE)])
def test_a_figure_that_cannot_be_true_is_a_bad_answer_naming_it(field: str, value: object) -> None:
    with pytest.raises(BadAnswer, match=rf"dexscreener: pairs\.0\.{field}"):
        read_one(pair_of(POOL, **{field: value}))


def test_pools_of_other_chains_or_addresses_and_doubles_are_refused() -> None:
    with pytest.raises(BadAnswer, match="of 'base' was not asked for"):
        read_one(pair_of(POOL, chain="base"))
    with pytest.raises(BadAnswer, match="was not asked for"):
        read_one(pair_of(POOL, pairAddress="0x" + "11" * 20))
    with pytest.raises(BadAnswer, match="twice"):
        read_pairs({"pairs": [pair_of(POOL)] * 2}, "ethereum", {POOL.address.lower(): POOL}, NOW)


def test_a_pool_of_other_tokens_has_no_figures_and_the_rest_keeps_its_own(caplog: pytest.LogCaptureFixture) -> None:
    pools = [replace(POOL, address=f"0x{n:040x}") for n in range(1, 5)]
    pairs = [pair_of(pool) for pool in pools]
    pairs[2]["quoteToken"]["address"] = pools[2].address
    with http_stub(lambda _: Answer({"pairs": pairs})) as stub, caplog.at_level(logging.WARNING):
        markets = client(stub.url).fetch_pools(pools)
    assert [market.pool_id for market in markets] == [pool.pool_id for pool in (*pools[:2], pools[3])]
    (message,) = caplog.messages
    assert message.startswith(f"market figures: dexscreener: 1 of 4 pools left out: pool {pools[2].pool_id}: ")


@given(body=mutated({"pairs": [pair_of(POOL)]}) | hostile | junk)
@settings(max_examples=800)
def test_a_body_gone_wrong_gives_sound_figures_or_a_bad_answer(body: Any) -> None:
    found = outcome(lambda: read_pairs(body, "ethereum", {POOL.address.lower(): POOL}, NOW))
    assert short(found) if isinstance(found, BadAnswer) else all(map(sound_or_refused, found.values()))


@given(body=mutated([pair_of(POOL), pair_of(POOL, flipped=True)]) | hostile | junk)
@settings(max_examples=400)
def test_token_prices_gone_wrong_are_above_zero_or_a_bad_answer(body: Any) -> None:
    found = outcome(lambda: read_token_prices(body, "ethereum", [POOL.base.address.lower()]))
    assert short(found) if isinstance(found, BadAnswer) else all(0 < price < float("inf") for price in found.values())


def client(url: str, **options: Any) -> DexScreenerClient:
    return DexScreenerClient(url, clock=lambda: NOW, **options)


def pairs_handler(pools: list[Pool]) -> Handler:
    known = {pool.address.lower(): pool for pool in pools}

    def handle(request: Request) -> Answer:
        chain, addresses = request.path.split("/")[-2:]
        asked = addresses.split(",")
        assert len(asked) <= 30
        pairs = [pair_of(known[address], chain=chain) for address in reversed(asked) if address in known]
        return Answer({"schemaVersion": "1.0.0", "pairs": pairs or None})

    return handle


def test_31_pools_of_32_bytes_take_two_requests_and_unknown_ones_are_left_out() -> None:
    pools = [replace(POOL, address=f"0x{n:064x}") for n in range(1, 32)]
    with http_stub(pairs_handler(pools[:-1])) as stub:
        markets = client(stub.url).fetch_pools(pools)
        assert [market.pool_id for market in markets] == [pool.pool_id for pool in pools[:-1]]
        assert [request.path.rpartition("/")[0] for request in stub.requests] == ["/latest/dex/pairs/ethereum"] * 2


@pytest.mark.parametrize(
    ("chain_id", "slug"),
    [
        (1, "ethereum"),
        (56, "bsc"),
        (137, "polygon"),
        (8453, "base"),
        (42161, "arbitrum"),
        (43114, "avalanche"),
        (999, "hyperevm"),
    ],
)
def test_every_chain_is_asked_by_its_own_slug(chain_id: int, slug: str) -> None:
    with http_stub(pairs_handler([POOL])) as stub:
        assert len(client(stub.url).fetch_pools([replace(POOL, chain_id=chain_id)])) == 1
        assert stub.requests[0].path == f"/latest/dex/pairs/{slug}/{POOL.address.lower()}"


def test_a_chain_without_a_slug_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="chain 5"):
        client("http://127.0.0.1:1").fetch_pools([replace(POOL, chain_id=5)])


def test_unchanged_figures_grow_old() -> None:
    now = [NOW]
    with http_stub(pairs_handler([POOL])) as stub:
        dex = DexScreenerClient(stub.url, clock=lambda: now[0])
        dex.fetch_pools([POOL])
        now[0] = NOW + timedelta(minutes=15)
        market = dex.fetch_pools([POOL])[0]
    assert (market.fetched_at, market.as_of_at) == (now[0], NOW)


def test_a_token_price_is_the_median_by_liquidity_of_the_pools_that_tell_it() -> None:
    weth, usdc = POOL.base.address, POOL.quote.address
    deep = pair_of(POOL)
    thin = pair_of(POOL, priceUsd="9999.99", liquidity={"usd": 1000})
    unknown = pair_of(POOL, priceUsd="1.5000")
    del unknown["liquidity"]
    with http_stub(lambda _: Answer([thin, deep, unknown])) as stub:
        prices = client(stub.url).fetch_token_usd(1, [weth, usdc, POOL.address])
        assert stub.requests[0].path.startswith("/tokens/v1/ethereum/0x")
    assert prices == {weth: 2700.79, usdc: pytest.approx(2700.79 / 2702.7109)}


def test_a_429_is_waited_out_as_long_as_the_service_asks() -> None:
    time = FakeTime()
    answers = [Answer("error code: 1015", status=429, headers={"Retry-After": "7"}), Answer({"pairs": [pair_of(POOL)]})]
    with http_stub(lambda _: answers.pop(0)) as stub:
        dex = client(stub.url, cooldowns=LocalCooldowns(time.monotonic), sleep=time.sleep)
        assert len(dex.fetch_pools([POOL])) == 1
    assert time.slept == [8.0]


@pytest.mark.parametrize(
    ("answer", "error", "detail"),
    [
        (Answer("<html>1020</html>", status=403), SourceRejected, "HTTP 403: <html>1020"),
        (Answer("oops", status=503), SourceUnavailable, "HTTP 503: oops"),
        (Answer("<html>hi</html>"), BadAnswer, "not JSON"),
        (Answer("{}", status=404), SourceRejected, "HTTP 404"),
        (Answer({}), BadAnswer, "pairs"),
        (Answer('{"pairs": [{"volume": {"h24": 1e999}}]}'), BadAnswer, "pairs"),
    ],
)
def test_refusals_are_named_by_source_and_cause(answer: Answer, error: type[SourceError], detail: str) -> None:
    with http_stub(lambda _: answer) as stub, pytest.raises(error, match=f"dexscreener: .*{detail}"):
        client(stub.url).fetch_pools([POOL])


def test_a_number_too_large_for_a_float_is_refused_on_the_wire_too() -> None:
    text = json.dumps({"pairs": [pair_of(POOL, volume={"h24": 0.5})]}).replace("0.5", "1e999")
    with http_stub(lambda _: Answer(text)) as stub, pytest.raises(BadAnswer, match="h24"):
        client(stub.url).fetch_pools([POOL])


def test_the_real_host_has_a_budget_and_a_stand_in_has_none() -> None:
    assert DexScreenerClient()._http._budget is not None
    assert DexScreenerClient("http://127.0.0.1:1")._http._budget is None
