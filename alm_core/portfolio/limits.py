"""Bounds of the money path. One choke point for transactions, one cheap check for plans. Fail closed.

What is not known counts as a violation: a missing price or NAV is never taken for zero.
"""

from alm_core.execution.allow_list import AllowList
from alm_core.execution.calldata import payees_of
from alm_core.execution.reward_calls import REWARD_SELECTORS
from alm_core.model.config import LimitsConfig
from alm_core.model.errors import InvalidInput, LimitExceeded
from alm_core.model.transactions import Action, FeeBid, UnsignedTransaction
from alm_core.portfolio.gas_limits import gas_violations
from alm_core.portfolio.plan_limits import check_plan
from alm_core.portfolio.standing import leaves, standing_violations
from alm_core.portfolio.transaction_context import NOTHING_SPENT, BridgeTerms, Spent, TransactionContext
from alm_core.portfolio.value_limits import (
    bridge_violations,
    close_violations,
    price_violations,
    quote_violations,
    spend_violations,
    swap_violations,
)
from alm_core.portfolio.violations import Violation
from alm_core.portfolio.worth import PLACING, TAKES_NOTHING, VALUE_MOVING, outflow_usd, takes_nothing

__all__ = [
    "NOTHING_SPENT",
    "BridgeTerms",
    "LimitsEngine",
    "Spent",
    "TransactionContext",
    "Violation",
    "check_plan",
    "leaves",
    "outflow_usd",
]

_ENTERING = frozenset({Action.OPEN, Action.ADD})


class LimitsEngine:
    """Checks every transaction that is to be signed.

    Parameters
    ----------
    config
        Bounds.
    allow_list
        Contracts, selectors and spenders; an empty one refuses everything.
    """

    def __init__(self, config: LimitsConfig, allow_list: AllowList) -> None:
        self.config = config
        self._allow_list = allow_list

    def check_transaction(self, tx: UnsignedTransaction, bid: FeeBid, context: TransactionContext) -> None:
        """Refuse a transaction outside the bounds.

        Raises
        ------
        LimitExceeded
            Naming every limit that is broken, its bound and the value.
        """
        violations = self.violations(tx, bid, context)
        if violations:
            named = "; ".join(str(violation) for violation in violations)
            raise LimitExceeded(f"{tx.action.value} on chain {tx.chain_id} refused: {named}")

    def violations(self, tx: UnsignedTransaction, bid: FeeBid, context: TransactionContext) -> tuple[Violation, ...]:
        """Return every bound a transaction breaks."""
        where = f"chain {tx.chain_id}"
        found = [
            Violation(limit="allow_list", bound="listed", value=reason, where=where)
            for reason in self._allow_list.refusals(tx, context.wallet)
        ]
        found += standing_violations(tx, context, where)
        found += gas_violations(tx, bid, context, self.config, where)
        found += _strangers(tx, context, where)
        found += self._reverts(tx, context, where)
        if tx.action in TAKES_NOTHING:
            found += _takings(tx, where)
        if tx.action in VALUE_MOVING:
            found += self._value(tx, context, where)
        if tx.action in _ENTERING:
            found += [
                Violation(limit="pool", bound="may be entered", value=why, where=where) for why in context.entering
            ]
        return tuple(found)

    def _value(self, tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
        exits = context.exiting and tx.action is Action.CLOSE
        found = [] if exits else price_violations(context, self.config, where)
        # What takes nothing out of the wallet is within every share of any NAV.
        found += [] if exits and takes_nothing(tx) else spend_violations(tx, context, self.config, where)
        found += quote_violations(tx, context, self.config, where)
        found += close_violations(tx, context, where)
        if tx.action is Action.SWAP:
            found += swap_violations(tx, context, self.config, where)
        if tx.action is Action.BRIDGE:
            found += bridge_violations(context, self.config, where)
        return found

    def _reverts(self, tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
        bound = self.config.max_pool_reverts_hour
        if tx.action not in PLACING or context.spent.reverts < bound:
            return []
        value = f"{context.spent.reverts} reverts within the hour"
        return [Violation(limit="max_pool_reverts_hour", bound=f"{bound}", value=value, where=where)]


def _takings(tx: UnsignedTransaction, where: str) -> list[Violation]:
    """Return why staking or claiming could take something: it is another call by that name, or its bounds say so."""
    named = [f"{-bound.min_delta} of {bound.token}" for bound in tx.bounds if bound.min_delta < 0]
    named += [] if tx.data[:10].lower() in REWARD_SELECTORS else [f"the call {tx.data[:10]}"]
    return [Violation(limit="takes_nothing", bound="staking, claims", value=one, where=where) for one in named]


def _strangers(tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
    """Return a violation per position that liquidity would be added to and that is not ours: a gift to its owner."""
    try:
        grown = payees_of(tx.data).grown
    except InvalidInput:
        return []  # named by the allow-list already; a self-transfer calls nothing
    if grown and context.held is None:
        return [Violation(limit="held_positions", bound="ours", value="positions of the wallet unknown", where=where)]
    strangers = [token_id for token_id in grown if (tx.to.lower(), token_id) not in (context.held or ())]
    return [Violation(limit="held_positions", bound="ours", value=f"#{one}", where=where) for one in strangers]
