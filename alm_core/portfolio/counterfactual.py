"""What would have to be different for a HOLD to become an action: by how much all pools would have to pay more."""

from collections.abc import Callable, Sequence

from alm_core.model.decisions import Counterfactual, DecisionKind
from alm_core.portfolio.chainview import ChainView

MAX_SCALE = 1000.0
STEP = 10.0
TOLERANCE_FRAC = 0.01
"""The threshold is at most this far above a yield at which the decision still is HOLD."""

Decide = Callable[[float], DecisionKind]


def fee_counterfactual(decide: Decide, now_apr: float) -> Counterfactual | None:
    """Return the fee yield beyond which a HOLD becomes an action; ``None`` where none up to 1000 times today's does.

    Parameters
    ----------
    decide
        Kind of the decision with the fees of all pools scaled; called eleven times at most, three where none does.
    now_apr
        Gross yearly yield of a full-range unit in the best pool today.

    Notes
    -----
    The scale grows tenfold until the decision changes, then bisection of its logarithm narrows the step down: at the
    threshold the action is taken, and somewhere within a hundredth below it the decision still is HOLD. Where expected
    income jumps, since another way of looking after a range becomes the better one, an action may come, go and come
    again within a few per cent of the fees; the threshold is one of these crossings.
    """
    if not now_apr > 0.0:
        return None
    low, high, kind = 1.0, 1.0, DecisionKind.HOLD
    while kind is DecisionKind.HOLD:
        if high >= MAX_SCALE:
            return None
        low, high = high, min(MAX_SCALE, high * STEP)
        kind = decide(high)
    while high > low * (1.0 + TOLERANCE_FRAC):
        middle = (low * high) ** 0.5
        found = decide(middle)
        low, high, kind = (middle, high, kind) if found is DecisionKind.HOLD else (low, middle, found)
    return Counterfactual(quantity="fee_yield", now=now_apr, threshold=now_apr * high, action=kind)


def best_full_range_apr(views: Sequence[ChainView]) -> float:
    """Return the gross yearly yield of a full-range unit in the best pool of all chains; 0 without any."""
    return max((slot.found.full_range_apr for view in views for slot in view.slots.values()), default=0.0)
