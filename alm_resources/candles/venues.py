"""What differs between exchanges when minutes are read from them."""

from dataclasses import dataclass
from typing import Literal

from alm_core.model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Facts of one exchange. All six have a usable time call.

    Parameters
    ----------
    market_id
        Template of the exchange's own name of a market.
    page_minutes
        Most minutes that one request returns without loss.
    old_page_minutes, old_after_minutes
        The same for a page that begins longer ago than ``old_after_minutes``; ``None`` where age makes no difference.
    order
        Order of rows on the wire.
    calls_per_s, burst
        What this house allows itself: ``burst`` calls at once, refilled at ``calls_per_s``; below the exchange's limit.
    rows_at
        Where in the answer the list of rows is.
    end_key
        Parameter by which ccxt is told the end of a window; ``None`` where it ends it itself, at the limit.
    clocked
        Whether ccxt picks endpoint and end of a window by the time of day. It is told the exchange's own.
    history_minutes
        Age from which the exchange refuses to answer; ``None`` if it keeps everything.
    """

    name: str
    market_id: str
    page_minutes: int
    order: Literal["ascending", "descending"]
    calls_per_s: float
    burst: int
    rows_at: tuple[str, ...] = ()
    end_key: str | None = None
    clocked: bool = True
    history_minutes: int | None = None
    old_page_minutes: int | None = None
    old_after_minutes: int = 0


VENUES = {
    venue.name: venue
    for venue in (
        # 6000 weight a minute and address, 2 a call: 50 calls a second; then 429, then 418 and a ban.
        Venue(
            name="binance",
            market_id="{base}{quote}",
            page_minutes=1000,
            order="ascending",
            calls_per_s=20.0,
            burst=10,
            end_key="until",
            clocked=False,
        ),
        # 600 calls in 5 s and address, then 403. With start and end the newest rows win, so a window is one page.
        Venue(
            name="bybit",
            rows_at=("result", "list"),
            market_id="{base}{quote}",
            page_minutes=1000,
            order="descending",
            calls_per_s=20.0,
            burst=10,
            end_key="until",
            clocked=False,
        ),
        # 20 calls in 2 s to the history, 40 to the last day; a larger limit is cut to 300 without a word.
        Venue(
            name="okx",
            rows_at=("data",),
            market_id="{base}-{quote}",
            page_minutes=300,
            order="descending",
            calls_per_s=8.0,
            burst=4,
        ),
        # 500 weight in 10 s, 1 a call; documented are 1000 rows, sent are 500. Not told an end, ccxt sets one by clock.
        Venue(
            name="mexc",
            market_id="{base}{quote}",
            page_minutes=500,
            order="ascending",
            calls_per_s=20.0,
            burst=10,
            end_key="endTime",
            clocked=False,
        ),
        # 200 calls in 10 s. Only the latest 10 000 minutes exist; an older start is refused, so stay clear of the edge.
        Venue(
            name="gate",
            market_id="{base}_{quote}",
            page_minutes=999,
            order="ascending",
            calls_per_s=15.0,
            burst=10,
            history_minutes=9_900,
        ),
        # 20 calls a second, 3000 in 5 minutes. From 29 days ago on ccxt asks the history, which sends 200 rows: of a
        # larger window the last 200, without an error. A day is left to its idea of the border.
        Venue(
            name="bitget",
            rows_at=("data",),
            market_id="{base}{quote}",
            page_minutes=1000,
            order="ascending",
            calls_per_s=9.0,
            burst=5,
            old_page_minutes=200,
            old_after_minutes=28 * 1440,
        ),
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
