"""What a wallet that stands still may do: nothing (``halt``), or only what leaves (``withdraw_only``)."""

from alm_core.execution.calldata import selector_of
from alm_core.execution.liquidity_calls import APPROVE_FOR_ALL_SELECTOR, SET_APPROVAL_FOR_ALL_SELECTOR
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_core.portfolio.transaction_context import TransactionContext
from alm_core.portfolio.violations import Violation
from alm_core.portfolio.worth import takes_nothing

_LEAVES = frozenset({Action.UNSTAKE, Action.CLAIM, Action.APPROVE_RESET, Action.NOOP})
_LEAVES_IF_IT_PAYS = frozenset({Action.CLOSE, Action.REMOVE, Action.COLLECT})
_OPERATOR_SELECTORS = frozenset({APPROVE_FOR_ALL_SELECTOR, SET_APPROVAL_FOR_ALL_SELECTOR})


def standing_violations(tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
    """Return the standstill that keeps a transaction from being signed; empty where none does."""
    standstill = context.standstill
    if standstill is None or (standstill.mode == "withdraw_only" and leaves(tx, context)):
        return []
    bound = "not halted" if standstill.mode == "halt" else "only what leaves"
    value = f"{standstill.reason} (set by {standstill.set_by})"
    return [Violation(limit=standstill.mode, bound=bound, value=value, where=where)]


def leaves(tx: UnsignedTransaction, context: TransactionContext) -> bool:
    """Whether a transaction only brings capital back, or is needed for that.

    Burning bins needs the right of the router over them: the one approval that is.
    """
    if tx.action in _LEAVES_IF_IT_PAYS:
        return takes_nothing(tx)
    return tx.action in _LEAVES or (tx.action is Action.APPROVE and _lets_burn(tx, context))


def _lets_burn(tx: UnsignedTransaction, context: TransactionContext) -> bool:
    try:
        return tx.to.lower() in context.bin_pools and selector_of(tx.data) in _OPERATOR_SELECTORS
    except InvalidInput:
        return False  # named by the allow-list
