"""What is bid for gas: by the fees of the moment, higher for a replacement, never beyond the chain's own cap."""

from collections.abc import Sequence

from alm_core.model.chain_ports import Fees
from alm_core.model.chains import ChainRules
from alm_core.model.errors import LimitExceeded
from alm_core.model.transactions import Action, FeeBid

MORE_GAS = {
    Action.ADD: 60_000,
    Action.COLLECT: 60_000,
    Action.STAKE: 60_000,
    Action.UNSTAKE: 100_000,
    Action.CLAIM: 100_000,
}
"""Gas beyond the simulation's: a trade before the transaction is mined makes a position earn that had earned nothing.

Two slots of owed fees go from zero (22,100 each) and four of fee growth change (2,800 each), or a second token is paid
out. A collect right before leaves an add just there. Staking pays out fees that came meanwhile; rewards may begin only
after the simulation, write the books of pool and farm for the first time, and pay a token that the wallet did not have.
"""


def gas_limit_for(estimate: int, action: Action, rules: ChainRules) -> int:
    """Return the gas limit of a payload: a fifth more than the simulation used, as far as the chain takes it.

    Raises
    ------
    LimitExceeded
        If the payload needs more than the chain takes: it would never be mined.

    Examples
    --------
    >>> gas_limit_for(100_000, Action.SWAP, ChainRules())
    120000
    >>> gas_limit_for(100_000, Action.SWAP, ChainRules(transaction_gas_cap=110_000))
    110000
    """
    needed, cap = estimate + MORE_GAS.get(action, 0), rules.transaction_gas_cap
    if cap is not None and needed > cap:
        raise LimitExceeded(f"transaction_gas_cap: {action.value} needs {needed} gas, the chain takes at most {cap}")
    return needed * 6 // 5 if cap is None else min(needed * 6 // 5, cap)


def bid_for(fees: Fees, rules: ChainRules, gas_limit: int, l1_fee_wei: int = 0, *, lean: bool = False) -> FeeBid:
    """Return a bid that survives a doubling of the base fee; a lean one only the next full block (an eighth more).

    The tip is what is usual now, at least what the chain's nodes accept, and none where it is of no use.
    """
    tip = max(fees.priority_fee_wei if rules.takes_tips else 0, rules.min_priority_fee_wei)
    base = -(-fees.base_fee_wei * 9 // 8) if lean else 2 * fees.base_fee_wei
    return FeeBid(
        gas_limit=gas_limit,
        max_fee_per_gas_wei=base + tip,
        max_priority_fee_per_gas_wei=tip,
        l1_fee_wei=l1_fee_wei,
    )


def higher_bid(asked: FeeBid, earlier: Sequence[FeeBid]) -> FeeBid:
    """Return a bid of at least what is asked that replaces each earlier one: both prices an eighth higher.

    Examples
    --------
    >>> bid = FeeBid(gas_limit=9, max_fee_per_gas_wei=9, max_priority_fee_per_gas_wei=0)
    >>> higher = higher_bid(bid, [bid])
    >>> higher.max_fee_per_gas_wei, higher.max_priority_fee_per_gas_wei
    (11, 1)
    """
    tip = max([asked.max_priority_fee_per_gas_wei, *(_raised(bid.max_priority_fee_per_gas_wei) for bid in earlier)])
    price = max([asked.max_fee_per_gas_wei, tip, *(_raised(bid.max_fee_per_gas_wei) for bid in earlier)])
    return FeeBid(
        gas_limit=asked.gas_limit,
        max_fee_per_gas_wei=price,
        max_priority_fee_per_gas_wei=tip,
        l1_fee_wei=asked.l1_fee_wei,
    )


def is_outbid(bid: FeeBid, fees: Fees, rules: ChainRules) -> bool:
    """True where a bid is below what the chain asks now, so that it waits or is refused because of its price."""
    if fees.base_fee_wei > bid.max_fee_per_gas_wei:
        return True
    wanted_tip = max(fees.priority_fee_wei, rules.min_priority_fee_wei)
    return rules.takes_tips and wanted_tip > bid.max_priority_fee_per_gas_wei


def _raised(price_wei: int) -> int:
    # Strictly more in both fields, also from zero: geth keeps the old transaction otherwise (legacypool, list.Add).
    return max(-(-price_wei * 9 // 8), price_wei + 1)
