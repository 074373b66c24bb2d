"""How sure a mean of dependent returns is: an interval by resampling blocks."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from alm_core.model.candles import FloatArray
from alm_core.model.errors import InvalidInput

BLOCK_BARS = 96
"""One day of quarter hours: the daily rhythm and most of the memory of volatility stay within a block."""
COVERAGE_FRAC = 0.8
RESAMPLES = 2000
SEED = 20_261_122


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and the bounds that hold it with :data:`COVERAGE_FRAC`."""

    low: float
    mean: float
    high: float


def mean_interval(values: FloatArray, block: int = BLOCK_BARS) -> Interval:
    r"""Return the mean of a series and its interval.

    Parameters
    ----------
    values : shape (n,)
        Finite values in order of time, dependent over less than a block.
    block
        Length of a block; at least two must fit.

    Raises
    ------
    InvalidInput
        If two blocks do not fit, or a value is not finite.

    Notes
    -----
    Circular block bootstrap (Politis and Romano 1992): blocks of consecutive values, drawn with replacement from a
    circle of the series until the resample is as long as the series; quantiles of the resampled means. A block that
    spans the joint of two stretches counts like any other. Seeded: the same values, the same interval.

    With few blocks the quantiles are too near: means of resamples vary by :math:`(m - 1)/m` of the true variance, and
    that is an estimate with :math:`m - 1` degrees of freedom. Their distances from the mean are stretched by
    :math:`\sqrt{m/(m-1)}\, t_{m-1}/z`, as for the mean of m independent values.

    Examples
    --------
    >>> import numpy as np
    >>> mean_interval(np.full(960, 0.5))
    Interval(low=0.5, mean=0.5, high=0.5)
    """
    count = len(values)
    if count < 2 * block or not np.isfinite(values).all():
        raise InvalidInput(f"{count} values, some perhaps not finite, give no interval by blocks of {block}")
    drawn = -(-count // block)
    cut = count - (drawn - 1) * block
    before = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[:block]]))])
    starts = np.random.default_rng(SEED).integers(0, count, (RESAMPLES, drawn))
    whole, last = starts[:, :-1], starts[:, -1]
    totals = (before[whole + block] - before[whole]).sum(axis=1) + before[last + cut] - before[last]
    tail = (1.0 - COVERAGE_FRAC) / 2.0
    mean = float(values.mean())
    low, high = mean + _stretch(count / block, tail) * (np.quantile(totals / count, [tail, 1.0 - tail]) - mean)
    return Interval(low=float(low), mean=mean, high=float(high))


def _stretch(blocks: float, tail: float) -> float:
    return float(np.sqrt(blocks / (blocks - 1.0)) * special.stdtrit(blocks - 1.0, tail) / special.ndtri(tail))
