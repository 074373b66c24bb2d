"""Standstills that controls set by themselves: the wallet may leave and nothing else while something is not right."""

from alm_core.model.books import Journal

SELF_LIFTING = frozenset({"gas_reserve", "clock_skew", "registry_entry"})
"""Controls that take their standstill back once all is right again. All others need a person."""


def restrict(journal: Journal, chain_id: int, wallet: str, control: str, reason: str | None) -> None:
    """Let a wallet only leave a chain for as long as a control gives a reason; what others have set stays.

    Parameters
    ----------
    journal
        Where standstills are.
    chain_id, wallet
        Whose; ``ANY_CHAIN`` for all chains.
    control
        Its name. A reason of one that needs a person replaces that of one that lifts itself.
    reason
        Why; ``None`` where all is right.
    """
    wallet = wallet.lower()
    found = next((held for chain, who, held in journal.read_halts() if (chain, who) == (chain_id, wallet)), None)
    if reason is not None:
        if found is not None and found.set_by in SELF_LIFTING and control not in SELF_LIFTING:
            journal.lift_halt(chain_id, wallet, set_by=found.set_by)
        named = reason if reason.startswith(f"{control}: ") else f"{control}: {reason}"
        journal.halt(chain_id, wallet, named, mode="withdraw_only", set_by=control)
    elif found is not None and found.set_by == control and control in SELF_LIFTING:
        journal.lift_halt(chain_id, wallet, set_by=control)
