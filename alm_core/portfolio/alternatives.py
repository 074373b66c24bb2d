"""The table every decision carries: each action that was considered, in USD, and the gate that refused it."""

from collections.abc import Sequence

from alm_core.model.decisions import REFUSED, Alternative, DecisionKind
from alm_core.portfolio.actions import Name, Transition
from alm_core.portfolio.choices import LOWER_NET, Choice
from alm_core.portfolio.costs import Cost

NAMES: tuple[Name, ...] = (
    "compound",
    "shift without swap",
    "shift one range",
    "shift ranges",
    "widen ranges",
    "place in one pool",
    "place idle capital",
    "place and shift",
    "reallocate",
    "send to other chains",
)


def table_of(choices: Sequence[Choice], refused_by: str = "") -> tuple[Alternative, ...]:
    """Return one line per action, over all chains; where only some chains take it, one line for them, one for the rest.

    Exactly the lines of what is done have no gate: those of the actions taken, or that of HOLD.

    Parameters
    ----------
    choices
        Of all chains.
    refused_by
        Gate before everything listed here, HOLD included.
    """
    acts = any(choice.taken is not None for choice in choices)
    lines = [hold_line("default", refused_by or (LOWER_NET if acts else ""))]
    by_name: dict[Name, list[Transition]] = {name: [] for name in NAMES}
    for choice in choices:
        for one in choice.considered:
            if one.name in by_name:
                by_name[one.name].append(one)
    for found in by_name.values():
        for part in ([one for one in found if not one.gate], [one for one in found if one.gate]):
            if part:
                gates = sorted({one.gate for one in part if one.gate})
                lines.append(_line(part, refused_by or ", ".join(gates)))
    return tuple(lines)


def hold_line(note: str, refused_by: str = "") -> Alternative:
    """Return the line of doing nothing."""
    return Alternative(action=DecisionKind.HOLD, gain_usd=0.0, cost_usd=0.0, net_usd=0.0, note=noted(note, refused_by))


def noted(note: str, refused_by: str) -> str:
    """Return the note of a line with the gate that refused it, if one did."""
    return f"{note}; {REFUSED} {refused_by}" if refused_by else note


def cost_words(cost: Cost) -> str:
    """Return a cost by its parts."""
    parts = [f"gas {cost.gas_usd:.2f}", f"swap {cost.swap_usd:.2f}"]
    if cost.bridge_usd or cost.in_transit_usd:
        parts += [f"bridge {cost.bridge_usd:.2f}", f"in transit {cost.in_transit_usd:.2f}"]
    return " + ".join(parts)


def _line(part: Sequence[Transition], refused_by: str) -> Alternative:
    cost = sum((one.cost for one in part[1:]), part[0].cost)
    gain = sum(one.gain_usd for one in part)
    remarks = [one.remark for one in part if one.remark]
    return Alternative(
        action=part[0].kind,
        gain_usd=gain,
        cost_usd=cost.total_usd,
        net_usd=gain - cost.total_usd,
        note=noted("; ".join([f"{part[0].name} ({cost_words(cost)})", *remarks]), refused_by),
    )
