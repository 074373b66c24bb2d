"""A prepared market of minutes: made once, shared by all parameter sets, never changed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from alm_core.forces.compiled import compiled
from alm_core.forces.timeframes import BASE_MINUTES
from alm_core.model.candles import MINUTE_MS, FloatArray, IntArray
from alm_core.model.errors import InvalidInput
from alm_core.simulation.minute_ticks import Grid
from alm_core.simulation.tape import Tape

QUARTER_MS = BASE_MINUTES * MINUTE_MS
MIN_MINUTES = 2 * BASE_MINUTES


@compiled
def sums_until(closes: IntArray, values: FloatArray) -> FloatArray:
    """Return the sum of a column of minutes before each quarter-hour close, shape (k,)."""
    out = np.empty(closes.shape[0])
    total, minute = 0.0, 0
    for row in range(closes.shape[0]):
        while minute < closes[row]:
            total += values[minute]
            minute += 1
        out[row] = total
    return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuarterForces:
    """What the strategy knew at each quarter-hour close, shape (k,); NaN where no timeframe was warm."""

    volatility: FloatArray
    bias: FloatArray
    sigma_annual: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinuteMarket:
    """Minutes of one pool without a gap.

    Parameters
    ----------
    start_ms
        Opening of the first minute, milliseconds UTC.
    tick : shape (n + 1,)
        Tick at the opening of the first minute, then at the close of each; the pool's own orientation.
    root : shape (n + 1,)
        Square root of quote per base at the same moments.
    fee_base, fee_quote : shape (n,)
        Fees of each minute to liquidity, units of each token.
    liquidity : shape (n,)
        Active liquidity of others in each minute, so that it is worth ``2 L sqrt(P)`` quote over the full range.
    grid
        How ticks map to prices.
    fee_error_frac
        How uncertain the share of fees is: others' liquidity may be ``1 + fee_error_frac`` times as much, or as little
        as one part in that. 0 where swaps or fee growth are known.
    source
        ``exact``, ``fee growth`` or ``aggregate``.
    forces
        At each quarter-hour close within the minutes; ``None`` where nothing is to be decided.
    """

    start_ms: int
    tick: IntArray
    root: FloatArray
    fee_base: FloatArray
    fee_quote: FloatArray
    liquidity: FloatArray
    grid: Grid
    source: str
    fee_error_frac: float = 0.0
    forces: QuarterForces | None = None
    base_until: FloatArray = field(init=False)
    quote_until: FloatArray = field(init=False)
    """Fees from the first minute to each quarter-hour close, shape (k,)."""
    problem: str = field(init=False)
    """Why nothing can be simulated on it; empty where it can."""

    def __post_init__(self) -> None:
        count = self.fee_base.shape[0]
        found = [self.tick.shape, self.root.shape, self.fee_quote.shape, self.liquidity.shape]
        if found != [(count + 1,), (count + 1,), (count,), (count,)]:
            raise InvalidInput(f"columns of {count} minutes have shapes {found}; prices have one more than minutes")
        if self.forces is not None and self.forces.volatility.shape != self.closes.shape:
            raise InvalidInput(f"{self.forces.volatility.shape[0]} forces for {self.closes.shape[0]} quarter hours")
        object.__setattr__(self, "base_until", sums_until(self.closes, self.fee_base))
        object.__setattr__(self, "quote_until", sums_until(self.closes, self.fee_quote))
        object.__setattr__(self, "problem", _shortage(self) or _bad_price(self) or _bad_liquidity(self))

    def __len__(self) -> int:
        return int(self.fee_base.shape[0])

    @property
    def closes(self) -> IntArray:
        """Number of minutes before each quarter-hour close, shape (k,)."""
        first = -(self.start_ms // MINUTE_MS) % BASE_MINUTES
        return np.arange(first or BASE_MINUTES, len(self) + 1, BASE_MINUTES, dtype=np.int64)

    @property
    def closes_at_ms(self) -> IntArray:
        """Time of each quarter-hour close, shape (k,)."""
        return self.start_ms + self.closes * MINUTE_MS

    def with_forces(self, tape: Tape) -> "MinuteMarket":
        """Return the market with the forces of a tape at the quarter hours it has in common with it."""
        at = self.closes_at_ms
        rows = np.searchsorted(tape.ts_ms + QUARTER_MS, at)
        rows_or_last = np.minimum(rows, max(0, len(tape) - 1))
        known = (tape.ts_ms[rows_or_last] + QUARTER_MS == at) if len(tape) else np.zeros(at.shape, dtype=np.bool_)

        def column(values: FloatArray) -> FloatArray:
            return np.where(known, values[rows_or_last], np.nan) if len(tape) else np.full(at.shape, np.nan)

        forces = QuarterForces(
            volatility=column(tape.volatility), bias=column(tape.bias), sigma_annual=column(tape.sigma_annual)
        )
        return replace(self, forces=forces)

    def rows(self, first: int, last: int) -> "MinuteMarket":
        """Return the minutes ``[first, last)``; columns are views, forces are left out."""
        return replace(
            self,
            start_ms=self.start_ms + first * MINUTE_MS,
            tick=self.tick[first : last + 1],
            root=self.root[first : last + 1],
            fee_base=self.fee_base[first:last],
            fee_quote=self.fee_quote[first:last],
            liquidity=self.liquidity[first:last],
            forces=None,
        )


def joined_minutes(parts: Iterable[MinuteMarket], minutes: int) -> MinuteMarket:
    """Return consecutive parts of a market as one, without its forces.

    Parameters
    ----------
    parts
        Oldest first; taken one by one, so that a generator of parts never holds two of them.
    minutes
        Minutes of all parts together.

    Raises
    ------
    InvalidInput
        If there is no part, one does not begin where the one before ended, or they have more or fewer minutes.
    """
    tick, root = np.empty(minutes + 1, dtype=np.int64), np.empty(minutes + 1)
    fee_base, fee_quote, liquidity = np.empty(minutes), np.empty(minutes), np.empty(minutes)
    first: MinuteMarket | None = None
    filled, error_frac = 0, 0.0
    for part in parts:
        first = part.rows(0, 0) if first is None else first
        end = filled + len(part)
        if part.start_ms != first.start_ms + filled * MINUTE_MS or end > minutes or part.grid != first.grid:
            raise InvalidInput(f"{len(part)} minutes from {part.start_ms} ms do not continue {filled} of {minutes}")
        tick[filled : end + 1], root[filled : end + 1] = part.tick, part.root
        fee_base[filled:end], fee_quote[filled:end] = part.fee_base, part.fee_quote
        liquidity[filled:end] = part.liquidity
        filled, error_frac = end, max(error_frac, part.fee_error_frac)
    if first is None or filled != minutes:
        raise InvalidInput(f"{filled} minutes were given, {minutes} were announced")
    return replace(
        first,
        tick=tick,
        root=root,
        fee_base=fee_base,
        fee_quote=fee_quote,
        liquidity=liquidity,
        fee_error_frac=error_frac,
    )


def _shortage(market: MinuteMarket) -> str:
    if len(market) < MIN_MINUTES:
        return f"{len(market)} minutes are too few: at least {MIN_MINUTES} are needed"
    return ""


def _bad_price(market: MinuteMarket) -> str:
    bad = ~(np.isfinite(market.root) & (market.root > 0.0))
    if bad.any():
        where = int(np.argmax(bad))
        return f"price {where} of {len(market) + 1} has the square root {market.root[where]}: not positive and finite"
    return ""


def _bad_liquidity(market: MinuteMarket) -> str:
    for name in ("fee_base", "fee_quote", "liquidity"):
        values: FloatArray = getattr(market, name)
        bad = ~(np.isfinite(values) & (values >= 0.0))
        if bad.any():
            where = int(np.argmax(bad))
            return f"{name} {values[where]} of minute {where} is not a finite amount"
    if not market.liquidity.any():
        return "no minute has liquidity of others: fees and swaps have no counterpart"
    bad = (market.liquidity == 0.0) & ((market.fee_base > 0.0) | (market.fee_quote > 0.0))
    if bad.any():
        return f"minute {int(np.argmax(bad))} has fees without active liquidity"
    return ""
