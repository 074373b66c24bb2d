"""What differs between exchanges when minutes are read from them."""

from dataclasses import dataclass
from typing import Literal

from alm_core.model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Facts of one exchange.

    Parameters
    ----------
    market_id
        Template of the exchange's own name of a market.
    page_minutes
        Most minutes that one request returns without loss.
    order
        Order of rows on the wire.
    windowed
        Whether a request covers ``page_minutes`` from its start, so that an empty page may be a gap and not the end.
    history_minutes
        Age from which the exchange refuses to answer; ``None`` if it keeps everything.
    """

    name: str
    market_id: str
    page_minutes: int
    order: Literal["ascending", "descending"]
    windowed: bool
    history_minutes: int | None = None


# bitget: a page of 1000 older than 29 days returns the last 200 of its window and skips the rest without an error.
# okx and mexc: larger limits are cut silently. gate: only the last 10 000 minutes exist.
VENUES = {
    venue.name: venue
    for venue in (
        Venue(name="binance", market_id="{base}{quote}", page_minutes=1000, order="ascending", windowed=False),
        Venue(name="bybit", market_id="{base}{quote}", page_minutes=1000, order="descending", windowed=False),
        Venue(name="okx", market_id="{base}-{quote}", page_minutes=300, order="descending", windowed=True),
        Venue(name="mexc", market_id="{base}{quote}", page_minutes=500, order="ascending", windowed=True),
        Venue(
            name="gate",
            market_id="{base}_{quote}",
            page_minutes=999,
            order="ascending",
            windowed=True,
            history_minutes=9_900,
        ),
        Venue(name="bitget", market_id="{base}{quote}", page_minutes=200, order="ascending", windowed=True),
    )
}


def venue_named(name: str) -> Venue:
    """Look an exchange up.

    Raises
    ------
    ConfigError
        If its paging is not known here; guessing would lose minutes silently.
    """
    if name not in VENUES:
        raise ConfigError(f"candle source {name!r}: exchange is not supported; known are {sorted(VENUES)}")
    return VENUES[name]
