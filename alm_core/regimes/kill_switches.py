"""Kill switches: what must not go on is stopped, whatever the search and the gates say.

With one fired the parameters fall back to the initial ones of the asset class, nothing found by a search is adopted and
nothing discretionary happens. A switch whose figures are unknown does not fire, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCHS_PER_YEAR, Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.past import RecentEpoch
from alm_core.model.pools import AssetClass
from alm_core.model.signals import ForceSignals, RangeParams
from alm_core.ranges.range import check_params, half_width_frac

MIN_DAY_YIELD_FRAC: dict[AssetClass, float] = {"stable": -0.002, "volatile": -0.01}
"""What 24 h may lose of NAV. Not 0: on 35 recorded days of a WETH pool fees less holding loss were negative over four
of five days for every width, and a placement pays its costs once for a week. There a range of +-1 % lost more than 1 %
in 24 h in 45 % of the epochs, +-2 % in 18 %, +-5 % in 2 %, +-10 % and wider never: it fires where a wider range is the
remedy. Stable: more than ten days of fees at 7 % a year."""
MIN_YIELD_SPAN = timedelta(hours=12)
"""Time between the first and the last known figures without which a day's yield is unknown."""
MOVES_WINDOW = timedelta(hours=4)
MAX_MOVES = 4
"""Moves of capital in four hours, exits and compounding apart. ``min_hold`` allows one discretionary move in 12 h;
placing what it left idle and repeating what failed halfway may add to it. The reference allowed eight."""
GAS_BUDGET_FRAC = 0.01
"""Gas of 24 h relative to NAV: twice the day's budget of all discretionary costs, since exits are outside of that. The
reference allowed 5 %, in a year eighteen times the capital."""
BOUNDS_TOLERANCE = 1e-9
"""Relative; parameters that were searched on a log scale come back with a rounding error."""

SwitchName = Literal["negative trailing yield", "excessive moves", "gas budget", "pathological range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitches:
    """Which switches fired and which cannot be judged, each in words that begin with its name."""

    fired: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bounds that parameters must lie in."""

    lower: RangeParams
    upper: RangeParams


def kill_switches(
    epoch: Epoch,
    recent: Sequence[RecentEpoch],
    params: RangeParams,
    signals: ForceSignals,
    bounds: Bounds | None,
    asset_class: AssetClass,
) -> KillSwitches:
    """Return which switches fire at an epoch.

    Parameters
    ----------
    epoch, recent
        Epochs of the last 24 h, oldest first; of an empty history nothing is said.
    params
        Parameters in force.
    signals
        Volatility that a width is held against.
    bounds
        Of the search; ``None`` where the asset class is not known, so that nothing is out of bounds.
    asset_class
        Whose thresholds apply.
    """
    verdicts: tuple[tuple[SwitchName, str, str], ...] = (
        ("negative trailing yield", *_trailing_yield(recent, asset_class)),
        ("excessive moves", _excessive_moves(epoch, recent), ""),
        ("gas budget", *_gas(recent)),
        ("pathological range", pathology(params, signals, bounds), ""),
    )
    return KillSwitches(
        fired=tuple(f"{name}: {fired}" for name, fired, _ in verdicts if fired),
        unknown=tuple(f"{name}: {unknown}" for name, _, unknown in verdicts if unknown),
    )


def trailing_yield_frac(recent: Sequence[RecentEpoch]) -> float | None:
    """Return what the last 24 h earned relative to NAV, not annualised; ``None`` where that is unknown.

    Fees by their running total, less gas, less the costs a move was expected to have where these were more than its
    gas, less what positions lost against holding their tokens as far as that is known. A move belongs to the time after
    it, a loss to the time before its epoch.
    """
    navs = {row: one.nav_usd for row, one in enumerate(recent) if one.nav_usd and one.fees_usd is not None}
    known = [row for row, nav in navs.items() if nav > 0]
    if not known or recent[known[-1]].epoch_at - recent[known[0]].epoch_at < MIN_YIELD_SPAN:
        return None
    first, last = known[0], known[-1]
    fees = (recent[last].fees_usd or 0.0) - (recent[first].fees_usd or 0.0)
    costs = sum([_move_cost_usd(one) if one.moved else one.gas_usd or 0.0 for one in recent[first:last]])
    lost = sum([one.holding_loss_usd or 0.0 for one in recent[first + 1 : last + 1]])
    nav = sum([navs[row] for row in known]) / len(known)
    return (fees - costs - lost) / nav


def pathology(params: RangeParams, signals: ForceSignals, bounds: Bounds | None) -> str:
    """Return what is wrong with parameters: outside their bounds, or narrower than one epoch's move; else nothing.

    A range whose half width is less than the sigma of a quarter hour is left within one epoch in three.
    """
    try:
        check_params(params)
    except InvalidInput as problem:
        return str(problem)
    if bounds is not None and (outside := _outside(params, bounds)):
        return outside
    volatility = signals.composite.volatility
    width = half_width_frac(
        volatility, params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider
    )
    sigma = signals.composite.sigma_annual_frac / EPOCHS_PER_YEAR**0.5
    if width < sigma:
        return f"half width {width:.4%} at volatility {volatility:.1f} is less than the {sigma:.4%} sigma of one epoch"
    return ""


def _trailing_yield(recent: Sequence[RecentEpoch], asset_class: AssetClass) -> tuple[str, str]:
    limit = MIN_DAY_YIELD_FRAC[asset_class]
    found = trailing_yield_frac(recent)
    if found is None:
        return "", f"fees and NAV are not known over {MIN_YIELD_SPAN}" if recent else ""
    return (f"{found:.4%} of NAV in 24 h, less than {limit:.2%}" if found < limit else ""), ""


def _excessive_moves(epoch: Epoch, recent: Sequence[RecentEpoch]) -> str:
    moves = [one for one in recent if one.moved and _counts(one) and epoch.epoch_at - one.epoch_at <= MOVES_WINDOW]
    return f"{len(moves)} in {MOVES_WINDOW}, more than {MAX_MOVES}" if len(moves) > MAX_MOVES else ""


def _gas(recent: Sequence[RecentEpoch]) -> tuple[str, str]:
    paid = sum([one.gas_usd or 0.0 for one in recent])
    nav = next((one.nav_usd for one in reversed(recent) if one.nav_usd), None)
    if nav is None:
        return "", "NAV is not known" if recent else ""
    # A part of the gas may be unknown: what is known is a lower bound, and enough of it fires.
    if paid > GAS_BUDGET_FRAC * nav:
        return f"{paid:.2f} USD in 24 h, more than {GAS_BUDGET_FRAC:.2%} of {nav:.2f} USD", ""
    unknown = sum([one.gas_usd is None for one in recent])
    return "", f"gas of {unknown} epochs is not known" if unknown else ""


def _outside(params: RangeParams, bounds: Bounds) -> str:
    for name in ("base_min_frac", "base_max_frac", "vforce_exp", "vforce_divider", "rs_threshold"):
        low, value, high = (float(getattr(one, name)) for one in (bounds.lower, params, bounds.upper))
        slack = BOUNDS_TOLERANCE * (high - low)
        if not low - slack <= value <= high + slack:
            return f"{name} {value:g} is outside [{low:g}, {high:g}]"
    return ""


def _counts(one: RecentEpoch) -> bool:
    # Compounding moves no range: where gas is cheap it happens every hour, and is no churn.
    return one.kind not in (DecisionKind.HOLD, DecisionKind.EXIT, DecisionKind.COMPOUND)


def _move_cost_usd(one: RecentEpoch) -> float:
    return max(one.gas_usd or 0.0, one.expected_cost_usd)
