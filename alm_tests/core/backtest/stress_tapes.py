"""Five bad weeks, generated and always the same: what a market does in them, and when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import Pool, Token
from alm_tests.bench.scoreboard.tapes import MINUTES_PER_YEAR, ScoreTape
from alm_tests.bench.scoreboard.world import TapeHistory, TapeWorld
from alm_tests.core.backtest.tape_snapshot import PAIR, POOL

START = datetime(2026, 2, 28, tzinfo=UTC)
WARM_DAYS, SCORED_DAYS = 10, 5
FIRST_AT = START + timedelta(days=WARM_DAYS)
EVENT_AT = FIRST_AT + timedelta(days=1)
"""A calm day comes first: policies have placed what they have."""
END_AT = FIRST_AT + timedelta(days=SCORED_DAYS)
MINUTES = (WARM_DAYS + SCORED_DAYS) * 1440
STABLE_PAIR = "USDC-USDT"


def _stable(symbol: str, letter: str, issuer: str) -> Token:
    return Token(
        chain_id=POOL.chain_id,
        address="0x" + letter * 40,
        symbol=symbol,
        decimals=6,
        asset_class="stable",
        issuer=issuer,
    )


STABLE_POOL = replace(
    POOL,
    address="0x" + "d" * 40,
    token0=_stable("USDC", "b", "circle"),
    token1=_stable("USDT", "c", "tether"),
    fee_pips=100,
    tick_spacing=1,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StressTape:
    """A market in trouble.

    Parameters
    ----------
    tape, pool, pair
        Price and pool by minute, and whose they are.
    until_at
        When the event that begins at :data:`EVENT_AT` is over.
    gas_multiple : shape (minutes,)
        Gas relative to its usual price.
    native_usd
        Price of the coin that gas is paid in.
    silent
        Times without candles, while the pool goes on.
    """

    tape: ScoreTape
    until_at: datetime
    pair: str = PAIR
    pool: Pool = POOL
    tvl_per_active: float = 0.1
    gas_multiple: FloatArray = field(default_factory=lambda: np.ones(MINUTES))
    native_usd: float = 0.5
    silent: tuple[datetime, datetime] | None = None

    def market(self) -> "StressMarket":
        """What was recorded of it."""
        return StressMarket(self)


class StressMarket:
    """A :class:`alm_core.model.backtest.MarketHistory` of a stress tape."""

    def __init__(self, stress: StressTape) -> None:
        self._stress = stress
        self._world = TapeWorld(stress.tape, FIRST_AT, stress.pool, stress.tvl_per_active)
        self._history = TapeHistory(self._world)

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        """Minutes that exchanges told of."""
        if self._stress.silent is None:
            return self._history.candles(start_at, end_at)
        first_at, last_at = self._stress.silent
        return CandleSeries.joined(
            [
                self._history.candles(start_at, min(end_at, first_at)),
                self._history.candles(max(start_at, last_at), end_at),
            ]
        )

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        """Return the pool, with the gas of that minute."""
        found = self._history.snapshot(epoch_at)
        if found is None:
            return None
        multiple = float(self._stress.gas_multiple[self._world.row(epoch_at) - 1])
        chains = tuple(
            replace(
                chain,
                base_fee_wei=int(chain.base_fee_wei * multiple),
                priority_fee_wei=int(chain.priority_fee_wei * multiple),
                native_usd=self._stress.native_usd,
            )
            for chain in found.chains
        )
        return replace(found, pair=self._stress.pair, chains=chains)


def depeg() -> StressTape:
    """A stable falls to 0.88 in eight hours and is back at par after three days, as USDC from 11 to 13 March 2023.

    Volume is thirty times the usual, nine tenths of the pool's liquidity lie where the price is no more, and gas is
    eight times dearer on the first day, three times on the others.
    """
    anchors = ((0, 1.0), (2, 0.985), (5, 0.95), (8, 0.88), (12, 0.91), (20, 0.935), (36, 0.955), (48, 0.985))
    path = _path((*anchors, (60, 0.996), (72, 0.9995)))
    in_event = _between(EVENT_AT, EVENT_AT + timedelta(hours=72))
    sigma = np.where(in_event, 0.5, 0.004)
    close = path * np.exp(_held_near_zero(7, sigma))
    gas = np.where(in_event, 3.0, 1.0)
    gas[_between(EVENT_AT, EVENT_AT + timedelta(hours=24))] = 8.0
    volume_usd = np.where(in_event, 30.0, 1.0) * 25e6 / 1440
    active_usd = np.where(np.abs(close - 1.0) > 0.01, 8e8, 8e9)
    return StressTape(
        tape=_tape("depeg", close, volume_usd, 1e-4, active_usd),
        until_at=EVENT_AT + timedelta(hours=72),
        pair=STABLE_PAIR,
        pool=STABLE_POOL,
        tvl_per_active=0.005,
        gas_multiple=gas,
    )


def crash() -> StressTape:
    """WETH loses two fifths in a day, with four times its volatility and ten times its volume; a tenth comes back."""
    path = _path(((0, 1.0), (6, 0.94), (10, 0.84), (14, 0.80), (18, 0.66), (24, 0.60), (48, 0.64)))
    in_event = _between(EVENT_AT, EVENT_AT + timedelta(hours=24))
    close = 2_000.0 * path * np.exp(np.cumsum(_noise(11, np.where(in_event, 1.2, 0.45))))
    # The walk is taken out at both ends of the day, so that the loss of the day is two fifths.
    close *= _path(_bridge(close, path))
    return StressTape(
        tape=_tape("crash", close, np.where(in_event, 10.0, 1.0) * 15e6 / 1440),
        until_at=EVENT_AT + timedelta(hours=24),
    )


def dear_gas() -> StressTape:
    """Gas at fifty times its price for two days: a move that took some 3 USD takes some 170 of 10,000."""
    until_at = EVENT_AT + timedelta(hours=48)
    close = 2_000.0 * np.exp(np.cumsum(_noise(13, np.full(MINUTES, 0.6))))
    return StressTape(
        tape=_tape("dear gas", close, np.full(MINUTES, 25e6 / 1440)),
        until_at=until_at,
        gas_multiple=np.where(_between(EVENT_AT, until_at), 50.0, 1.0),
        native_usd=25.0,
    )


def dead_volume() -> StressTape:
    """Nobody trades in the pool any more, for the rest of the tape, while the price goes on as it did."""
    close = 2_000.0 * np.exp(np.cumsum(_noise(17, np.full(MINUTES, 0.6))))
    volume_usd = np.where(_between(EVENT_AT, END_AT), 0.001, 1.0) * 25e6 / 1440
    return StressTape(tape=_tape("dead volume", close, volume_usd), until_at=END_AT)


def exchange_outage() -> StressTape:
    """No exchange tells a candle for seven hours, in which the pool's price falls by 6 %."""
    until_at = EVENT_AT + timedelta(hours=7)
    path = _path(((0, 1.0), (7, 0.94)))
    close = 2_000.0 * path * np.exp(np.cumsum(_noise(19, np.full(MINUTES, 0.6))))
    return StressTape(
        tape=_tape("exchange outage", close, np.full(MINUTES, 25e6 / 1440)),
        until_at=until_at,
        silent=(EVENT_AT, until_at),
    )


def _tape(
    name: str,
    close: FloatArray,
    volume_usd: FloatArray,
    fee_frac: float = 5e-4,
    active_usd: FloatArray | float = 40e6,
) -> ScoreTape:
    opened = np.concatenate([close[:1], close[:-1]])
    half = np.abs(np.random.default_rng(3).normal(0.0, 1.0, MINUTES)) * np.abs(np.log(close / opened)) / 2
    fees = volume_usd * fee_frac
    first_ms = int(START.timestamp() * 1000)
    candles = CandleSeries(
        ts_ms=first_ms + MINUTE_MS * np.arange(MINUTES, dtype=np.int64),
        open=opened,
        high=np.maximum(opened, close) * np.exp(half),
        low=np.minimum(opened, close) * np.exp(-half),
        close=close,
        volume=volume_usd / close,
        filled=np.zeros(MINUTES, dtype=np.bool_),
    )
    return ScoreTape(
        name=name,
        candles=candles,
        fees_base=fees / 2.0 / close,
        fees_quote=fees / 2.0,
        active_usd=np.broadcast_to(np.asarray(active_usd, dtype=np.float64), (MINUTES,)),
        recorded=False,
        note=name,
    )


def _minute(at: datetime) -> int:
    return int((at - START) / timedelta(minutes=1))


def _between(first_at: datetime, end_at: datetime) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    minute = np.arange(MINUTES)
    return (minute >= _minute(first_at)) & (minute < _minute(end_at))


def _path(anchors: Sequence[tuple[float, float]]) -> FloatArray:
    """A path through levels at hours of the event, straight in the logarithm; the ends go on."""
    at = [_minute(EVENT_AT) + hours * 60 for hours, _ in anchors]
    return np.exp(np.interp(np.arange(MINUTES), at, [math.log(level) for _, level in anchors]))


def _noise(seed: int, sigma_annual: FloatArray) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0, 1.0, MINUTES) * sigma_annual / math.sqrt(MINUTES_PER_YEAR)


def _held_near_zero(seed: int, sigma_annual: FloatArray) -> FloatArray:
    """Noise that is pulled back: half of it is gone after two hours."""
    kept, found = 0.5 ** (1 / 120), np.zeros(MINUTES)
    for minute, step in enumerate(_noise(seed, sigma_annual)):
        found[minute] = (found[minute - 1] * kept if minute else 0.0) + step
    return found


def _bridge(close: FloatArray, path: FloatArray) -> tuple[tuple[float, float], ...]:
    first, last = _minute(EVENT_AT), _minute(EVENT_AT + timedelta(hours=24))
    walked = (close[last] / path[last]) / (close[first] / path[first])
    return ((0.0, 1.0), (24.0, float(1.0 / walked)))
