"""Sources quoted in another currency than their pair."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.candles import ConsensusRules
from alm_core.model.errors import ConfigError, SourceUnavailable
from alm_resources.candles import CcxtCandleFeed
from alm_resources.candles.conversion import Conversion, conversions_of
from alm_resources.registry import CandleSource, Registry, load_registry
from alm_tests.resources.candles.exchanges import Market, Minutes
from alm_tests.resources.candles.scene import PAIR, at, exchange_stub, fetch, minutes, ms, overlay_text
from alm_tests.resources.http.stub import Stub

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")
BASIS = "USDC-USDT"
NAMES = ("binance", "bybit", "okx")


def steady(first: int, after: int, price: float) -> Minutes:
    return {ms(n): [price, price * 1.0001, price * 0.9999, price, 10.0] for n in range(first, after)}


@contextmanager
def two_markets(
    tmp_path: Path, eth: dict[str, Minutes], basis: dict[str, Minutes]
) -> Iterator[tuple[CcxtCandleFeed, dict[str, Stub]]]:
    """ETH/USDT turned into USDC by USDC/USDT, both on the same exchanges."""
    with ExitStack() as stack:
        stubs = {
            name: stack.enter_context(
                exchange_stub(name, {"ETHUSDT": Market(eth[name]), "USDCUSDT": Market(basis[name])})
            )
            for name in eth
        }
        sources = [(PAIR, name, "ETH/USDT", BASIS) for name in eth]
        sources += [(BASIS, name, "USDC/USDT", None) for name in eth]
        overlay = tmp_path / "registry.toml"
        overlay.write_text(overlay_text({name: stub.url for name, stub in stubs.items()}, sources))
        yield CcxtCandleFeed(load_registry(overlay), rules=ConsensusRules(min_sources=2)), stubs


def test_prices_are_divided_minute_by_minute_by_the_agreed_basis(tmp_path: Path) -> None:
    basis = {**steady(-60, 30, 1.0), **steady(30, 60, 0.98)}
    eth = {name: minutes(-60, 60, 2000.0) for name in NAMES}
    with two_markets(tmp_path, eth, dict.fromkeys(NAMES, basis)) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert fetched.problems == ()
    assert fetched.sources == NAMES
    expected = [eth["okx"][ms(n)][3] / (1.0 if n < 30 else 0.98) for n in range(50)]
    assert fetched.series.close.tolist() == pytest.approx(expected, rel=1e-12)
    assert fetched.series.volume.tolist() == pytest.approx([3 * 3.5] * 50)


def test_a_minute_whose_basis_is_disputed_has_no_price(tmp_path: Path) -> None:
    one, other = steady(-60, 60, 1.0), {**steady(-60, 60, 1.0), **steady(20, 24, 0.9)}
    eth = {name: minutes(-60, 60) for name in ("binance", "okx")}
    with two_markets(tmp_path, eth, {"binance": one, "okx": other}) as (feed, _):
        fetched = fetch(feed, 0, 50)
    real = fetched.series.ts_ms[~fetched.series.filled].tolist()
    assert real == [ms(n) for n in range(50) if not 20 <= n < 24]


def test_a_short_gap_of_the_basis_is_bridged_with_its_last_price(tmp_path: Path) -> None:
    basis = {ts: row for ts, row in steady(-60, 60, 0.99).items() if not ms(20) <= ts < ms(25)}
    eth = {name: minutes(-60, 60) for name in NAMES}
    with two_markets(tmp_path, eth, dict.fromkeys(NAMES, basis)) as (feed, _):
        fetched = fetch(feed, 0, 50)
    assert not fetched.series.filled.any()
    assert fetched.series.close[22] == pytest.approx(eth["okx"][ms(22)][3] / 0.99)


def test_without_a_basis_every_converted_source_is_a_problem_and_the_others_stand(tmp_path: Path) -> None:
    with ExitStack() as stack:
        markets = {"ETHUSDT": Market(minutes(-60, 60)), "ETHUSDC": Market(minutes(-60, 60)), "USDCUSDT": Market({})}
        urls = {name: stack.enter_context(exchange_stub(name, markets)).url for name in ("binance", "okx", "bybit")}
        sources = [(PAIR, "binance", "ETH/USDC", None), (PAIR, "bybit", "ETH/USDC", None)]
        sources += [(PAIR, "okx", "ETH/USDT", BASIS), (BASIS, "binance", "USDC/USDT", None)]
        overlay = tmp_path / "registry.toml"
        overlay.write_text(overlay_text(urls, sources))
        fetched = fetch(CcxtCandleFeed(load_registry(overlay)), 0, 50)
    assert fetched.sources == ("binance", "bybit")
    assert len(fetched.series) == 50
    said = {(problem.source, problem.detail.split(" between")[0]) for problem in fetched.problems}
    assert said == {
        ("binance", "USDC/USDT: no minute"),
        ("okx", "ETH/USDT: no price of USDC-USDT to convert it by"),
    }


def test_if_all_is_converted_and_the_basis_fails_the_error_names_both(tmp_path: Path) -> None:
    eth = {name: minutes(-60, 60) for name in ("binance", "okx")}
    with (
        two_markets(tmp_path, eth, {"binance": {}, "okx": {}}) as (feed, _),
        pytest.raises(SourceUnavailable, match=r"USDC/USDT: no minute .*; okx: ETH/USDT: no price of USDC-USDT"),
    ):
        fetch(feed, 0, 50)


def test_the_basis_is_asked_once_however_many_sources_need_it(tmp_path: Path) -> None:
    eth = {name: minutes(-60, 60) for name in NAMES}
    with two_markets(tmp_path, eth, dict.fromkeys(NAMES, steady(-60, 60, 1.0))) as (feed, stubs):
        fetch(feed, 0, 50)
        asked = [request.query.get("symbol") for request in stubs["binance"].requests if "symbol" in request.query]
    assert sorted(asked) == ["ETHUSDT", "USDCUSDT"]


def registry_with(sources: dict[str, list[CandleSource]], tmp_path: Path) -> Registry:
    overlay = tmp_path / "registry.toml"
    pairs = [(PAIR, "binance", "ETH/USDC", None), (BASIS, "binance", "USDC/USDT", None)]
    overlay.write_text(overlay_text({}, [*pairs, ("WETH-USDT", "binance", "ETH/USDT", None)]))
    loaded = load_registry(overlay)
    return replace(loaded, sources={**loaded.sources, **{name: tuple(found) for name, found in sources.items()}})


def source(symbol: str, convert_by: str | None, exchange: str = "okx") -> CandleSource:
    return CandleSource(exchange=exchange, symbol=symbol, weight=1.0, convert_by=convert_by)


def test_the_orientation_of_the_basis_says_whether_to_divide(tmp_path: Path) -> None:
    down, up = source("ETH/USDT", BASIS), source("ETH/USDC", BASIS)
    registry = registry_with({PAIR: [down], "WETH-USDT": [up]}, tmp_path)
    assert conversions_of(registry, PAIR) == {down: Conversion(basis=BASIS, divide=True)}
    assert conversions_of(registry, "WETH-USDT") == {up: Conversion(basis=BASIS, divide=False)}


@pytest.mark.parametrize(
    ("pair", "sources", "said"),
    [
        (PAIR, {PAIR: [source("ETH/EUR", BASIS)]}, "pair WETH-USDC: source okx ETH/EUR .* not from EUR to USDC"),
        (PAIR, {PAIR: [source("ETH/USDC", BASIS)]}, "leads between USDC and USDT, not from USDC to USDC"),
        (PAIR, {PAIR: [source("ETH/USDT", "X-Y")]}, "pair 'X-Y' is not in the registry"),
        (PAIR, {PAIR: [source("ETH/USDC", None), source("ETH/USDT", BASIS)]}, "okx is there more than once"),
        (
            PAIR,
            {PAIR: [source("ETH/USDT", BASIS)], BASIS: [source("USDC/X", PAIR)]},
            "every source of USDC-USDT would have to be converted itself",
        ),
    ],
)
def test_a_conversion_that_leads_elsewhere_is_a_config_error(
    tmp_path: Path, pair: str, sources: dict[str, list[CandleSource]], said: str
) -> None:
    feed = CcxtCandleFeed(registry_with(sources, tmp_path))
    with pytest.raises(ConfigError, match=said):
        feed.fetch_candles(pair, at(0), at(50))
