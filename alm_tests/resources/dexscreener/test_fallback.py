import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest

from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_core.model.pools import Pool
from alm_resources.dexscreener import DexScreenerClient, PoolMarkets
from alm_resources.geckoterminal import GeckoTerminalClient
from alm_tests.resources.dexscreener.test_client import pair_of, pairs_handler
from alm_tests.resources.geckoterminal.test_client import answer_for, pools_handler, weth_pool, with_other_token
from alm_tests.resources.http.stub import Answer, Handler, Request, Stub, http_stub

POOLS = [replace(weth_pool(), address=f"0x{n:040x}") for n in range(1, 4)]
DOWN: Handler = lambda _: Answer("oops", status=503)  # noqa: E731
REFUSING: Handler = lambda _: Answer("<html>1020</html>", status=403)  # noqa: E731
LYING: Handler = lambda _: Answer("<html>hello</html>")  # noqa: E731


@dataclass
class Scene:
    markets: PoolMarkets
    gecko: Stub
    dex: Stub


@contextmanager
def scene(gecko: Handler, dex: Handler, *, gecko_chains: tuple[int, ...] = (1,)) -> Iterator[Scene]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(http_stub(handler)) for handler in (gecko, dex))
        networks = dict.fromkeys(gecko_chains, "eth")
        markets = PoolMarkets(
            GeckoTerminalClient(f"{first.url}/api/v2", networks, max_wait_s=0),
            DexScreenerClient(second.url, max_wait_s=0),
        )
        yield Scene(markets, first, second)


def sources(scene: Scene, pools: list[Pool]) -> list[tuple[str, str]]:
    return [(market.pool_id, market.source) for market in scene.markets.fetch_pools(pools)]


def test_the_fallback_is_not_asked_while_the_first_source_knows_all() -> None:
    with scene(pools_handler(POOLS), DOWN) as one:
        assert sources(one, POOLS) == [(pool.pool_id, "geckoterminal") for pool in POOLS]
        assert one.dex.requests == []


def test_the_fallback_is_asked_only_for_pools_the_first_source_does_not_know() -> None:
    with scene(pools_handler([POOLS[0], POOLS[2]]), pairs_handler(POOLS)) as one:
        expected = ["geckoterminal", "dexscreener", "geckoterminal"]
        assert sources(one, POOLS) == [(pool.pool_id, name) for pool, name in zip(POOLS, expected, strict=True)]
        assert [request.path for request in one.dex.requests] == [f"/latest/dex/pairs/ethereum/{POOLS[1].address}"]


def with_other_tokens(items: list[str]) -> Handler:
    """GeckoTerminal, some of whose pools are not those of the registry."""

    def handle(request: Request) -> Answer:
        asked = request.path.rpartition("/")[2].split(",")
        pools = [pool for pool in POOLS if pool.address in asked]
        return Answer({"data": [answer_for(with_other_token(p) if p.address in items else p) for p in pools]})

    return handle


def test_the_fallback_is_asked_only_for_the_pool_whose_tokens_the_first_source_has_wrong(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gecko = with_other_tokens([POOLS[1].address])
    with caplog.at_level(logging.WARNING), scene(gecko, pairs_handler(POOLS)) as one:
        expected = ["geckoterminal", "dexscreener", "geckoterminal"]
        assert sources(one, POOLS) == [(pool.pool_id, name) for pool, name in zip(POOLS, expected, strict=True)]
        assert [request.path for request in one.dex.requests] == [f"/latest/dex/pairs/ethereum/{POOLS[1].address}"]
    (message,) = caplog.messages
    assert POOLS[1].pool_id in message
    with caplog.at_level(logging.WARNING), scene(gecko, DOWN) as one:
        assert sources(one, POOLS) == [(pool.pool_id, "geckoterminal") for pool in (POOLS[0], POOLS[2])]
    assert caplog.messages[-1] == "market figures: dexscreener: HTTP 503: oops; 1 of 3 pools have no figures"


@pytest.mark.parametrize(("gecko", "said"), [(DOWN, "HTTP 503"), (REFUSING, "HTTP 403"), (LYING, "not JSON")])
def test_a_failure_the_fallback_makes_up_for_is_logged_and_seen_in_the_source(
    gecko: Handler, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), scene(gecko, pairs_handler(POOLS[:2])) as one:
        assert sources(one, POOLS) == [(pool.pool_id, "dexscreener") for pool in POOLS[:2]]
    (message,) = caplog.messages
    assert message.startswith("market figures: geckoterminal: ")
    assert said in message
    assert message.endswith("2 of 3 pools have figures of the fallback")


def test_a_failing_fallback_does_not_take_away_what_the_first_source_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), scene(pools_handler(POOLS[:1]), DOWN) as one:
        assert sources(one, POOLS) == [(POOLS[0].pool_id, "geckoterminal")]
    assert caplog.messages == ["market figures: dexscreener: HTTP 503: oops; 2 of 3 pools have no figures"]


def test_a_chain_the_fallback_has_no_name_for_does_not_take_away_what_the_first_source_told() -> None:
    other = replace(POOLS[0], chain_id=31337)
    with scene(pools_handler(POOLS[1:]), DOWN, gecko_chains=(1, 31337)) as one:
        assert sources(one, [other, POOLS[1]]) == [(POOLS[1].pool_id, "geckoterminal")]


@pytest.mark.parametrize(
    ("gecko", "dex", "error"),
    [
        (DOWN, DOWN, SourceUnavailable),
        (REFUSING, DOWN, SourceUnavailable),
        (DOWN, REFUSING, SourceUnavailable),
        (REFUSING, LYING, SourceRejected),
        (LYING, REFUSING, BadAnswer),
    ],
)
def test_if_both_fail_the_error_names_both(gecko: Handler, dex: Handler, error: type[Exception]) -> None:
    with scene(gecko, dex) as one:
        with pytest.raises(error, match=r"^geckoterminal: HTTP .*; dexscreener: HTTP "):
            one.markets.fetch_pools(POOLS)
        with pytest.raises(error, match=r"^geckoterminal: HTTP .*; dexscreener: HTTP "):
            one.markets.fetch_token_usd(1, [POOLS[0].base.address])


def test_token_prices_come_from_the_fallback_where_the_first_source_has_none() -> None:
    weth, usdc = POOLS[0].base.address, POOLS[0].quote.address
    known = Answer({"data": {"attributes": {"token_prices": {weth.lower(): "2600.5"}}}})
    with scene(lambda _: known, lambda _: Answer([pair_of(POOLS[0])])) as one:
        prices = one.markets.fetch_token_usd(1, [weth, usdc])
        assert prices == {weth: 2600.5, usdc: pytest.approx(2700.79 / 2702.7109)}
        assert one.markets.fetch_token_usd(1, [weth]) == {weth: 2600.5}
        assert [request.path for request in one.dex.requests] == [f"/tokens/v1/ethereum/{usdc.lower()}"]
    with scene(DOWN, lambda _: Answer([pair_of(POOLS[0])])) as one:
        assert one.markets.fetch_token_usd(1, [weth]) == {weth: 2700.79}
