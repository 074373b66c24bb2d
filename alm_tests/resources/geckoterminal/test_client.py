import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer, ConfigError, SourceError, SourceRejected, SourceUnavailable
from alm_core.model.pools import Pool
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.geckoterminal.answers import read_pools
from alm_resources.http import LocalCooldowns, SlidingWindow
from alm_resources.registry import load_registry
from alm_tests.resources.http.stub import Answer, FakeTime, Handler, Request, http_stub

REFERENCE = Path(os.environ.get("ALM_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data")) / "geckoterminal"
NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
NETWORKS = {1: "eth", 137: "polygon_pos"}


@cache
def weth_pool() -> Pool:
    return next(p for p in load_registry(None).pools_of("WETH-USDC") if p.chain_id == 1 and p.fee_pips == 500)


def answer_for(pool: Pool, *, flipped: bool = False, network: str = "eth", **changes: Any) -> dict[str, Any]:
    base, quote = (pool.quote, pool.base) if flipped else (pool.base, pool.quote)
    usd = {pool.base.address: "2700.79", pool.quote.address: "0.99928623215785"}
    native = {pool.base.address: "1.0", pool.quote.address: "0.000369998873370117"}
    attributes = {
        "address": pool.address.lower(),
        "base_token_price_usd": usd[base.address],
        "quote_token_price_usd": usd[quote.address],
        "base_token_price_native_currency": native[base.address],
        "quote_token_price_native_currency": native[quote.address],
        "pool_fee_percentage": "0.05",
        "volume_usd": {"h24": "17180059.2875897"},
        "reserve_in_usd": "98049483.9936",
        **changes,
    }
    relationships = {
        "base_token": {"data": {"id": f"{network}_{base.address.lower()}", "type": "token"}},
        "quote_token": {"data": {"id": f"{network}_{quote.address.lower()}", "type": "token"}},
    }
    return {"type": "pool", "attributes": attributes, "relationships": relationships}


def read_one(item: dict[str, Any], pool: Pool) -> Any:
    return read_pools({"data": [item]}, {pool.address.lower(): pool}, NOW)[pool.address.lower()]


def with_other_token(pool: Pool) -> Pool:
    """The same pool of another token0."""
    return replace(pool, token0=replace(pool.token0, address=pool.address))


@pytest.mark.parametrize("flipped", [False, True])
def test_prices_follow_the_token_addresses_and_not_their_order(flipped: bool) -> None:
    pool = weth_pool()
    market = read_one(answer_for(pool, flipped=flipped), pool)
    assert (market.base_usd, market.quote_usd) == (2700.79, 0.99928623215785)
    assert market.fee_frac == pytest.approx(0.0005)
    assert market.volume_24h_usd == 17180059.2875897
    assert market.tvl_usd == 98049483.9936
    assert market.fetched_at == NOW


def test_a_network_name_with_an_underscore_does_not_confuse_token_ids() -> None:
    pool = weth_pool()
    assert read_one(answer_for(pool, network="polygon_pos"), pool).base_usd == 2700.79


@pytest.mark.parametrize("field", ["pool_fee_percentage", "reserve_in_usd", "base_token_price_usd"])
@pytest.mark.parametrize("absent", [False, True])
def test_null_and_absent_figures_are_unknown_and_not_zero(field: str, absent: bool) -> None:
    pool = weth_pool()
    item = answer_for(pool)
    if absent:
        del item["attributes"][field]
    else:
        item["attributes"][field] = None
    market = read_one(item, pool)
    known = {"pool_fee_percentage": "fee_frac", "reserve_in_usd": "tvl_usd", "base_token_price_usd": "base_usd"}
    assert getattr(market, known[field]) is None
    assert market.quote_usd == 0.99928623215785


GARBAGE = [
    ("base_token_price_usd", "NaN"),
    ("base_token_price_usd", "Infinity"),
    ("base_token_price_usd", "1e999999"),
    ("base_token_price_usd", "-1"),
    ("base_token_price_usd", "0"),
    ("base_token_price_usd", "two"),
    ("base_token_price_usd", 2700.79),
    ("base_token_price_usd", {}),
    ("base_token_price_usd", True),
    ("base_token_price_usd", 10**5000),
    ("base_token_price_usd", "1" * 5000),
    ("base_token_price_usd", "1e-101"),
    ("base_token_price_usd", "1_000"),
    ("base_token_price_usd", " 1"),
    ("base_token_price_usd", "١"),
    ("base_token_price_usd", "sNaN"),
    ("base_token_price_usd", "\ud800"),
    ("base_token_price_native_currency", "-1"),
    ("pool_fee_percentage", "100"),
    ("pool_fee_percentage", "-0.05"),
    ("reserve_in_usd", "-1"),
    ("volume_usd", {"h24": "-1"}),
    ("volume_usd", "many"),
    ("address", 5),
]


@pytest.mark.parametrize(("field", "value"), GARBAGE, ids=[f"{n}-{field}" for n, (field, _) in enumerate(GARBAGE)])
def test_a_figure_that_cannot_be_true_is_a_bad_answer_naming_it(field: str, value: object) -> None:
    pool = weth_pool()
    with pytest.raises(BadAnswer, match=rf"geckoterminal: .*{field}"):
        read_one(answer_for(pool, **{field: value}), pool)


def test_a_pool_of_other_tokens_has_no_figures_and_the_rest_keeps_its_own(caplog: pytest.LogCaptureFixture) -> None:
    pools = [replace(weth_pool(), address=f"0x{n:040x}") for n in range(1, 31)]
    items = [answer_for(with_other_token(pool) if n == 7 else pool) for n, pool in enumerate(pools)]
    with http_stub(lambda _: Answer({"data": items})) as stub, caplog.at_level(logging.WARNING):
        markets = client(stub.url).fetch_pools(pools)
    assert [market.pool_id for market in markets] == [pool.pool_id for pool in pools[:7] + pools[8:]]
    assert {market.base_usd for market in markets} == {2700.79}
    (message,) = caplog.messages
    assert message.startswith("market figures: geckoterminal: 1 of 30 pools left out: ")
    wrong = f"pool {pools[7].pool_id}: tokens are '{pools[7].address}', "
    assert wrong in message
    assert message.endswith(f"the registry says {pools[7].base.address.lower()} and {pools[7].quote.address.lower()}")


@pytest.mark.parametrize("side", ["base_token", "quote_token"])
def test_a_pool_of_one_token_twice_is_not_that_of_the_registry(side: str) -> None:
    pool = weth_pool()
    item = answer_for(pool)
    item["relationships"]["base_token"] = item["relationships"]["quote_token"] = item["relationships"][side]
    found = read_one(item, pool)
    assert isinstance(found, BadAnswer)
    assert "the registry says" in found.detail


def test_a_bad_figure_of_a_pool_of_other_tokens_still_refuses_the_answer() -> None:
    pool = weth_pool()
    with pytest.raises(BadAnswer, match="reserve_in_usd"):
        read_one(answer_for(with_other_token(pool), reserve_in_usd="-1"), pool)


def test_a_pool_that_was_not_asked_for_or_comes_twice_is_refused() -> None:
    pool = weth_pool()
    with pytest.raises(BadAnswer, match="not asked for"):
        read_one(answer_for(pool, address="0x" + "11" * 20), pool)
    with pytest.raises(BadAnswer, match="twice"):
        read_pools({"data": [answer_for(pool)] * 2}, {pool.address.lower(): pool}, NOW)


SIXTY_DIGITS = "0.000000000000000000000000000000000000000000001234567890123456"


def test_prices_of_sixty_digits_keep_their_value() -> None:
    pool = weth_pool()
    assert len(SIXTY_DIGITS.partition(".")[2]) == 60
    assert read_one(answer_for(pool, base_token_price_usd=SIXTY_DIGITS), pool).base_usd == 1.234567890123456e-45


@pytest.mark.parametrize("field", ["volume_usd", "pool_fee_percentage", "reserve_in_usd"])
def test_a_pool_without_trades_or_fee_is_read(field: str) -> None:
    pool = weth_pool()
    market = read_one(answer_for(pool, **{field: None}), pool)
    assert [market.volume_24h_usd, market.fee_frac, market.tvl_usd].count(None) == 1
    assert read_one(answer_for(pool, volume_usd={"h24": None}), pool).volume_24h_usd is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 2700.79),
        ({"base_token_price_native_currency": None}, 0.99928623215785 / 0.000369998873370117),
        ({"base_token_price_native_currency": "0.0"}, 0.99928623215785 / 0.000369998873370117),
        ({"base_token_price_usd": None}, 0.99928623215785 / 0.000369998873370117),
        ({"base_token_price_usd": None, "quote_token_price_native_currency": "0"}, None),
        ({"base_token_price_usd": None, "quote_token_price_usd": None}, None),
        ({"base_token_price_native_currency": None, "quote_token_price_native_currency": None}, None),
    ],
)
def test_the_native_coin_is_priced_by_either_token_or_unknown(changes: dict[str, Any], expected: float | None) -> None:
    pool = weth_pool()
    found = read_one(answer_for(pool, **changes), pool).native_usd
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-15))


@pytest.mark.parametrize("flipped", [False, True])
def test_a_native_price_does_not_depend_on_the_order_of_the_tokens(flipped: bool) -> None:
    pool = weth_pool()
    assert read_one(answer_for(pool, flipped=flipped), pool).native_usd == pytest.approx(2700.79, rel=1e-5)


def test_pools_named_by_32_bytes_are_read_in_any_order() -> None:
    pools = [replace(weth_pool(), address=f"0x{n:064X}") for n in range(1, 31)]
    asked = {pool.address.lower(): pool for pool in pools}
    found = read_pools({"data": [answer_for(pool) for pool in reversed(pools)]}, asked, NOW)
    assert {market.pool_id for market in found.values()} == {pool.pool_id for pool in pools}


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.exists(), reason="recorded answers are not there")
def test_a_recorded_pool_answer_is_read() -> None:
    recorded = json.loads((REFERENCE / "pool_eth_WETH_USDC_005_2026-10-04.json").read_text())
    market = read_one(recorded["data"], weth_pool())
    assert (market.base_usd, market.quote_usd, market.fee_frac) == (2700.79, 0.99928623215785, 0.0005)
    assert market.native_usd == 2700.79


def recorded_pools() -> list[dict[str, Any]]:
    bodies = [json.loads(file.read_text())["data"] for file in sorted(REFERENCE.glob("*.json"))]
    items = [item for data in bodies for item in (data if isinstance(data, list) else [data])]
    return [item for item in items if item["type"] == "pool"]


def pool_of(item: dict[str, Any]) -> Pool:
    """A pool of the registry's shape with the address and tokens of an answer."""
    sides = [item["relationships"][f"{side}_token"]["data"]["id"].rpartition("_")[2] for side in ("base", "quote")]
    pool = weth_pool()
    token0, token1 = (replace(pool.token0, address=address) for address in sides)
    return replace(pool, address=item["attributes"]["address"], token0=token0, token1=token1, base_is_token0=True)


@pytest.mark.reference
@pytest.mark.skipif(not REFERENCE.exists(), reason="recorded answers are not there")
def test_every_recorded_pool_is_read_with_its_own_figures() -> None:
    items = recorded_pools()
    assert len(items) > 90
    for item in items:
        figures, market = item["attributes"], read_one(item, pool_of(item))
        assert market.base_usd == float(figures["base_token_price_usd"])
        assert market.quote_usd == float(figures["quote_token_price_usd"])
        assert market.volume_24h_usd == float(figures["volume_usd"]["h24"])
        assert market.tvl_usd == float(figures["reserve_in_usd"])
        assert (market.fee_frac is None) == (figures.get("pool_fee_percentage") is None)
        native = float(figures["base_token_price_usd"]) / float(figures["base_token_price_native_currency"])
        assert market.native_usd == pytest.approx(native, rel=1e-12)


def client(url: str, **options: Any) -> GeckoTerminalClient:
    return GeckoTerminalClient(f"{url}/api/v2", NETWORKS, clock=lambda: NOW, **options)


def pools_handler(pools: list[Pool]) -> Handler:
    known = {pool.address.lower(): pool for pool in pools}

    def handle(request: Request) -> Answer:
        asked = request.path.rpartition("/")[2].split(",")
        assert len(asked) <= 30
        return Answer({"data": [answer_for(known[address]) for address in asked if address in known]})

    return handle


def test_31_pools_take_two_requests_and_unknown_ones_are_left_out() -> None:
    pool = weth_pool()
    pools = [replace(pool, address=f"0x{n:040x}") for n in range(1, 32)]
    with http_stub(pools_handler(pools[:-1])) as stub:
        markets = client(stub.url).fetch_pools(pools)
        assert [market.pool_id for market in markets] == [pool.pool_id for pool in pools[:-1]]
        assert [request.path.split("/pools/multi/")[0] for request in stub.requests] == ["/api/v2/networks/eth"] * 2
        assert stub.requests[0].headers["accept"] == "application/json;version=20230302"


def test_41_pools_on_seven_chains_take_seven_requests() -> None:
    registry = load_registry(None)
    networks = {chain_id: chain.gecko_network for chain_id, chain in registry.chains.items()}
    chain_ids = sorted(networks)
    pools = [replace(weth_pool(), chain_id=chain_ids[n % 7], address=f"0x{n + 1:040x}") for n in range(41)]
    with http_stub(pools_handler(pools)) as stub:
        gecko = GeckoTerminalClient(f"{stub.url}/api/v2", networks, clock=lambda: NOW)
        markets = gecko.fetch_pools(pools)
        assert len({market.pool_id for market in markets}) == 41
        asked = sorted(request.path.split("/")[4] for request in stub.requests)
    assert asked == sorted(["eth", "bsc", "polygon_pos", "base", "arbitrum", "avax", "hyperevm"])


def test_41_pools_are_parsed_within_ten_milliseconds() -> None:
    pools = [replace(weth_pool(), address=f"0x{n:064x}") for n in range(1, 42)]
    body = json.loads(json.dumps({"data": [answer_for(pool) for pool in pools]}))
    asked = {pool.address: pool for pool in pools}
    took_s = []
    for _ in range(10):
        start_s = perf_counter()
        assert len(read_pools(body, asked, NOW)) == 41
        took_s.append(perf_counter() - start_s)
    assert min(took_s) < 0.010


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_figures_that_do_not_change_grow_old_and_changed_ones_are_new() -> None:
    pool, clock, price = weth_pool(), Clock(), ["2700.79"]
    with http_stub(lambda _: Answer({"data": [answer_for(pool, base_token_price_usd=price[0])]})) as stub:
        gecko = GeckoTerminalClient(f"{stub.url}/api/v2", NETWORKS, clock=clock)

        def fetch(minutes: int, usd: str) -> timedelta:
            clock.now, price[0] = NOW + timedelta(minutes=minutes), usd
            market = gecko.fetch_pools([pool])[0]
            assert market.fetched_at == clock.now
            assert market.as_of_at is not None
            return market.as_of_at - NOW

        assert fetch(0, "2700.79") == timedelta(0)
        assert fetch(15, "2700.79") == timedelta(0)
        assert fetch(30, "2701.00") == timedelta(minutes=30)
        # Another replica of the cache, still with the first figures.
        assert fetch(31, "2700.79") == timedelta(0)
        assert fetch(45, "2701.00") == timedelta(minutes=30)


def test_figures_are_older_by_the_age_their_cache_tells() -> None:
    pool = weth_pool()
    with http_stub(lambda _: Answer({"data": [answer_for(pool)]}, headers={"Age": "40"})) as stub:
        market = client(stub.url).fetch_pools([pool])[0]
    assert (market.fetched_at, market.as_of_at) == (NOW, NOW - timedelta(seconds=40))


def test_token_prices_come_back_under_the_address_as_asked() -> None:
    usdc, weth = weth_pool().quote.address, weth_pool().base.address
    prices = {weth.lower(): "2958.19885153499", usdc.lower(): None}
    with http_stub(lambda _: Answer({"data": {"attributes": {"token_prices": prices}}})) as stub:
        assert client(stub.url).fetch_token_usd(1, [weth, usdc]) == {weth: 2958.19885153499}
        assert stub.requests[0].path == f"/api/v2/simple/networks/eth/token_price/{usdc.lower()},{weth.lower()}"


@pytest.mark.parametrize("body", ["Throttled", {"status": {"error_code": 429}}])
def test_a_429_is_waited_out_as_long_as_the_service_asks(body: object) -> None:
    time, pool = FakeTime(), weth_pool()
    answers = [Answer(body, status=429, headers={"Retry-After": "7"}), Answer({"data": [answer_for(pool)]})]
    with http_stub(lambda _: answers.pop(0)) as stub:
        gecko = client(stub.url, cooldowns=LocalCooldowns(time.monotonic), sleep=time.sleep)
        assert len(gecko.fetch_pools([pool])) == 1
    assert time.slept == [8.0]


def test_a_429_beyond_the_wait_is_unavailable_and_the_next_call_does_not_ask() -> None:
    time = FakeTime()
    with http_stub(lambda _: Answer("Throttled", status=429, headers={"Retry-After": "119"})) as stub:
        gecko = client(stub.url, cooldowns=LocalCooldowns(time.monotonic), sleep=time.sleep)
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match="geckoterminal: rate limit"):
                gecko.fetch_pools([weth_pool()])
        assert len(stub.requests) == 1
    assert time.slept == []


def test_the_budget_delays_the_eleventh_call_and_refuses_what_would_take_too_long() -> None:
    time, pool = FakeTime(), weth_pool()
    with http_stub(pools_handler([pool])) as stub:
        budget = SlidingWindow(calls=10, window_s=60.0, monotonic=time.monotonic)
        gecko = client(stub.url, budget=budget, sleep=time.sleep)
        for _ in range(10):
            gecko.fetch_pools([pool])
            time.now += 1.0
        gecko.fetch_pools([pool])
        assert time.slept == pytest.approx([50.001])
        hasty = client(stub.url, budget=budget, sleep=time.sleep, max_wait_s=0.5)
        with pytest.raises(SourceUnavailable, match="rate limit"):
            hasty.fetch_pools([pool])
        assert len(stub.requests) == 11


@pytest.mark.parametrize(
    ("answer", "error", "detail"),
    [
        (Answer("<html>1020</html>", status=403), SourceRejected, "HTTP 403: <html>1020"),
        (Answer("<html>error code: 1020</html>", status=403), SourceRejected, "HTTP 403: .*1020"),
        (Answer("<html>hi</html>", status=200, headers={"Content-Type": "text/html"}), BadAnswer, "not JSON"),
        (Answer("late", status=408), SourceUnavailable, "HTTP 408: late"),
        (Answer("[" * 100_000), BadAnswer, "not JSON"),
        (Answer("oops", status=503), SourceUnavailable, "HTTP 503: oops"),
        (Answer("<html>hi</html>"), BadAnswer, "not JSON"),
        (Answer("not found", status=404), SourceRejected, "HTTP 404"),
        (Answer([]), BadAnswer, "body"),
    ],
)
def test_refusals_are_named_by_source_and_cause(answer: Answer, error: type[SourceError], detail: str) -> None:
    with http_stub(lambda _: answer) as stub, pytest.raises(error, match=f"geckoterminal: .*{detail}"):
        client(stub.url).fetch_pools([weth_pool()])


def test_not_found_by_the_service_leaves_the_pool_out() -> None:
    body = {"errors": [{"status": "404", "title": "Not Found"}], "meta": {"ref_id": "x"}}
    with http_stub(lambda _: Answer(body, status=404)) as stub:
        assert client(stub.url).fetch_pools([weth_pool()]) == ()


def test_a_chain_without_a_network_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="chain 5"):
        client("http://127.0.0.1:1").fetch_token_usd(5, ["0x0"])


@pytest.mark.parametrize("make", [lambda: GeckoTerminalClient.from_registry(load_registry(None))])
def test_the_real_host_always_has_a_budget(make: Callable[[], GeckoTerminalClient]) -> None:
    assert make()._http._budget is not None
