"""Policy ``seed`` against the reference: indicators, candles, forces."""

from typing import Any

import numpy as np

from alm_core.forces.indicators import parkinson_sigma, relative_strength
from alm_core.policies.seed.candles import Columns, aggregate, merge_weighted
from alm_core.policies.seed.forces import (
    FLAT_RSI,
    composite_forces,
    forces_of,
    mean_and_deviation,
    moving_averages,
    volatility,
)
from alm_core.policies.seed.params import SeedForces
from alm_tests.golden.conftest import Tally
from alm_tests.golden.vectors import close, columns, load

NAMES = ("ts", "o", "h", "l", "c", "v")
FORCES = 1e-8


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
    return all(close(a, b, FORCES) for a, b in pairs)


def same_columns(found: Columns, wanted: dict[str, list[float]]) -> bool:
    return all(
        column.shape == (len(wanted[name]),) and np.allclose(column, wanted[name], rtol=1e-9, atol=0, equal_nan=True)
        for column, name in zip(found, NAMES, strict=True)
    )


def indicators_equal(case: dict[str, Any]) -> bool:
    values, period = np.asarray(case["values"], dtype=np.float64), case["period"]
    mean, std = mean_and_deviation(values)
    averages = moving_averages(values, period)
    return (
        close(mean, case["mean"])
        and close(std, case["std"])
        and averages.shape == (len(case["sma"]),)
        and bool(np.allclose(averages, case["sma"], rtol=1e-9, atol=1e-12))
        and close(relative_strength(values, period, FLAT_RSI), case["rsi"])
        and close(relative_strength(values, 14, FLAT_RSI), case["rsi_default"])
    )


def parkinson_equals(case: dict[str, Any]) -> bool:
    _, _, high, low, closes, _ = columns(case["candles"])
    lookback = case["lookback"]
    sigma = parkinson_sigma(high[-lookback:], low[-lookback:])
    force = volatility(high, low, closes, lookback)[0]
    return close(sigma, case["parkinsonVolatility"]) and close(force, case["parkinsonVforce"], FORCES)


def test_indicators_equal_the_reference(tally: Tally) -> None:
    cases = load("indicators")
    failed = [
        str(case)[:300] for case in cases if not (parkinson_equals if "candles" in case else indicators_equal)(case)
    ]
    tally("indicators", len(cases), failed)


def test_forces_equal_the_reference(tally: Tally) -> None:
    cases = load("forces")
    failed = []
    for case in cases:
        lookbacks = (case["lookbacks"]["v"], case["lookbacks"]["m"], case["lookbacks"]["t"])
        found = forces_of(columns(case["candles"]), lookbacks)
        if not same_forces(found, case["forces"]):
            failed.append(f"{found} {case['forces']}")
    tally("forces", len(cases), failed)


def test_candles_equal_the_reference(tally: Tally) -> None:
    cases = load("candles")
    failed = []
    for case in cases:
        if case["op"] == "aggregate":
            found = aggregate(columns(case["candles"]), case["periodMinutes"])
        else:
            found = merge_weighted([(source["weight"], columns(source["candles"])) for source in case["sources"]])
        if not same_columns(found, case["out"]):
            failed.append(f"{case['op']} {found} {case['out']}"[:400])
    tally("candles", len(cases), failed)


def test_composite_forces_equal_the_reference(tally: Tally) -> None:
    cases = load("composite_forces")
    failed = []
    for case in cases:
        ts, opened, high, low, closes, volume = (column[: case["first_n"]] for column in case["columns"])
        minutes = (ts, opened, high, low, closes, volume)
        found, quarters = composite_forces(minutes), aggregate(minutes, 15)
        last = {name: [bar[name] for bar in case["last_m15"]] for name in NAMES}
        ts, opened, high, low, closes, volume = (column[-len(case["last_m15"]) :] for column in quarters)
        if not (same_forces(found, case["forces"]) and same_columns((ts, opened, high, low, closes, volume), last)):
            failed.append(f"{found} {case['forces']}")
    tally("composite_forces", len(cases), failed)
