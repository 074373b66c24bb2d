"""Policy ``seed`` against the reference: allocation, decision, regime, kill-switches."""

from alm_core.model.signals import RangeParams
from alm_core.policies.seed.allocation import PoolAnalysis, Share, water_fill, weighted_apr
from alm_core.policies.seed.decision import SeedDecision, SeedPosition, SeedRules, current_allocations, decide
from alm_core.policies.seed.kill_switch import kill_reason
from alm_core.policies.seed.regime import detect_regime
from alm_core.policies.seed.utilization import SeedSnapshot, Utilization, analyse_pools
from alm_tests.golden.conftest import Tally
from alm_tests.golden.test_ranges import same_range
from alm_tests.golden.vectors import close, load


def same_shares(found: tuple[Share, ...], wanted: list[dict]) -> bool:
    return len(found) == len(wanted) and all(
        (one.pool, one.chain) == (other["pool"], other["chain"])
        and close(one.share_frac, other["pct"], 1e-6)
        and close(one.expected_apr, other["expectedApr"], 1e-6)
        for one, other in zip(found, wanted, strict=True)
    )


def test_water_fill_equals_the_reference(tally: Tally) -> None:
    cases = load("allocation")
    failed = []
    for case in cases:
        analyses = [
            PoolAnalysis(pool=one["pool"], chain=one["chain"], apr=one["apr"], tvl_usd=one["tvl"])
            for one in case["analyses"]
        ]
        found = water_fill(analyses, case["maxPositions"], case["totalCapitalUsd"])
        if not (same_shares(found, case["out"]) and close(weighted_apr(found), case["weightedApr"], 1e-6)):
            failed.append(f"{found} {case['out']}")
    tally("allocation", len(cases), failed)


def same_analysis(found: Utilization, wanted: dict) -> bool:
    pairs = [
        (found.interval_volume_usd, wanted["intervalVolume"]),
        (found.fee_frac, wanted["feePct"]),
        (found.fees_usd, wanted["feesGenerated"]),
        (found.tvl_usd, wanted["tvl"]),
        (found.utilization, wanted["utilization"]),
        (found.apr, wanted["apr"]),
        (found.price_range.lower, wanted["rangeMin"]),
        (found.price_range.upper, wanted["rangeMax"]),
        (found.price_range.breadth_frac, wanted["rangeBreadth"]),
        (found.price_range.trend_bias, wanted["rangeBias"]),
        (found.price_range.confidence, wanted["rangeConfidence"]),
    ]
    return (found.pool, found.chain) == (wanted["pool"], wanted["chain"]) and all(close(a, b) for a, b in pairs)


def test_pool_analyses_equal_the_reference(tally: Tally) -> None:
    cases = load("utilization")
    failed = []
    for case in cases:
        snapshots = [
            SeedSnapshot(
                pool=one["pool"],
                chain=one["chain"],
                volume_24h_usd=one.get("volume24h") or 0.0,
                tvl_usd=one.get("tvl") or 0.0,
                fee_frac=one.get("feePct") or 0.0,
                exchange_rate=one.get("exchangeRate") or 0.0,
            )
            for one in case["snapshots"]
        ]
        force = case["forces"]
        forces = (force["v"]["force"], force["m"]["force"], force["t"]["force"])
        found = analyse_pools(snapshots, case["prev_volume24h"], forces, case["intervalSec"])
        same = len(found) == len(case["analyses"])
        if not (same and all(same_analysis(a, b) for a, b in zip(found, case["analyses"], strict=True))):
            failed.append(f"{found[:1]} {case['analyses'][:1]}")
    tally("utilization", len(cases), failed)


def decided(case: dict, positions: list[SeedPosition]) -> SeedDecision:
    targets = [
        Share(pool=one["pool"], chain=one["chain"], share_frac=one["pct"], expected_apr=one["expectedApr"])
        for one in case["targetAllocations"]
    ]
    opts = case.get("opts") or {}
    rules = SeedRules(
        pra_threshold=case["thresholds"]["pra"],
        rs_threshold=case["thresholds"]["rs"],
        gas_cost_usd=opts.get("gasCostUsd") or 0.0,
        position_value_usd=opts.get("positionValueUsd") or 0.0,
    )
    force = case["force"]
    forces = (force["v"], force["m"], force["t"])
    return decide(case["now"], case.get("lastRebalTs"), targets, positions, forces, case["price"], rules)


def same_decision(found: SeedDecision, wanted: dict) -> bool:
    shifts = wanted.get("rangeShifts") or []
    return (
        found.kind.value == wanted["type"]
        and close(found.current_apr, wanted["currentApr"])
        and close(found.optimal_apr, wanted["optimalApr"])
        and close(found.improvement, wanted["improvement"])
        and len(found.shifts) == len(shifts)
        and all(
            (one.pool, one.chain) == (other["pool"], other["chain"])
            and close(one.old_bounds[0], other["oldRange"]["min"])
            and close(one.old_bounds[1], other["oldRange"]["max"])
            and same_range(one.new_range, other["newRange"])
            for one, other in zip(found.shifts, shifts, strict=True)
        )
    )


def test_decisions_equal_the_reference(tally: Tally) -> None:
    cases = load("decision")
    failed = []
    for case in cases:
        positions = [
            SeedPosition(
                pool=one["pool"],
                chain=one["chain"],
                position_id=str(one["positionId"]),
                tick_lower=one["tickLower"],
                tick_upper=one["tickUpper"],
                entry_apr=one["entryApr"],
                entry_value_usd=one["entryValueUsd"],
            )
            for one in case["positions"]
        ]
        found = decided(case, positions)
        recorded = same_shares(current_allocations(positions), case["currentAllocations"])
        if not (same_decision(found, case["out"]) and recorded):
            failed.append(f"{found} {case['out']}")
    tally("decision", len(cases), failed)


def test_regimes_equal_the_reference(tally: Tally) -> None:
    cases = load("regime")
    failed = []
    for case in cases:
        found, wanted = detect_regime(case["columns"], case["epoch"], stable=case["isStable"]), case["out"]
        same = (found.suppressed, found.reason, found.suppress_until_epoch) == (
            wanted["suppressed"],
            wanted["reason"],
            wanted["suppressUntilEpoch"],
        )
        if not (same and close(found.widen_factor, wanted["widenFactor"])):
            failed.append(f"{found} {wanted}")
    tally("regime", len(cases), failed)


def test_kill_switches_equal_the_reference(tally: Tally) -> None:
    cases = load("kill_switch")
    failed = []
    for case in cases:
        params, state = case["params"], case["state"]
        found = kill_reason(
            case["now"],
            state["trailingYields"],
            state["rsTimestamps"],
            state["trailing24hGasUsd"],
            case["positionValueUsd"],
            RangeParams(base_min_frac=params["baseMin"], base_max_frac=params["baseMax"]),
        )
        if found != case["out"]["reason"] or bool(found) != case["out"]["useDefaults"]:
            failed.append(f"{found} {case['out']}")
    tally("kill_switch", len(cases), failed)
