"""Leaving: every position is closed and nothing is opened. Needs to know the positions, and nothing else."""

from collections.abc import Sequence

from alm_core.model.decisions import Alternative, Decision, DecisionKind, PositionClose
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.signals import Regime
from alm_core.portfolio.alternatives import cost_words, hold_line, table_of
from alm_core.portfolio.choices import Choice
from alm_core.portfolio.costs import NO_COST, Cost, gas_lots, gas_units, gas_usd
from alm_core.portfolio.sight import unseen_chains

REGIME_EXIT = "regime_exit"


def exit_closes(snapshot: MarketSnapshot) -> tuple[PositionClose, ...]:
    """Return every position on the chains whose holdings are known."""
    unseen = unseen_chains(snapshot)
    found = [
        PositionClose.of(position, holdings.block.chain_id)
        for holdings in snapshot.holdings
        if holdings.block.chain_id not in unseen
        for position in holdings.positions
    ]
    return tuple(sorted(found, key=lambda close: (close.chain_id, close.pool_id, close.token_id)))


def exit_decision(snapshot: MarketSnapshot, regime: Regime, choices: Sequence[Choice]) -> Decision:
    """Return the decision of an epoch whose regime is exit: EXIT, or HOLD where there is nothing that can be closed.

    Parameters
    ----------
    snapshot
        Holdings. A chain that was not seen holds, and is named; that does not keep us in the others.
    regime
        Whose state is exit.
    choices
        What would be done otherwise, for the table; empty where figures are missing, for an exit needs none of them.
    """
    closes = exit_closes(snapshot)
    unseen = "; ".join(unseen_chains(snapshot).values())
    why = f"regime exit: {regime.reason}" if regime.reason else "regime exit"
    if closes:
        left = f"; left alone, since not seen: {unseen}" if unseen else ""
        lines = (*table_of(choices, REGIME_EXIT), _exit_line(snapshot, closes, choices))
        return _decision(
            DecisionKind.EXIT, f"{why}; closes all of {len(closes)} positions{left}", REGIME_EXIT, choices, lines
        )
    if unseen or not snapshot.holdings:
        reason = f"{why}, but positions are not known: {unseen or 'no chain was read'}"
        return _decision(DecisionKind.HOLD, reason, "source", (), (hold_line(reason),))
    lines = (hold_line("nothing is held in a pool"), *table_of(choices, REGIME_EXIT)[1:])
    return _decision(DecisionKind.HOLD, f"{why}; no position is left, and none is opened", REGIME_EXIT, choices, lines)


def _decision(
    kind: DecisionKind, reason: str, binding: str, choices: Sequence[Choice], lines: tuple[Alternative, ...]
) -> Decision:
    nav = sum(choice.view.nav_usd for choice in choices)
    income = sum(choice.income_usd for choice in choices)
    return Decision(
        kind=kind,
        reason=reason,
        binding=binding,
        current_apr=income / nav if nav > 0.0 else 0.0,
        optimal_apr=0.0,
        alternatives=lines,
    )


def _exit_line(snapshot: MarketSnapshot, closes: Sequence[PositionClose], choices: Sequence[Choice]) -> Alternative:
    """Return what leaving costs and the income it gives up over the horizon, as far as they are known."""
    gain = -sum(choice.income_usd * choice.view.outlook.horizon_years for choice in choices) if choices else None
    try:
        cost = sum((_close_cost(snapshot, close) for close in closes), NO_COST)
    except (InvalidInput, KeyError):
        cost = None
    return Alternative(
        action=DecisionKind.EXIT,
        gain_usd=gain,
        cost_usd=cost.total_usd if cost is not None else None,
        net_usd=gain - cost.total_usd if gain is not None and cost is not None else None,
        note=f"exit ({cost_words(cost)}), whatever it costs" if cost is not None else "exit, whatever it costs",
    )


def _close_cost(snapshot: MarketSnapshot, close: PositionClose) -> Cost:
    pool = snapshot.pool_state(close.pool_id).pool
    held = [one for holdings in snapshot.holdings for one in holdings.positions if one.pool_id == close.pool_id]
    (position,) = [one for one in held if one.token_id == close.token_id]
    lots = gas_lots(pool, position.tick_lower, position.tick_upper)
    units = sum(gas_units(family).close for family in lots)
    return Cost(gas_usd=gas_usd(snapshot.chain(close.chain_id), units), swap_usd=0.0, swapped_usd=0.0)
