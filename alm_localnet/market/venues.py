"""One exchange's view of the market: its own small noise, its own share of the volume, its own rounding."""

from dataclasses import dataclass

import numpy as np

from alm_localnet.clock import VirtualClock
from alm_localnet.market.bars import Bars, FloatArray
from alm_localnet.market.noise import normals
from alm_localnet.market.world import Market

_LISTED = {"WETH": "ETH", "WBTC": "BTC"}
_NOISE = {"volatile": 0.00008, "stable": 0.00001}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A symbol on an exchange. ``pairs`` are multiplied: ETH/USDT is WETH-USDC times USDC-USDT."""

    symbol: str
    base: str
    quote: str
    pairs: tuple[str, ...]
    price_decimals: int
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kline:
    """One minute as an exchange reports it; prices are already formatted."""

    open_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int


class Venue:
    """Candles of one exchange up to the virtual clock; the last one is still open.

    Parameters
    ----------
    name
        Decides its noise.
    share
        Its share of the market's volume.
    """

    def __init__(self, name: str, share: float, market: Market, clock: VirtualClock) -> None:
        self._name, self._share, self._market = name, share, market
        self.clock = clock
        self.listings = {listing.symbol: listing for listing in _listings(market)}

    def klines(self, symbol: str, first: int, last: int) -> list[Kline]:
        """Minutes ``first <= minute < last`` that exist by now; ``KeyError`` for a symbol that is not listed."""
        listing = self.listings[symbol]
        first = max(first, self._market.first_minute)
        closed = min(last, self.clock.minute)
        rows = self._closed(listing, first, closed) if first < closed else []
        if first <= self.clock.minute < last:
            rows.append(self._open(listing))
        return rows

    def _closed(self, listing: Listing, first: int, last: int) -> list[Kline]:
        opened, high, low, close, volume = self._columns(listing, first, last)
        price = f"%.{listing.price_decimals}f"
        return [
            Kline(
                open_ms=(first + row) * 60_000,
                open=price % opened[row],
                high=price % high[row],
                low=price % low[row],
                close=price % close[row],
                volume=f"{volume[row]:.5f}",
                quote_volume=f"{volume[row] * close[row]:.5f}",
                trades=int(volume[row] > 0) + int(volume[row] * 3),
            )
            for row in range(last - first)
        ]

    def _open(self, listing: Listing) -> Kline:
        now = self.clock.minute
        last = self._closed(listing, now - 1, now)[0].close
        zero = f"{0:.5f}"
        return Kline(
            open_ms=now * 60_000, open=last, high=last, low=last, close=last, volume=zero, quote_volume=zero, trades=0
        )

    def _columns(
        self, listing: Listing, first: int, last: int
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        bars = [self._market.bars(pair, first, last) for pair in listing.pairs]
        noise = np.exp(
            listing.noise
            * normals(self._market.seed, f"venue/{self._name}/{listing.symbol}", np.arange(first - 1, last))
        )
        opened, close = _product(bars, "open") * noise[:-1], _product(bars, "close") * noise[1:]
        high = np.maximum.reduce([_product(bars, "high") * noise[1:], opened, close])
        low = np.minimum.reduce([_product(bars, "low") * noise[1:], opened, close])
        return opened, high, low, close, bars[0].volume * self._share


def _product(bars: list[Bars], column: str) -> FloatArray:
    columns: list[FloatArray] = [getattr(part, column) for part in bars]
    return np.prod(columns, axis=0)


def _listings(market: Market) -> list[Listing]:
    listings = [
        Listing(
            symbol=f"{_LISTED.get(pair.base, pair.base)}{pair.quote}",
            base=_LISTED.get(pair.base, pair.base),
            quote=pair.quote,
            pairs=(pair.pair_id,),
            price_decimals=5 if pair.asset_class == "stable" else 2,
            noise=0.0 if market.path(pair.pair_id).recorded else _NOISE[pair.asset_class],
        )
        for pair in market.pairs.values()
    ]
    crossed = [
        Listing(
            symbol=f"{entry.base}USDT",
            base=entry.base,
            quote="USDT",
            pairs=(*entry.pairs, "USDC-USDT"),
            price_decimals=entry.price_decimals,
            noise=entry.noise,
        )
        for entry in listings
        if entry.quote == "USDC" and "USDC-USDT" in market.pairs
    ]
    return listings + crossed
