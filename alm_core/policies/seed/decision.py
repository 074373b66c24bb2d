"""PRA / RS / HOLD of the reference system (its section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.decisions import DecisionKind
from alm_core.model.signals import PriceRange
from alm_core.policies.seed.allocation import Share, weighted_apr
from alm_core.policies.seed.params import (
    AMORTIZE_YEARS,
    DEFAULTS,
    MIN_APR_GAIN,
    MIN_HOLD_MS,
    PRA_GAS_MULTIPLE,
    RS_GAS_MULTIPLE,
)
from alm_core.policies.seed.ranges import compute_range, tick_to_price
from alm_core.ranges.range import divergence


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPosition:
    """A position as the reference remembers it."""

    pool: str
    chain: int
    position_id: str
    tick_lower: int
    tick_upper: int
    entry_apr: float
    entry_value_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRules:
    """Thresholds and the constant costs of the gates; 0 switches a gate off."""

    pra_threshold: float
    rs_threshold: float
    gas_cost_usd: float = 0.0
    position_value_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeShift:
    """A position to be moved."""

    pool: str
    chain: int
    old_bounds: tuple[float, float]
    new_range: PriceRange


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedDecision:
    """The decision with the figures it rests on."""

    kind: DecisionKind
    current_apr: float
    optimal_apr: float
    improvement: float
    shifts: tuple[RangeShift, ...] = ()


def decide(
    now_ms: int,
    last_rebalance_ms: int | None,
    targets: Sequence[Share],
    positions: Sequence[SeedPosition],
    forces: tuple[float, float, float],
    price: float,
    rules: SeedRules,
) -> SeedDecision:
    """Return the decision; a refused PRA hides a needed RS, and the hold blocks everything."""
    optimal, current = weighted_apr(targets), current_apr(positions)
    gain = optimal - current
    improvement = gain / current if current > 0 else float(gain > MIN_APR_GAIN)

    def decided(kind: DecisionKind, shifts: tuple[RangeShift, ...] = ()) -> SeedDecision:
        return SeedDecision(kind=kind, current_apr=current, optimal_apr=optimal, improvement=improvement, shifts=shifts)

    if last_rebalance_ms is not None and now_ms - last_rebalance_ms < MIN_HOLD_MS:
        return decided(DecisionKind.HOLD)
    if improvement > rules.pra_threshold:
        gated = rules.gas_cost_usd > 0 and rules.position_value_usd > 0
        paid = gain * rules.position_value_usd * AMORTIZE_YEARS
        refused = gated and paid < PRA_GAS_MULTIPLE * rules.gas_cost_usd
        return decided(DecisionKind.HOLD if refused else DecisionKind.PRA)
    shifts = tuple(_shifts(positions, forces, price, rules))
    return decided(DecisionKind.RS, shifts) if shifts else decided(DecisionKind.HOLD)


def current_apr(positions: Sequence[SeedPosition]) -> float:
    """Return the entry APRs weighted by entry value: a forecast made at the mint, never refreshed."""
    if not positions:
        return 0.0
    total = sum(position.entry_value_usd for position in positions)
    if total <= 0:
        return sum(position.entry_apr for position in positions) / len(positions)
    return sum(position.entry_apr * position.entry_value_usd / total for position in positions)


def current_allocations(positions: Sequence[SeedPosition]) -> tuple[Share, ...]:
    """Return the allocation record of held positions: equal shares at their entry APR."""
    return tuple(
        Share(
            pool=position.pool,
            chain=position.chain,
            share_frac=1 / len(positions),
            expected_apr=position.entry_apr,
        )
        for position in positions
    )


def _shifts(
    positions: Sequence[SeedPosition], forces: tuple[float, float, float], price: float, rules: SeedRules
) -> list[RangeShift]:
    target = compute_range(price, forces, DEFAULTS)
    shifts: list[RangeShift] = []
    for position in positions:
        if position.position_id.startswith("lb:"):
            continue
        bounds = (tick_to_price(position.tick_lower), tick_to_price(position.tick_upper))
        moved = divergence(bounds, (target.lower, target.upper))
        if moved <= rules.rs_threshold:
            continue
        worth = position.entry_value_usd * moved * position.entry_apr * AMORTIZE_YEARS
        gated = rules.gas_cost_usd > 0 and position.entry_value_usd > 0
        if gated and worth < RS_GAS_MULTIPLE * rules.gas_cost_usd:
            continue
        shifts.append(RangeShift(pool=position.pool, chain=position.chain, old_bounds=bounds, new_range=target))
    return shifts
