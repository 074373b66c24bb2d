"""Policy ``seed`` against the reference: ranges, fitness, search."""

import pytest

from alm_core.model.signals import PriceRange, RangeParams
from alm_core.policies.seed.fitness import SeedVenue, fitness, seed_tape
from alm_core.policies.seed.nelder_mead import nelder_mead
from alm_core.policies.seed.optimizer import optimize
from alm_core.policies.seed.params import LOWER_BOUNDS, UPPER_BOUNDS, Vector
from alm_core.policies.seed.ranges import (
    align_down,
    align_up,
    compute_range,
    price_to_tick,
    range_to_ticks,
    tick_to_price,
)
from alm_core.ranges.range import divergence
from alm_tests.golden.vectors import close, load, number, report

pytestmark = pytest.mark.reference


def same_range(found: PriceRange, wanted: dict) -> bool:
    pairs = [
        (found.lower, wanted["min"]),
        (found.upper, wanted["max"]),
        (found.base, wanted["base"]),
        (found.breadth_frac, wanted["breadth"]),
        (found.confidence, wanted["confidence"]),
        (found.trend_bias, wanted["trendBias"]),
    ]
    return found.kind == wanted["type"] and all(close(a, b) for a, b in pairs)


def venue(ctx: dict) -> SeedVenue:
    return SeedVenue(
        base_apr=ctx["baseApr"],
        pool_fee=ctx["poolFee"],
        gas_cost_usd=ctx["gasCostUsd"],
        position_value_usd=ctx["positionValueUsd"],
    )


def range_case_holds(case: dict) -> bool:
    if case["op"] == "rawDivergence":
        return close(divergence(tuple(case["a"]), tuple(case["b"])), case["out"])
    if case["op"] == "ticks":
        return (
            price_to_tick(case["price"]) == case["priceToTick"]
            and close(tick_to_price(case["tick"]), case["tickToPrice"])
            and align_down(case["tick"], case["spacing"]) == case["alignDown"]
            and align_up(case["tick"], case["spacing"]) == case["alignUp"]
        )
    base, force = case["baseRange"], case["force"]
    params = RangeParams(
        base_min_frac=base["min"],
        base_max_frac=base["max"],
        vforce_exp=base["vforceExp"],
        vforce_divider=base["vforceDivider"],
    )
    found = compute_range(case["price"], (force["v"], force["m"], force["t"]), params)
    ticks = range_to_ticks(case["range"]["min"], case["range"]["max"], case["tickSpacing"])
    return same_range(found, case["range"]) and ticks == (case["ticks"]["tickLower"], case["ticks"]["tickUpper"])


def test_ranges_divergence_and_ticks_equal_the_reference() -> None:
    cases = load("range")["cases"]
    report("range", len(cases), [str(case)[:400] for case in cases if not range_case_holds(case)])


def test_fitness_equals_the_reference() -> None:
    cases = load("fitness")["cases"]
    failed = []
    for case in cases:
        found = fitness(seed_tape(case["columns"]), tuple(case["vec"]), venue(case["ctx"]))
        if not close(found, case["fitness"]):
            failed.append(f"{found} {case['fitness']} {case['vec']} {case['ctx']}")
    report("fitness", len(cases), failed)


def nelder_mead_case_fails(case: dict) -> str:
    def normalised(x: Vector) -> list[float]:
        return [
            (value - target) / (high - low)
            for value, target, low, high in zip(x, case["target"], LOWER_BOUNDS, UPPER_BOUNDS, strict=True)
        ]

    def objective(x: Vector) -> float:
        q, w = normalised(x), case["weights"]
        if case["kind"] == "quad":
            return -sum(a * b * b for a, b in zip(w, q, strict=True))
        if case["kind"] == "abs":
            return -sum(a * abs(b) for a, b in zip(w, q, strict=True))
        if case["kind"] == "ridge":
            return -(w[0] * (q[1] - q[0] ** 2) ** 2 + q[0] ** 2 + q[2] ** 2 + q[3] ** 2 + q[4] ** 2)
        return 42.0

    found = nelder_mead(objective, tuple(case["initial"]), case["perturbScale"])
    wanted = case["out"]
    same = close(found.fitness, wanted["fitness"]) and found.evaluations == wanted["evals"]
    same = same and all(close(a, b) for a, b in zip(found.best, wanted["best"], strict=True))
    return "" if same else f"{found} {wanted}"


def test_nelder_mead_takes_the_path_of_the_reference() -> None:
    cases = load("nelder_mead")["cases"]
    report("nelder_mead", len(cases), [why for case in cases if (why := nelder_mead_case_fails(case))])


def test_the_optimizer_finds_no_less_than_the_reference() -> None:
    cases = load("optimizer")["cases"]
    failed = []
    for case in cases:
        tape, pool = seed_tape(case["columns"]), venue(case["ctx"])
        start = tuple(case["warm_start"]) if case["warm_start"] else None
        first = optimize(tape, pool, start)
        second = optimize(tape, pool, first.vector)
        for found, wanted in ((first, case["run1"]), (second, case["run2_warm_from_run1"])):
            if not found.fitness >= number(wanted["fitness"]) - 1e-6:
                failed.append(f"{found} {wanted}")
    report("optimizer", len(cases), failed)
