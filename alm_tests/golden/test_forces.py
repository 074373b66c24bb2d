"""Policy ``seed`` against the reference: indicators, candles, forces."""

import numpy as np
import pytest

from alm_core.forces.indicators import parkinson_sigma, relative_strength
from alm_core.policies.seed.candles import aggregate, merge_weighted
from alm_core.policies.seed.forces import composite_forces, forces_of, moving_averages, volatility
from alm_core.policies.seed.params import SeedForces
from alm_tests.golden.vectors import close, columns, load, report

pytestmark = pytest.mark.reference


def same_forces(found: SeedForces, wanted: dict[str, dict[str, float]]) -> bool:
    pairs = [
        (found.volatility, wanted["v"]["force"]),
        (found.mean, wanted["v"]["mean"]),
        (found.std, wanted["v"]["std"]),
        (found.momentum, wanted["m"]["force"]),
        (found.up, wanted["m"]["up"]),
        (found.down, wanted["m"]["down"]),
        (found.trend, wanted["t"]["force"]),
        (found.ma0, wanted["t"]["ma0"]),
        (found.ma1, wanted["t"]["ma1"]),
    ]
    # The deviation of nearly equal closes is a difference of rounding errors; compared relative to the mean.
    return all(close(a, b, 1e-8, 1e-12 * max(1.0, abs(found.mean))) for a, b in pairs)


def same_columns(found: tuple[np.ndarray, ...], wanted: dict[str, list[float]]) -> bool:
    return all(
        column.shape == (len(wanted[name]),) and np.allclose(column, wanted[name], rtol=1e-9, atol=0)
        for column, name in zip(found, ("ts", "o", "h", "l", "c", "v"), strict=True)
    )


def test_indicators_equal_the_reference() -> None:
    cases = load("indicators")["cases"]
    failed = []
    for case in cases:
        if "candles" in case:
            _, _, high, low, closes, _ = columns(case["candles"])
            lookback = case["lookback"]
            sigma = parkinson_sigma(high[-lookback:], low[-lookback:])
            ok = close(sigma, case["parkinsonVolatility"]) and close(
                volatility(high, low, closes, lookback)[0], case["parkinsonVforce"], 1e-8
            )
        else:
            values = np.asarray(case["values"], dtype=np.float64)
            averages = moving_averages(values, case["period"])
            ok = (
                close(float(values.mean()) if len(values) else 0.0, case["mean"])
                and close(float(values.std()) if len(values) else 0.0, case["std"])
                and averages.shape == (len(case["sma"]),)
                and bool(np.allclose(averages, case["sma"], rtol=1e-9, atol=1e-12))
                and close(relative_strength(values, case["period"], 100.0), case["rsi"])
                and close(relative_strength(values, 14, 100.0), case["rsi_default"])
            )
        if not ok:
            failed.append(str(case)[:300])
    report("indicators", len(cases), failed)


def test_forces_equal_the_reference() -> None:
    cases = load("forces")["cases"]
    failed = []
    for case in cases:
        lookbacks = (case["lookbacks"]["v"], case["lookbacks"]["m"], case["lookbacks"]["t"])
        found = forces_of(columns(case["candles"]), lookbacks)
        if not same_forces(found, case["forces"]):
            failed.append(f"{found} {case['forces']}")
    report("forces", len(cases), failed)


def test_candles_equal_the_reference() -> None:
    cases = load("candles")["cases"]
    failed = []
    for case in cases:
        if case["op"] == "aggregate":
            found = aggregate(columns(case["candles"]), case["periodMinutes"])
        else:
            found = merge_weighted([(source["weight"], columns(source["candles"])) for source in case["sources"]])
        if not same_columns(found, case["out"]):
            failed.append(f"{case['op']} {found} {case['out']}"[:400])
    report("candles", len(cases), failed)


def test_composite_forces_equal_the_reference() -> None:
    cases = load("composite_forces")["cases"]
    failed = []
    for case in cases:
        ts, opened, high, low, closes, volume = (column[: case["first_n"]] for column in case["columns"])
        found = composite_forces((ts, opened, high, low, closes, volume))
        if not same_forces(found, case["forces"]):
            failed.append(f"{found} {case['forces']}")
    report("composite_forces", len(cases), failed)
