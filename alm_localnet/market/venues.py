"""One exchange's view of the market: its own small noise, its own share of the volume, its own quiet minutes."""

from dataclasses import dataclass

import numpy as np

from alm_localnet.clock import VirtualClock
from alm_localnet.market.bars import Bars, BoolArray, FloatArray, IntArray
from alm_localnet.market.noise import normals, uniforms
from alm_localnet.market.world import STABLE_PAIR, Market
from alm_localnet.presets import PairPreset

SHARES = {"binance": 0.35, "bybit": 0.20, "okx": 0.18, "mexc": 0.10, "gate": 0.09, "bitget": 0.08}
"""Exchanges of the embedded world and their shares of the market's volume."""
SPARSE = frozenset({"mexc", "gate", "bitget"})
"""Exchanges that send no candle for a minute without a trade."""

_LISTED = {"WETH": "ETH", "WBTC": "BTC"}
_NOISE = {"volatile": 0.00008, "stable": 0.00001}
# A price of an exchange strays no further than this many deviations: arbitrage would not leave it there.
_MOST_DEVIATIONS = 2.0
_QUIET_ACTIVITY, _QUIET_CHANCE = 0.45, 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A symbol on an exchange. ``pairs`` are multiplied: ETH/USDT is WETH-USDC times USDC-USDT."""

    base: str
    quote: str
    pairs: tuple[str, ...]
    price_decimals: int
    noise: float

    @property
    def symbol(self) -> str:
        """Name without a separator."""
        return self.base + self.quote

    @property
    def stable(self) -> bool:
        """Whether both sides are stable."""
        return self.pairs == (STABLE_PAIR,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Minutes of one listing on one exchange, shape ``(n,)`` each; ``minute`` counts from the Unix epoch."""

    minute: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def rows(self, chosen: BoolArray) -> "Columns":
        """Return a selection of rows."""
        return Columns(
            minute=self.minute[chosen],
            open=self.open[chosen],
            high=self.high[chosen],
            low=self.low[chosen],
            close=self.close[chosen],
            volume=self.volume[chosen],
        )


class Venue:
    """Candles of one exchange, whatever the clock says; the stand-in shows those of the past.

    Parameters
    ----------
    name
        One of :data:`SHARES`; decides noise, quiet minutes and the share of the market's volume.
    """

    def __init__(self, name: str, market: Market, clock: VirtualClock) -> None:
        self.name, self.market, self.clock = name, market, clock
        self.listings = _listings(market)

    def columns(self, listing: Listing, first: int, last: int) -> Columns:
        """Minutes ``first <= minute < last``, those without a trade included; ``first`` must be on the path."""
        bars = [self.market.bars(pair, first, last) for pair in listing.pairs]
        shocks = normals(self.market.seed, f"venue/{self.name}/{listing.symbol}", np.arange(first - 1, last))
        noise = np.exp(listing.noise * np.clip(shocks, -_MOST_DEVIATIONS, _MOST_DEVIATIONS))
        opened, close = _product(bars, "open") * noise[:-1], _product(bars, "close") * noise[1:]
        return Columns(
            minute=bars[0].minute,
            open=opened,
            high=np.maximum.reduce([_product(bars, "high") * noise[1:], opened, close]),
            low=np.minimum.reduce([_product(bars, "low") * noise[1:], opened, close]),
            close=close,
            volume=bars[0].volume * SHARES[self.name],
        )

    def quiet(self, listing: Listing, columns: Columns) -> BoolArray:
        """Minutes in which nothing is traded here: some calm ones of a stable pair on the smaller exchanges."""
        if self.name not in SPARSE or not listing.stable:
            return np.zeros(len(columns.minute), dtype=np.bool_)
        mean = self.market.pairs[STABLE_PAIR].base_units_per_minute * SHARES[self.name]
        chance = uniforms(self.market.seed, f"quiet/{self.name}/{listing.symbol}", columns.minute)
        return (columns.volume < _QUIET_ACTIVITY * mean) & (chance < _QUIET_CHANCE)


def listed_base(pair: PairPreset) -> str:
    """Name of a pair's base on exchanges: they trade ether and bitcoin, not their wrapped forms."""
    return _LISTED.get(pair.base, pair.base)


def _product(bars: list[Bars], column: str) -> FloatArray:
    columns: list[FloatArray] = [getattr(part, column) for part in bars]
    return np.prod(columns, axis=0)


def _listings(market: Market) -> tuple[Listing, ...]:
    listings = [
        Listing(
            base=listed_base(pair),
            quote=pair.quote,
            pairs=(pair.pair_id,),
            price_decimals=5 if pair.asset_class == "stable" else 2,
            noise=0.0 if market.path(pair.pair_id).recorded else _NOISE[pair.asset_class],
        )
        for pair in market.pairs.values()
    ]
    crossed = [
        Listing(
            base=entry.base,
            quote="USDT",
            pairs=(*entry.pairs, STABLE_PAIR),
            price_decimals=entry.price_decimals,
            noise=entry.noise,
        )
        for entry in listings
        if entry.quote == "USDC"
    ]
    return (*listings, *crossed)
