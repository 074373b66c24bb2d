"""Counter-based randomness: a minute's value depends on seed, stream and minute alone, never on the order asked."""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def uniforms(seed: int, stream: str, counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return uniform numbers in (0, 1), one per counter (SplitMix64 of seed, stream and counter).

    Examples
    --------
    >>> a = uniforms(1, "volume", np.arange(5))
    >>> b = uniforms(1, "volume", np.arange(3, 5))
    >>> bool((a[3:] == b).all())
    True
    """
    key = seed & _MASK
    for byte in stream.encode():
        key = _mix_int((key ^ byte) + _GOLDEN)
    state = counters.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normals(seed: int, stream: str, counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return standard normal numbers, one per counter (Box-Muller)."""
    radius = np.sqrt(-2.0 * np.log(uniforms(seed, stream + "/r", counters)))
    return radius * np.cos(2.0 * np.pi * uniforms(seed, stream + "/a", counters))


def _mix_int(value: int) -> int:
    value &= _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
