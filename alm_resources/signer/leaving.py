"""What may be signed while a wallet only withdraws, told from calldata alone: the name of an action proves nothing."""

from alm_core.execution.calldata import selector_of
from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.liquidity_calls import (
    APPROVE_FOR_ALL_SELECTOR,
    BURN_SELECTOR,
    COLLECT_FEES_SELECTOR,
    COLLECT_SELECTOR,
    DECREASE_LIQUIDITY_SELECTOR,
    MODIFY_LIQUIDITIES_SELECTOR,
    MULTICALL_SELECTOR,
    PERMIT2_APPROVE_SELECTOR,
    REMOVE_LIQUIDITY_SELECTOR,
    SET_APPROVAL_FOR_ALL_SELECTOR,
)
from alm_core.execution.reward_calls import (
    CHEF_WITHDRAW_SELECTOR,
    GAUGE_WITHDRAW_SELECTOR,
    GET_REWARD_SELECTOR,
    HARVEST_SELECTOR,
    MERKL_CLAIM_SELECTOR,
    NOBODY,
)
from alm_core.execution.unlock_data import (
    BURN_POSITION,
    CLOSE_CURRENCY,
    DECREASE_LIQUIDITY,
    SWEEP,
    TAKE,
    TAKE_PAIR,
)
from alm_core.execution.words import address_at, byte_strings_at, bytes_at, bytes_of, uint_at

# The operator's right to the bins of a pair is needed to remove them, and given to listed routers only.
_LEAVES = frozenset(
    {
        DECREASE_LIQUIDITY_SELECTOR,
        COLLECT_SELECTOR,
        BURN_SELECTOR,
        REMOVE_LIQUIDITY_SELECTOR,
        COLLECT_FEES_SELECTOR,
        APPROVE_FOR_ALL_SELECTOR,
        SET_APPROVAL_FOR_ALL_SELECTOR,
        GAUGE_WITHDRAW_SELECTOR,
        GET_REWARD_SELECTOR,
        CHEF_WITHDRAW_SELECTOR,
        HARVEST_SELECTOR,
        MERKL_CLAIM_SELECTOR,
    }
)
_LEAVING_ACTIONS = frozenset({DECREASE_LIQUIDITY, BURN_POSITION, TAKE, TAKE_PAIR, CLOSE_CURRENCY, SWEEP})


def leaves(data: str) -> bool:
    """Return whether calldata takes out, collects, claims, or takes back a right, and does nothing else.

    An approval leaves where it gives nothing, or gives it to nobody: that is how one of a position is taken back.

    Raises
    ------
    InvalidInput
        If the calldata cannot be decoded.
    """
    selector, body = selector_of(data), bytes_of(data)[4:]
    if selector == APPROVE_SELECTOR:
        return uint_at(body, 1) == 0 or address_at(body, 0) == NOBODY
    if selector == PERMIT2_APPROVE_SELECTOR:
        return uint_at(body, 2) == 0
    if selector == MULTICALL_SELECTOR:
        return all("0x" + call[:4].hex() in _LEAVES for call in byte_strings_at(body, 0))
    if selector == MODIFY_LIQUIDITIES_SELECTOR:
        return set(bytes_at(bytes_at(body, 0), 0)) <= _LEAVING_ACTIONS
    return selector in _LEAVES
