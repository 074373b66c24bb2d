"""Stand-ins of the pool services: figures, order of tokens, caps, caches and refusals like the real ones."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from alm_localnet import Fault, Localnet
from alm_localnet.pools import LocalPool
from alm_localnet.servers.geckoterminal import GeckoTerminal
from alm_localnet.servers.http import Request
from alm_localnet.servers.pool_view import GeckoNetwork, shown_pools
from alm_resources.dexscreener import DexScreenerClient
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_resources.registry import load_registry

pytestmark = pytest.mark.chain


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def pools_url(localnet: Localnet, slug: str, addresses: list[str]) -> str:
    return f"{localnet.servers['geckoterminal'].url}/api/v2/networks/{slug}/pools/multi/{','.join(addresses)}"


def networks(localnet: Localnet) -> list[GeckoNetwork]:
    return [GeckoNetwork(chain=c, volumes=localnet.volumes[c.preset.chain_id]) for c in localnet.chains]


def ether_pool(localnet: Localnet, chain: int) -> LocalPool:
    """The first pool of ether, with a fee of 500."""
    return next(pool for pool in localnet.chains[chain].pools if pool.pair.pair_id == "WETH-USDC")


def objects(localnet: Localnet) -> Iterator[tuple[dict[str, Any], Any]]:
    for chain in localnet.chains:
        data = get(pools_url(localnet, chain.preset.gecko_network, [pool.address for pool in chain.pools]))["data"]
        yield from zip(data, chain.pools, strict=True)


def test_pools_come_as_strings_and_unknown_ones_are_dropped(localnet: Localnet) -> None:
    stable, ether = localnet.chains[0].pools[0], ether_pool(localnet, 0)
    addresses = ",".join([stable.address, "0x" + "12" * 20, ether.address.lower()])
    url = f"{localnet.servers['geckoterminal'].url}/api/v2/networks/eth/pools/multi/{addresses}"
    data = get(url)["data"]
    assert [entry["attributes"]["address"] for entry in data] == [stable.address.lower(), ether.address.lower()]
    attributes = data[1]["attributes"]
    assert attributes["pool_fee_percentage"] == "0.05"
    assert isinstance(attributes["reserve_in_usd"], str)
    assert isinstance(attributes["volume_usd"]["h24"], str)
    localnet.faults.geckoterminal = Fault(kind="null_fee")
    assert get(url)["data"][0]["attributes"]["pool_fee_percentage"] is None


def test_token_prices_follow_the_market(localnet: Localnet) -> None:
    tokens = localnet.chains[2].preset.tokens
    addresses = ",".join(tokens[symbol].address for symbol in ("WETH", "USDC", "USDT"))
    url = f"{localnet.servers['geckoterminal'].url}/api/v2/simple/networks/avax/token_price/{addresses}"
    prices = get(url)["data"]["attributes"]["token_prices"]
    close = localnet.market.price("WETH-USDC", localnet.clock.minute - 1)
    assert float(prices[tokens["WETH"].address.lower()]) == pytest.approx(close, rel=0.001)
    assert float(prices[tokens["USDC"].address.lower()]) == pytest.approx(1.0, abs=0.001)
    assert len(prices) == 3


def test_prices_are_decimal_strings_that_agree_with_each_other(localnet: Localnet) -> None:
    for entry, _ in objects(localnet):
        figures = entry["attributes"]
        prices = {
            name: value for name, value in figures.items() if "price_" in name and name != "price_change_percentage"
        }
        assert len(prices) == 6
        assert all(isinstance(value, str) for value in prices.values())
        base, quote = (float(prices[f"{side}_token_price_usd"]) for side in ("base", "quote"))
        natives = [base / float(prices["base_token_price_native_currency"])]
        natives.append(quote / float(prices["quote_token_price_native_currency"]))
        assert natives[0] == pytest.approx(natives[1], rel=1e-9)
        assert float(prices["base_token_price_quote_token"]) == pytest.approx(base / quote, rel=1e-9)


def test_the_order_of_tokens_is_neither_ours_nor_the_contracts(localnet: Localnet) -> None:
    first_is_base, first_is_token0 = set[bool](), set[bool]()
    for entry, pool in objects(localnet):
        shown = entry["relationships"]["base_token"]["data"]["id"].rpartition("_")[2]
        first_is_base.add(shown == pool.base.address.lower())
        first_is_token0.add(shown == pool.token0.address.lower())
        price = float(entry["attributes"]["base_token_price_quote_token"])
        close = localnet.market.price(pool.pair.pair_id, localnet.clock.minute - 1)
        expected = close if shown == pool.base.address.lower() else 1 / close
        assert price == pytest.approx(expected, rel=pool.fee_frac * 1.01)
    assert first_is_base == first_is_token0 == {True, False}


def test_more_than_thirty_addresses_are_refused(localnet: Localnet) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(pools_url(localnet, "eth", ["0x" + f"{n:040x}" for n in range(31)]))
    with refused.value:
        assert refused.value.code == 400
    assert get(pools_url(localnet, "eth", ["0x" + f"{n:040x}" for n in range(30)]))["data"] == []


def test_the_throttle_may_be_a_bare_word(localnet: Localnet) -> None:
    url = pools_url(localnet, "eth", [localnet.chains[0].pools[0].address])
    localnet.faults.geckoterminal = Fault(kind="status", status=429, retry_after_s=119, text="Throttled")
    with pytest.raises(urllib.error.HTTPError) as limited:
        get(url)
    with limited.value as answer:
        assert (answer.code, answer.headers["Retry-After"], answer.read()) == (429, "119", b"Throttled")
        assert answer.headers["Content-Type"] == "text/plain"
    assert len(get(url)["data"]) == 1


def test_a_cache_repeats_an_answer_and_tells_its_age(localnet: Localnet) -> None:
    service = GeckoTerminal(networks(localnet), localnet.market, localnet.clock, cache_s=180)
    path = f"/api/v2/networks/base/pools/multi/{ether_pool(localnet, 1).address}"
    request = Request(path=path, query={}, fault=None)
    first = service.answer(request)
    localnet.advance_to(localnet.now + timedelta(minutes=2))
    second = service.answer(request)
    assert [answer.headers["Age"] for answer in (first, second)] == ["0", "120"]
    assert second.body == first.body
    localnet.advance_to(localnet.now + timedelta(minutes=1))
    third = service.answer(request)
    assert third.headers["Age"] == "0"
    assert third.body != first.body
    assert "Age" not in GeckoTerminal(networks(localnet), localnet.market, localnet.clock).answer(request).headers


def test_a_lying_and_a_frozen_service_differ_from_the_chain(localnet: Localnet) -> None:
    network, pool = networks(localnet)[0], ether_pool(localnet, 0)

    def base_usd(fault: Fault | None) -> float:
        (view,) = shown_pools(network, [pool.address], localnet.market, localnet.clock.minute, fault)
        return view.base.usd

    assert base_usd(Fault(kind="liar", offset_bps=300)) == pytest.approx(base_usd(None) * 1.03)
    fault = Fault(kind="frozen", from_minute=localnet.clock.minute)
    before = base_usd(fault)
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    assert base_usd(fault) == before != base_usd(None)


def test_dexscreener_sends_numbers_and_no_fee(localnet: Localnet) -> None:
    pools = localnet.chains[2].pools
    url = f"{localnet.servers['dexscreener'].url}/latest/dex/pairs/avalanche/"
    body = get(url + ",".join([pool.address.lower() for pool in pools]))
    assert body["schemaVersion"] == "1.0.0"
    assert [pair["pairAddress"] for pair in body["pairs"]] == [pool.address for pool in pools]
    for pair in body["pairs"]:
        assert all(isinstance(pair["volume"][window], float) for window in ("m5", "h1", "h6", "h24"))
        assert isinstance(pair["priceNative"], str)
        assert isinstance(pair["priceUsd"], str)
        assert not any("fee" in key.lower() for key in pair)
    assert get(url + "0x" + "12" * 20)["pairs"] is None


@pytest.mark.parametrize("service", ["geckoterminal", "dexscreener"])
def test_a_foreign_token_costs_the_first_pool_of_an_answer_its_figures(localnet: Localnet, service: str) -> None:
    registry = load_registry(localnet.registry_file)
    clients = {
        "geckoterminal": GeckoTerminalClient.from_registry(registry),
        "dexscreener": DexScreenerClient(registry.services.dexscreener_url),
    }
    pools = [pool for pool in registry.pools_of("WETH-USDC") if pool.chain_id == 1]
    localnet.faults.set(service, Fault(kind="foreign_token"))
    found, again = (clients[service].fetch_pools(pools) for _ in range(2))
    assert {market.pool_id for market in again} == {pool.pool_id for pool in pools}
    # Services answer in an order of their own.
    first = next(pool for pool in localnet.chains[0].pools if pool.pair.pair_id == "WETH-USDC")
    assert {market.pool_id for market in again} - {market.pool_id for market in found} == {f"1:{first.address}"}


def test_the_two_services_tell_the_same_to_our_clients(localnet: Localnet) -> None:
    registry = load_registry(localnet.registry_file)
    pools = [pool for pair in ("USDC-USDT", "WETH-USDC") for pool in registry.pools_of(pair)]
    gecko = {market.pool_id: market for market in GeckoTerminalClient.from_registry(registry).fetch_pools(pools)}
    dex = {m.pool_id: m for m in DexScreenerClient(registry.services.dexscreener_url).fetch_pools(pools)}
    assert set(gecko) == set(dex) == {pool.pool_id for pool in pools}
    for pool_id, market in gecko.items():
        other = dex[pool_id]
        assert market.volume_24h_usd == pytest.approx(other.volume_24h_usd, rel=1e-4)
        assert market.tvl_usd == pytest.approx(other.tvl_usd, rel=1e-4)
        assert market.base_usd == pytest.approx(other.base_usd, rel=1e-4)
        # Where the fee is in no key the service does not know it.
        keyed = next(pool.fee_pips for pool in pools if pool.pool_id == pool_id)
        assert market.fee_frac == (None if keyed is None else keyed / 1e6)
        assert other.fee_frac is None
    weth = localnet.chains[0].preset.tokens["WETH"].address
    usd = DexScreenerClient(registry.services.dexscreener_url).fetch_token_usd(1, [weth])[weth]
    assert usd == pytest.approx(localnet.market.token_usd("WETH", localnet.clock.minute - 1), rel=0.004)
