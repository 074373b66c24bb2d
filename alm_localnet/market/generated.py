"""Generated price paths: a volatile one (geometric brownian with regimes and jumps) and a stable one.

Generated, not recorded: nothing here claims to be a real market.
"""

import itertools
import threading
from dataclasses import dataclass

import numpy as np

from alm_core.model.errors import InvalidInput
from alm_localnet.market.bars import MINUTES_PER_DAY, MINUTES_PER_YEAR, Bars, FloatArray, IntArray, joined
from alm_localnet.market.noise import normals, uniforms

# Annual volatility of the calm, normal and stormy regime, and the chance per hour to stay in it.
REGIME_SIGMA = (0.35, 0.60, 1.10)
REGIME_STAY = (0.92, 0.90, 0.70)
JUMPS_PER_DAY = 1.5
JUMP_SIGMA = 0.006
STABLE_HALF_LIFE_MIN = 300.0
STABLE_SIGMA = 0.0004
DEPEGS_PER_DAY = 0.05
DEPEG_HALF_LIFE_MIN = 180.0


@dataclass(frozen=True, slots=True)
class _Carry:
    """What the next day needs of the day before."""

    log_price: float
    regime: int
    depeg: float


class GeneratedPath:
    """Minutes of one pair from a seed; days are made when first asked for and kept.

    Parameters
    ----------
    seed, name
        Together they decide every number.
    volatile
        Geometric brownian with regimes and jumps; otherwise mean-reverting around ``price`` with rare depegs.
    price
        Price at ``first_minute``; for a stable pair also its mean.
    base_units_per_minute
        Mean volume of a minute.
    """

    recorded = False

    def __init__(
        self, *, seed: int, name: str, volatile: bool, price: float, base_units_per_minute: float, first_minute: int
    ) -> None:
        self.first_minute = first_minute
        self._seed, self._name, self._volatile = seed, name, volatile
        self._mean, self._units = float(np.log(price)), base_units_per_minute
        self._days: list[Bars] = []
        self._all: Bars | None = None
        self._carry = _Carry(self._mean, 1, 0.0)
        self._lock = threading.Lock()

    def bars(self, first: int, last: int) -> Bars:
        """Return minutes ``first <= minute < last``; see :class:`~alm_localnet.market.bars.PricePath`."""
        if first < self.first_minute or last < first:
            raise InvalidInput(f"{self._name}: minutes {first}..{last} asked, the path begins at {self.first_minute}")
        with self._lock:
            while self._all is None or last > self.first_minute + len(self._all.minute):
                self._extend()
            return self._all.rows(first, last)

    def _extend(self) -> None:
        start = self.first_minute + len(self._days) * MINUTES_PER_DAY
        minute = np.arange(start, start + MINUTES_PER_DAY, dtype=np.int64)
        self._days.append(self._volatile_day(minute) if self._volatile else self._stable_day(minute))
        self._all = joined(self._days) if self._all is None else joined([self._all, self._days[-1]])

    def _volatile_day(self, minute: IntArray) -> Bars:
        regimes = self._regimes(minute)
        sigma = np.asarray(REGIME_SIGMA)[regimes] / np.sqrt(MINUTES_PER_YEAR)
        jumps = np.where(
            self._uniform("jump", minute) < JUMPS_PER_DAY / MINUTES_PER_DAY,
            JUMP_SIGMA * self._normal("jump size", minute),
            0.0,
        )
        log_close = self._carry.log_price + np.cumsum(sigma * self._normal("return", minute) - sigma**2 / 2 + jumps)
        previous = self._carry.log_price
        self._carry = _Carry(float(log_close[-1]), int(regimes[-1]), 0.0)
        return self._day(minute, previous, log_close, sigma, activity=sigma / sigma_normal())

    def _stable_day(self, minute: IntArray) -> Bars:
        decay, depeg_decay = 0.5 ** (1 / STABLE_HALF_LIFE_MIN), 0.5 ** (1 / DEPEG_HALF_LIFE_MIN)
        sigma = STABLE_SIGMA * np.sqrt(1 - decay**2)
        struck = self._uniform("depeg", minute) < DEPEGS_PER_DAY / MINUTES_PER_DAY
        impulse = np.where(struck, 0.002 + 0.003 * self._uniform("depeg size", minute), 0.0)
        impulse *= np.where(self._uniform("depeg side", minute) < 0.5, 1.0, -1.0)
        before = self._carry.log_price - self._mean - self._carry.depeg
        drift = _decayed(before, sigma * self._normal("return", minute), decay)
        depeg = _decayed(self._carry.depeg, impulse, depeg_decay)
        log_close = self._mean + drift + depeg
        previous = self._carry.log_price
        self._carry = _Carry(float(log_close[-1]), 1, float(depeg[-1]))
        stress = 1 + np.abs(depeg) / 0.001
        return self._day(minute, previous, log_close, np.full(len(minute), sigma), activity=stress)

    def _day(
        self, minute: IntArray, previous: float, log_close: FloatArray, sigma: FloatArray, activity: FloatArray
    ) -> Bars:
        log_open = np.concatenate([[previous], log_close[:-1]])
        middle, move = (log_open + log_close) / 2, log_close - log_open
        # Extremes of a brownian bridge, exact: Glasserman, Monte Carlo Methods in Financial Engineering, 6.4.
        above = np.sqrt(move**2 - 2 * sigma**2 * np.log(self._uniform("high", minute))) / 2
        below = np.sqrt(move**2 - 2 * sigma**2 * np.log(self._uniform("low", minute))) / 2
        hour = minute % MINUTES_PER_DAY / 60
        season = 1 + 0.35 * np.sin(2 * np.pi * (hour - 9) / 24)
        busy = activity * season * np.exp(0.6 * self._normal("activity", minute) - 0.18)
        tilt = np.clip(move / (sigma * 4), -0.4, 0.4)
        return Bars(
            minute=minute,
            open=np.exp(log_open),
            high=np.exp(np.maximum(middle + above, np.maximum(log_open, log_close))),
            low=np.exp(np.minimum(middle - below, np.minimum(log_open, log_close))),
            close=np.exp(log_close),
            volume=self._units * busy,
            activity=busy,
            buys_frac=np.clip(0.5 + tilt / 2 + 0.1 * (self._uniform("side", minute) - 0.5), 0.05, 0.95),
        )

    def _regimes(self, minute: IntArray) -> IntArray:
        hours = minute[::60] // 60
        regime, regimes = self._carry.regime, list[int]()
        stay, side = self._uniform("regime", hours), self._uniform("regime side", hours)
        for u, v in zip(stay.tolist(), side.tolist(), strict=True):
            if u > REGIME_STAY[regime]:
                regime = {0: 1, 1: 0 if v < 0.6 else 2, 2: 1}[regime]
            regimes.append(regime)
        return np.repeat(np.asarray(regimes, dtype=np.int64), 60)

    def _uniform(self, what: str, counters: IntArray) -> FloatArray:
        return uniforms(self._seed, f"{self._name}/{what}", counters)

    def _normal(self, what: str, counters: IntArray) -> FloatArray:
        return normals(self._seed, f"{self._name}/{what}", counters)


def sigma_normal() -> float:
    """Volatility per square root minute of the normal regime."""
    return float(REGIME_SIGMA[1] / np.sqrt(MINUTES_PER_YEAR))


def _decayed(start: float, shocks: FloatArray, decay: float) -> FloatArray:
    path = itertools.accumulate(shocks.tolist(), lambda level, shock: decay * level + shock, initial=start)
    return np.fromiter(path, dtype=np.float64, count=len(shocks) + 1)[1:]
