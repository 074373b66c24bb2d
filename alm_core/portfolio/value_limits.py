"""Bounds of value: shares of NAV by transaction, epoch and day, minima of swaps, closes and transfers, prices."""

from fractions import Fraction

from alm_core.model.config import LimitsConfig
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_core.portfolio.transaction_context import TransactionContext, Usd
from alm_core.portfolio.violations import Violation, beyond, unknown
from alm_core.portfolio.worth import exact, inflow_usd, is_amount, outflow_usd

_ROUNDING = 1e-9
"""Minima of swaps are rounded to raw units, prices are floats."""
_QUOTED = frozenset({Action.SWAP, Action.BRIDGE})


def price_violations(context: TransactionContext, limits: LimitsConfig, where: str) -> list[Violation]:
    """Return the price checks that a touched pool fails: against the exchanges, and against its own mean."""
    kind = "_stable_frac" if context.stable else "_frac"
    name, twap = f"max_price_deviation{kind}", f"max_twap_deviation{kind}"
    bound: float = getattr(limits, name)
    if context.price_deviation_frac is None:
        found = [unknown(name, bound, "pool price against the independent price", where)]
    else:
        found = beyond(name, bound, context.price_deviation_frac, where)
    if context.twap_deviation_frac is not None:
        found += beyond(twap, getattr(limits, twap), context.twap_deviation_frac, where)
    return found


def spend_violations(
    tx: UnsignedTransaction, context: TransactionContext, limits: LimitsConfig, where: str
) -> list[Violation]:
    """Return every cap on spending that a transaction would break; equal to the cap passes, one raw unit more not."""
    moved = outflow_usd(tx, context.token_usd)
    name = "max_transaction_nav_frac"
    if not is_amount(context.nav_usd):
        return [unknown(name, limits.max_transaction_nav_frac, "NAV", where)]
    if moved is None:
        return [unknown(name, limits.max_transaction_nav_frac, "token price", where)]
    spent, nav, pair_nav = context.spent, context.nav_usd, context.pair_nav_usd
    found = [
        *_above(name, limits.max_transaction_nav_frac, moved, nav, where),
        *_above("max_epoch_turnover_frac", limits.max_epoch_turnover_frac, spent.epoch_usd + moved, nav, where),
        *_above("max_day_spend_frac", limits.max_day_spend_frac, spent.day_usd + moved, nav, where),
    ]
    if moved:
        name, bound = "max_day_turnover_frac", limits.max_day_turnover_frac
        found += _above(name, bound, spent.pair_day_usd + moved, pair_nav, where)
    if tx.action is Action.BRIDGE:
        found += _above("max_day_bridge_frac", limits.max_day_bridge_frac, spent.bridged_usd + moved, pair_nav, where)
    return found


def swap_violations(
    tx: UnsignedTransaction, context: TransactionContext, limits: LimitsConfig, where: str
) -> list[Violation]:
    """Return whether a swap's minimum is short of what the independent price says."""
    name = "swap_slippage_stable_frac" if context.stable else "swap_slippage_frac"
    bound: float = getattr(limits, name)
    paid, received = outflow_usd(tx, context.token_usd), inflow_usd(tx, context.token_usd)
    if not paid or received is None:
        return [unknown(name, bound, "value of the swap", where)]
    return beyond(name, bound + _ROUNDING, float(1 - received / paid), where)


def bridge_violations(context: TransactionContext, limits: LimitsConfig, where: str) -> list[Violation]:
    """Return what is wrong with a transfer: nothing guaranteed to arrive, or too little, in kind."""
    name, bound, terms = "max_bridge_loss_frac", limits.max_bridge_loss_frac, context.bridge
    if terms is None or not is_amount(terms.sent):
        return [unknown(name, bound, "terms of the transfer", where)]
    lost = 1 - terms.least / terms.sent
    # Minima are made with the float itself, which is not quite the decimal it is written as.
    if lost <= max(exact(bound), Fraction(bound)):
        return []
    return [Violation(limit=name, bound=f"{bound:.6g}", value=f"{float(lost):.9g}", where=where)]


def quote_violations(
    tx: UnsignedTransaction, context: TransactionContext, limits: LimitsConfig, where: str
) -> list[Violation]:
    """Return whether what was quoted is too old to be signed."""
    if tx.action not in _QUOTED:
        return []
    if context.quote_age_s is None:
        return [unknown("quote_max_age_s", limits.quote_max_age_s, "age of the quote", where)]
    return beyond("quote_max_age_s", limits.quote_max_age_s, context.quote_age_s, where)


def close_violations(tx: UnsignedTransaction, context: TransactionContext, where: str) -> list[Violation]:
    """Return each token of which a close guarantees less than the position must pay around its pool's own price."""
    if tx.action is not Action.CLOSE or tx.closes_token_id is None or context.least_close is None:
        return []
    promised = {bound.token.lower(): bound.min_delta for bound in tx.bounds}
    return [
        Violation(
            limit="close_value", bound=f"at least {least} of {token}", value=f"{promised.get(token)}", where=where
        )
        for token, least in context.least_close.items()
        if promised.get(token, -1) < least
    ]


def _above(limit: str, share: float, value: Usd, whole: Usd | None, where: str) -> list[Violation]:
    if whole is None or not is_amount(whole):
        return [unknown(limit, share, "NAV of the pair", where)]
    # What is not known of others is infinite, a float; no sum of raw amounts is.
    if value <= exact(share) * exact(whole):
        return []
    return [Violation(limit=limit, bound=f"{share:.6g}", value=f"{float(value / exact(whole)):.9g}", where=where)]
