"""Why an epoch decided as it did, in words, and the constraint that bound."""

from collections.abc import Sequence

from alm_core.portfolio.actions import Transition
from alm_core.portfolio.alternatives import cost_words
from alm_core.portfolio.choices import Choice
from alm_core.portfolio.rules import Rules


def reason_of(choices: Sequence[Choice], rules: Rules) -> tuple[str, str]:
    """Return ``(reason, binding constraint)`` of what the chains chose."""
    taken = [(choice, choice.taken) for choice in choices if choice.taken is not None]
    if taken:
        done = "; ".join(_done(choice, one) for choice, one in taken)
        return f"{done}{_payback(rules)}", _binding_of_targets([choice for choice, _ in taken])
    refused = [one for choice in choices for one in choice.considered]
    if rules.restraint:
        best = f"; {_refused(refused)}" if refused else ""
        return f"nothing but an exit is done now{best}", rules.restraint
    if refused:
        return f"{_refused(refused)}{_payback(rules)}", _best(refused).gate
    return _nothing(choices)


def _done(choice: Choice, one: Transition) -> str:
    collected = f"{len(one.collects)} collected, " if one.collects else ""
    added = sum(opening.onto is not None for opening in one.opens)
    opened = f"{len(one.opens) - added} opened" + (f", {added} added to" if added else "")
    sent = f", {one.remark} sent" if one.moves else ""
    return (
        f"{one.name} on chain {choice.view.chain.block.chain_id}: {len(one.closes)} closed, {collected}{opened}{sent}, "
        f"gain {one.gain_usd:.2f} USD for {one.cost.total_usd:.2f} USD"
    )


def _refused(refused: Sequence[Transition]) -> str:
    best = _best(refused)
    worth = f"gain {best.gain_usd:.2f} USD, cost {best.cost.total_usd:.2f} USD ({cost_words(best.cost)})"
    remark = f"; {best.remark}" if best.remark else ""
    return f"{best.name} refused by {best.gate}: {worth}{remark}"


def _best(refused: Sequence[Transition]) -> Transition:
    """Return what came closest: of what would gain anything, the one that nets most."""
    return max(refused, key=lambda one: (one.gain_usd > 0.0, one.net_usd))


def _payback(rules: Rules) -> str:
    return f"; costs must pay back {rules.payback:.2f} times as usual" if rules.payback > 1.0 else ""


def _nothing(choices: Sequence[Choice]) -> tuple[str, str]:
    if all(choice.view.nav_usd <= 0.0 for choice in choices):
        return "there is no capital", "capital"
    if not any(choice.view.slots for choice in choices):
        return "fee yields: no pool has a fee growth history or a known volume", "source"
    if not any(choice.view.targets() for choice in choices):
        dear = [limit for choice in choices for limit in choice.view.binding if limit.startswith("move_costs")]
        if dear:
            return "no pool pays for what moving capital into it costs", dear[0]
        return "no pool's fees exceed its expected loss to arbitrage", "fees_below_lvr"
    return "positions already fit their targets", "nothing_to_do"


def _binding_of_targets(choices: Sequence[Choice]) -> str:
    return next((name for choice in choices for name in choice.view.binding), "capital")
