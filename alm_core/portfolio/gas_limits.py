"""Bounds of fees: of one transaction absolutely, against what it is for, against its simulation, and of a day."""

from alm_core.model.config import LimitsConfig
from alm_core.model.transactions import FeeBid, UnsignedTransaction
from alm_core.portfolio.standing import leaves
from alm_core.portfolio.transaction_context import TransactionContext
from alm_core.portfolio.violations import Violation, beyond, unknown
from alm_core.portfolio.worth import PLACING, is_amount, outflow_usd

_ETHEREUM = 1
"""The one chain on which fees of many USD are usual."""


def gas_violations(
    tx: UnsignedTransaction, bid: FeeBid, context: TransactionContext, limits: LimitsConfig, where: str
) -> list[Violation]:
    """Return every bound that the fee of a transaction breaks at its bid."""
    where = f"{where}, {tx.action.value}"
    found = _against_simulation(bid, context, limits, where)
    native = context.native_usd
    if native is None or not is_amount(native):
        return [*found, unknown("max_gas_usd", limits.max_gas_usd, "price of the native coin", where)]
    cost = bid.most_wei / 1e18 * native
    found += beyond("max_gas_usd", limits.max_gas_usd, cost, where)
    leaving = leaves(tx, context)
    if tx.chain_id != _ETHEREUM and not (leaving and context.exiting):
        found += beyond("max_gas_cheap_usd", limits.max_gas_cheap_usd, cost, where)
    if not leaving:
        found += beyond("max_day_gas_usd", limits.max_day_gas_usd, context.spent.gas_usd + cost, where)
    if tx.action in PLACING:
        found += _against_value(tx, cost, context, limits, where)
    return found


def _against_simulation(bid: FeeBid, context: TransactionContext, limits: LimitsConfig, where: str) -> list[Violation]:
    if context.simulated_gas is None:
        return []
    if context.simulated_gas <= 0:
        return [unknown("max_gas_simulated_multiple", limits.max_gas_simulated_multiple, "simulated gas", where)]
    multiple = bid.gas_limit / context.simulated_gas
    return beyond("max_gas_simulated_multiple", limits.max_gas_simulated_multiple, multiple, where)


def _against_value(
    tx: UnsignedTransaction, cost: float, context: TransactionContext, limits: LimitsConfig, where: str
) -> list[Violation]:
    moved = outflow_usd(tx, context.token_usd)
    value = max(context.plan_usd, float(moved)) if moved is not None else context.plan_usd
    if not is_amount(value):
        return [unknown("max_gas_value_frac", limits.max_gas_value_frac, "value moved", where)]
    return beyond("max_gas_value_frac", limits.max_gas_value_frac, cost / value, where)
