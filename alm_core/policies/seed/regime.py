"""Regime detection of the reference system (its section 6.3), on minute candles."""

from dataclasses import dataclass

import numpy as np

from alm_core.forces.indicators import parkinson_sigma
from alm_core.model.candles import FloatArray
from alm_core.policies.seed.candles import Columns
from alm_core.policies.seed.forces import mean_and_deviation
from alm_core.policies.seed.ieee import added, divided

HOUR = 60
MIN_HOURS = 10
SIGMA_MULTIPLE = 3.0
SUPPRESSED_EPOCHS = 4
STABLE_DISPLACEMENT, VOLATILE_DISPLACEMENT = 0.02, 0.10
VOLUME_MULTIPLE = 5.0
EPOCH_CANDLES = 15
WIDEN_FACTOR = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Whether the cycle is suppressed, until which epoch, and how much ranges are widened."""

    suppressed: bool = False
    reason: str = ""
    widen_factor: float = 1.0
    suppress_until_epoch: int = 0


def detect_regime(minutes: Columns, epoch: int, *, stable: bool) -> Regime:
    """Return the regime at the last minute; normal for less than an hour.

    Checked in order: volatility of the last hour against all hours since the start of the buffer, the tested one
    included; the move of the last 59 minutes; the volume of the last quarter hour against the mean one.
    """
    _, _, high, low, close, volume = minutes
    count = close.shape[0]
    if count < HOUR:
        return Regime()
    if _spiked(high, low):
        return Regime(suppressed=True, reason="vol_spike", suppress_until_epoch=epoch + SUPPRESSED_EPOCHS)
    before = float(close[-HOUR])
    limit = STABLE_DISPLACEMENT if stable else VOLATILE_DISPLACEMENT
    if divided(abs(float(close[-1]) - before), before) > limit:
        return Regime(suppressed=True, reason="price_displacement", suppress_until_epoch=epoch + SUPPRESSED_EPOCHS)
    average = added(volume.tolist()) / (count / EPOCH_CANDLES)
    if average > 0 and added(volume[-EPOCH_CANDLES:].tolist()) > VOLUME_MULTIPLE * average:
        return Regime(reason="volume_anomaly", widen_factor=WIDEN_FACTOR)
    return Regime()


def _spiked(high: FloatArray, low: FloatArray) -> bool:
    blocks = [slice(start, start + HOUR) for start in range(0, high.shape[0] - HOUR + 1, HOUR)]
    if len(blocks) <= MIN_HOURS:
        return False
    mean, std = mean_and_deviation(np.array([parkinson_sigma(high[block], low[block]) for block in blocks]))
    return parkinson_sigma(high[-HOUR:], low[-HOUR:]) > mean + SIGMA_MULTIPLE * std
