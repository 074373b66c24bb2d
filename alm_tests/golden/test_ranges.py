"""Policy ``seed`` against the reference: ranges, fitness, search, ticks."""

from typing import Any, cast

from alm_core.math.liquidity import liquidity_for_amounts
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import PriceRange, RangeParams
from alm_core.policies.seed.amounts import after_slippage, impermanent_loss_usd, scaled, sorted_tokens
from alm_core.policies.seed.fitness import SeedVenue, fitness, seed_tape
from alm_core.policies.seed.head_fitness import head_fitness, head_tape
from alm_core.policies.seed.nelder_mead import nelder_mead
from alm_core.policies.seed.optimizer import SeedOptimum, optimize
from alm_core.policies.seed.params import LOWER_BOUNDS, UPPER_BOUNDS, Vector
from alm_core.policies.seed.ranges import (
    align_down,
    align_up,
    bounds_divergence,
    compute_range,
    price_to_tick,
    range_to_ticks,
    tick_to_price,
)
from alm_tests.golden.conftest import Tally
from alm_tests.golden.vectors import close, load

PARAMS = ("baseMin", "baseMax", "vforceExp", "vforceDivider", "rsThreshold")


def vector(values: list[float]) -> Vector:
    return cast("Vector", tuple(float(value) for value in values))


def same_range(found: PriceRange, wanted: dict[str, Any]) -> bool:
    pairs = [
        (found.lower, wanted["min"]),
        (found.upper, wanted["max"]),
        (found.base, wanted["base"]),
        (found.breadth_frac, wanted["breadth"]),
        (found.confidence, wanted["confidence"]),
        (found.trend_bias, wanted["trendBias"]),
    ]
    return found.kind == wanted["type"] and all(close(a, b) for a, b in pairs)


def venue(ctx: dict[str, float]) -> SeedVenue:
    return SeedVenue(
        base_apr=ctx["baseApr"],
        pool_fee=ctx["poolFee"],
        gas_cost_usd=ctx["gasCostUsd"],
        position_value_usd=ctx["positionValueUsd"],
    )


def range_case_holds(case: dict[str, Any]) -> bool:
    if case["op"] == "rawDivergence":
        return close(bounds_divergence(*map(float, (*case["a"], *case["b"]))), case["out"])
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
    ticks = range_to_ticks(found.lower, found.upper, case["tickSpacing"])
    return same_range(found, case["range"]) and ticks == (case["ticks"]["tickLower"], case["ticks"]["tickUpper"])


def test_ranges_divergence_and_ticks_equal_the_reference(tally: Tally) -> None:
    cases = load("range")
    tally("range", len(cases), [str(case)[:400] for case in cases if not range_case_holds(case)])


def test_fitness_equals_the_reference(tally: Tally) -> None:
    cases = load("fitness")
    failed = []
    for case in cases:
        found = fitness(seed_tape(case["columns"]), vector(case["vec"]), venue(case["ctx"]))
        if not close(found, case["fitness"], 1e-9, 0.0):
            failed.append(f"{found} {case['fitness']} {case['vec']} {case['ctx']}")
    tally("fitness", len(cases), failed)


def test_fitness_of_the_last_version_equals_the_reference(tally: Tally) -> None:
    cases = load("head_fitness")
    failed = []
    for case in cases:
        pool = venue(case["ctx"])
        found = head_fitness(head_tape(case["columns"], pool.pool_fee), vector(case["vec"]), pool)
        if not close(found, case["fitness"], 1e-9, 0.0):
            failed.append(f"{found} {case['fitness']} {case['vec']} {case['ctx']}")
    tally("head_fitness", len(cases), failed)


def nelder_mead_case_fails(case: dict[str, Any]) -> str:
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

    found = nelder_mead(objective, vector(case["initial"]), case["perturbScale"])
    wanted = case["out"]
    same = close(found.fitness, wanted["fitness"]) and found.evaluations == wanted["evals"]
    same = same and all(close(a, b) for a, b in zip(found.best, wanted["best"], strict=True))
    return "" if same else f"{found} {wanted}"


def test_nelder_mead_takes_the_path_of_the_reference(tally: Tally) -> None:
    cases = load("nelder_mead")
    tally("nelder_mead", len(cases), [why for case in cases if (why := nelder_mead_case_fails(case))])


def same_run(found: SeedOptimum, wanted: dict[str, Any]) -> bool:
    return (
        found.vector == tuple(wanted["params"][name] for name in PARAMS)
        and found.fitness == wanted["fitness"]
        and found.evaluations == wanted["evals"]
    )


def test_the_optimizer_finds_no_less_than_the_reference(tally: Tally) -> None:
    cases = load("optimizer")
    failed, identical = [], 0
    for case in cases:
        tape, pool = seed_tape(case["columns"]), venue(case["ctx"])
        first = optimize(tape, pool, vector(case["warm_start"]) if case["warm_start"] else None)
        second = optimize(tape, pool, first.vector)
        runs = ((first, case["run1"]), (second, case["run2_warm_from_run1"]))
        reached = all(found.fitness >= wanted["fitness"] - 1e-6 for found, wanted in runs)
        if not (reached and close(first.default_fitness, case["default_fitness"])):
            failed.append(f"{runs} {case['default_fitness']}")
        identical += all(same_run(found, wanted) for found, wanted in runs)
    tally("optimizer", len(cases), failed, f"both runs identical to the last bit in {identical}")


def tick_case_holds(case: dict[str, Any]) -> bool:
    op = case["op"]
    if op == "tickToSqrtPriceX96":
        return sqrt_root_equals(case)
    if op == "computeLiquidity":
        lower, upper = (sqrt_price_x96_at_tick(case[name]) for name in ("tickLower", "tickUpper"))
        amounts = int(case["amount0"]), int(case["amount1"])
        return liquidity_for_amounts(int(case["sqrtPriceX96"]), lower, upper, *amounts) == int(case["out"])
    if op == "applySlippage":
        return after_slippage(int(case["amount"]), case["bps"]) == int(case["out"])
    if op == "scaleByPct":
        return scaled(int(case["balance"]), case["pct"]) == int(case["out"])
    if op == "sortTokensWithAmounts":
        found = sorted_tokens((case["token0"], case["token1"]), (int(case["amounts"][0]), int(case["amounts"][1])))
        return found == (tuple(case["out"]["tokens"]), tuple(int(amount) for amount in case["out"]["amounts"]))
    if op == "computeIL":
        positions = [(one["entryPrice"], one["entryValueUsd"]) for one in case["positions"]]
        return close(impermanent_loss_usd(positions, case["currentPrice"]), case["out"])
    return False


def sqrt_root_equals(case: dict[str, Any]) -> bool:
    try:
        found = sqrt_price_x96_at_tick(case["tick"])
    except InvalidInput:
        return "error" in case
    return "error" not in case and found == int(case["out"])


def test_ticks_and_amounts_equal_the_reference(tally: Tally) -> None:
    cases = load("tick_math")
    tally("tick_math", len(cases), [str(case)[:400] for case in cases if not tick_case_holds(case)])
