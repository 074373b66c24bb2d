"""Exchanges and a feed over stand-ins: minutes, an overlay that points at them, what was asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alm_core.candles import ConsensusRules
from alm_core.model.ports import CandleFetch
from alm_resources.candles import CcxtCandleFeed
from alm_resources.candles.exchange import CcxtExchange
from alm_resources.registry import load_registry
from alm_tests.resources.candles.exchanges import MINUTE_MS, TIMES, Market, Minutes, answer
from alm_tests.resources.http.stub import Answer, FakeTime, Request, Stub, http_stub

START = datetime(2026, 11, 1, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
PAIR = "WETH-USDC"
SYMBOL = "ETH/USDC"


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def ms(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def minutes(first: int, after: int, price: float = 2000.0) -> Minutes:
    return {
        ms(n): [price + n % 7, price + n % 7 + 2, price + n % 7 - 1, price + n % 7 + 1, 3.5]
        for n in range(first, after)
    }


@contextmanager
def feed_of(
    tmp_path: Path, markets: Mapping[str, Market], **options: Any
) -> Iterator[tuple[CcxtCandleFeed, dict[str, Stub]]]:
    """Feed of one pair whose symbol is quoted as the pair is; one exchange is enough unless ``rules`` say otherwise."""
    options = {"rules": ConsensusRules(min_sources=1), **options}
    with ExitStack() as stack:
        stubs = {
            name: stack.enter_context(exchange_stub(name, {"ETHUSDC": market})) for name, market in markets.items()
        }
        overlay = tmp_path / "registry.toml"
        sources = [(PAIR, name, "ETH/USDC", None) for name in markets]
        overlay.write_text(overlay_text({name: stub.url for name, stub in stubs.items()}, sources))
        yield CcxtCandleFeed(load_registry(overlay), **options), stubs


@contextmanager
def exchange_stub(name: str, markets: Mapping[str, Market]) -> Iterator[Stub]:
    """An exchange with markets by ``BASEQUOTE``; its clock is the first one's."""

    def handler(request: Request) -> Answer:
        asked = next((request.query[key] for key in ("symbol", "instId", "currency_pair") if key in request.query), "")
        market = markets.get(asked.replace("-", "").replace("_", "")) or next(iter(markets.values()))
        return answer(name, market, request)

    with http_stub(handler) as stub:
        yield stub


def overlay_text(urls: Mapping[str, str], sources: Sequence[tuple[str, str, str, str | None]]) -> str:
    """Registry of the pairs of ``(pair, exchange, symbol, convert_by)``."""
    text = '[meta]\nmode = "replace"\n'
    for pair in dict.fromkeys(source[0] for source in sources):
        base, quote = pair.split("-")
        kind = "stable" if base == "USDC" else "volatile"
        text += f'[[pairs]]\nid = "{pair}"\nbase = "{base}"\nquote = "{quote}"\nasset_class = "{kind}"\n'
    for pair, exchange, symbol, basis in sources:
        text += f'[[sources]]\npair = "{pair}"\nexchange = "{exchange}"\nsymbol = "{symbol}"\nweight = 1.0\n'
        text += f'convert_by = "{basis}"\n' if basis else ""
    text += '[services]\ngeckoterminal_url = "http://x"\nlifi_url = "http://x"\n[services.exchange_urls]\n'
    return text + "".join(f'{name} = "{url}"\n' for name, url in urls.items())


def fetch(feed: CcxtCandleFeed, first: int, after: int, pair: str = PAIR) -> CandleFetch:
    return feed.fetch_candles(pair, at(first), at(after))


def exchange(name: str, base_url: str | None, **options: Any) -> CcxtExchange:
    settings: dict[str, Any] = {"timeout_s": 5.0, "attempts": 3, "sleep": FakeTime().sleep, **options}
    return CcxtExchange(name, [SYMBOL], base_url=base_url, **settings)


@contextmanager
def serving(name: str, market: Market, **options: Any) -> Iterator[tuple[CcxtExchange, Stub]]:
    with exchange_stub(name, {"ETHUSDC": market}) as stub:
        yield exchange(name, stub.url, **options), stub


def read(asked: CcxtExchange, first: int, after: int) -> list[int]:
    """Minutes that came, counted from the start of the scene."""
    opened = asked.fetch_minutes(SYMBOL, ms(first), ms(after)).series.ts_ms
    return [(int(each) - ms(0)) // MINUTE_MS for each in opened]


def klines(stub: Stub) -> list[Request]:
    return [request for request in stub.requests if request.path not in {path for path, _ in TIMES.values()}]


def before(stub: Stub, *answers: Answer) -> None:
    """Give these answers first."""
    left, usual = list(answers), stub.handler
    stub.handler = lambda request: left.pop(0) if left else usual(request)
