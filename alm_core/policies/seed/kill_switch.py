"""Kill-switches of the reference system (its section 6.4): they only reset the parameters of a cycle."""

from collections.abc import Sequence

from alm_core.model.signals import RangeParams
from alm_core.policies.seed.ieee import added

MIN_YIELDS = 24
SHIFT_WINDOW_MS = 4 * 3_600_000
MAX_SHIFTS = 8
PATHOLOGICAL_WIDTH = 0.001
GAS_BUDGET_FRAC = 0.05


def kill_reason(
    now_ms: int,
    trailing_yields: Sequence[float],
    shift_times_ms: Sequence[int],
    gas_24h_usd: float,
    position_value_usd: float,
    params: RangeParams,
) -> str:
    """Return why the defaults must be used this cycle, or an empty string."""
    if len(trailing_yields) >= MIN_YIELDS and added(trailing_yields[-MIN_YIELDS:]) / MIN_YIELDS < 0:
        return "negative_trailing_yield"
    if sum(now_ms - at < SHIFT_WINDOW_MS for at in shift_times_ms) > MAX_SHIFTS:
        return "excessive_rs"
    if params.base_max_frac - params.base_min_frac < PATHOLOGICAL_WIDTH:
        return "pathological_range"
    if position_value_usd > 0 and gas_24h_usd > GAS_BUDGET_FRAC * position_value_usd:
        return "gas_budget_exceeded"
    return ""
