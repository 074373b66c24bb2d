"""PRA / RS / HOLD of the reference system (its section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alm_core.model.decisions import DecisionKind
from alm_core.model.signals import PriceRange, RangeParams
from alm_core.policies.seed.allocation import Share, weighted_apr
from alm_core.policies.seed.ieee import added
from alm_core.policies.seed.params import (
    AMORTIZE_YEARS,
    DEFAULTS,
    MIN_APR_GAIN,
    MIN_HOLD_MS,
    PRA_GAS_MULTIPLE,
    RS_GAS_MULTIPLE,
)
from alm_core.policies.seed.ranges import bounds_divergence, compute_range, tick_to_price

Gate = Literal["", "min_hold", "pra_gas", "rs_gas", "nothing_to_do"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPosition:
    """A position as the reference remembers it.

    ``bounds`` are its price bounds where ticks alone do not say them: the reference takes ``1.0001 ** tick``, which is
    right only for equal decimals and the base as token0.
    """

    pool: str
    chain: int
    position_id: str
    tick_lower: int
    tick_upper: int
    entry_apr: float
    entry_value_usd: float
    bounds: tuple[float, float] | None = None

    @property
    def price_bounds(self) -> tuple[float, float]:
        """Lower and upper price."""
        return self.bounds or (tick_to_price(self.tick_lower), tick_to_price(self.tick_upper))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRules:
    """Thresholds and the constant costs of the gates, 0 switches a gate off; hold and the range to be placed."""

    pra_threshold: float
    rs_threshold: float
    gas_cost_usd: float = 0.0
    position_value_usd: float = 0.0
    min_hold_ms: int = MIN_HOLD_MS
    params: RangeParams = DEFAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeShift:
    """A position to be moved, and what that is worth over a week."""

    pool: str
    chain: int
    position_id: str
    old_bounds: tuple[float, float]
    new_range: PriceRange
    gain_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedDecision:
    """The decision with the figures it rests on; ``gate`` is the rule that made it a HOLD."""

    kind: DecisionKind
    current_apr: float
    optimal_apr: float
    improvement: float
    shifts: tuple[RangeShift, ...] = ()
    gate: Gate = ""


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

    def decided(kind: DecisionKind, gate: Gate = "", shifts: tuple[RangeShift, ...] = ()) -> SeedDecision:
        return SeedDecision(
            kind=kind, current_apr=current, optimal_apr=optimal, improvement=improvement, shifts=shifts, gate=gate
        )

    if last_rebalance_ms is not None and now_ms - last_rebalance_ms < rules.min_hold_ms:
        return decided(DecisionKind.HOLD, "min_hold")
    if improvement > rules.pra_threshold:
        gated = rules.gas_cost_usd > 0 and rules.position_value_usd > 0
        paid = gain * rules.position_value_usd * AMORTIZE_YEARS
        refused = gated and paid < PRA_GAS_MULTIPLE * rules.gas_cost_usd
        return decided(DecisionKind.HOLD, "pra_gas") if refused else decided(DecisionKind.PRA)
    wanted = diverged(positions, forces, price, rules)
    shifts = tuple(shift for shift, value in wanted if not _shift_refused(shift, value, rules))
    if shifts:
        return decided(DecisionKind.RS, shifts=shifts)
    return decided(DecisionKind.HOLD, "rs_gas" if wanted else "nothing_to_do")


def current_apr(positions: Sequence[SeedPosition]) -> float:
    """Return the entry APRs weighted by entry value: a forecast made at the mint, never refreshed."""
    if not positions:
        return 0.0
    total = added(position.entry_value_usd for position in positions)
    if total <= 0:
        return added(position.entry_apr for position in positions) / len(positions)
    return added(position.entry_apr * position.entry_value_usd / total for position in positions)


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


def diverged(
    positions: Sequence[SeedPosition], forces: tuple[float, float, float], price: float, rules: SeedRules
) -> list[tuple[RangeShift, float]]:
    """Return the shifts of positions that lie too far from the range of now, with entry values; bins never shift."""
    target = compute_range(price, forces, rules.params)
    found: list[tuple[RangeShift, float]] = []
    for position in positions:
        if position.position_id.startswith("lb:"):
            continue
        bounds = position.price_bounds
        moved = bounds_divergence(*bounds, target.lower, target.upper)
        if moved > rules.rs_threshold:
            shift = RangeShift(
                pool=position.pool,
                chain=position.chain,
                position_id=position.position_id,
                old_bounds=bounds,
                new_range=target,
                gain_usd=position.entry_value_usd * moved * position.entry_apr * AMORTIZE_YEARS,
            )
            found.append((shift, position.entry_value_usd))
    return found


def _shift_refused(shift: RangeShift, value_usd: float, rules: SeedRules) -> bool:
    gated = rules.gas_cost_usd > 0 and value_usd > 0
    return gated and shift.gain_usd < RS_GAS_MULTIPLE * rules.gas_cost_usd
