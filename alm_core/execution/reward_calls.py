"""Calls of gauges, farms and distributors: selectors, who is paid by them, and where they are allowed at all.

They are allowed only at contracts that the registry names for a pool. Positions go nowhere else: at a position manager
whose pools have such contracts these, and nobody else, may be approved or sent a position.
"""

from collections.abc import Iterable

from alm_core.execution.erc20 import APPROVE_SELECTOR
from alm_core.execution.words import address_at, uint_at, words_at
from alm_core.model.errors import InvalidInput
from alm_core.model.pools import Pool

GAUGE_DEPOSIT_SELECTOR = "0xb6b55f25"
"""``deposit(uint256)`` of CLGauge."""
GAUGE_WITHDRAW_SELECTOR = "0x2e1a7d4d"
"""``withdraw(uint256)`` of CLGauge, which pays and gives back to the sender. WETH9's is the same."""
GET_REWARD_SELECTOR = "0x1c4b774b"
"""``getReward(uint256)`` of CLGauge: only who staked may call it, and is paid."""
CHEF_WITHDRAW_SELECTOR = "0x00f714ce"
"""``withdraw(uint256,address)`` of MasterChefV3."""
HARVEST_SELECTOR = "0x18fccc76"
"""``harvest(uint256,address)`` of MasterChefV3."""
SAFE_TRANSFER_FROM_SELECTOR = "0x42842e0e"
"""``safeTransferFrom(address,address,uint256)`` of a position manager."""
MERKL_CLAIM_SELECTOR = "0x71ee95c0"
"""``claim(address[],address[],uint256[],bytes32[][])`` of Merkl's distributor, which pays each user."""

REWARD_RECIPIENT_WORDS = {CHEF_WITHDRAW_SELECTOR: (1,), HARVEST_SELECTOR: (1,)}
PAYS_THE_SENDER = frozenset({GAUGE_DEPOSIT_SELECTOR, GAUGE_WITHDRAW_SELECTOR, GET_REWARD_SELECTOR})
STAKING_SELECTORS = {
    "gauge": (PAYS_THE_SENDER, APPROVE_SELECTOR),
    "master_chef": (frozenset({CHEF_WITHDRAW_SELECTOR, HARVEST_SELECTOR}), SAFE_TRANSFER_FROM_SELECTOR),
}
"""By role in the registry: what may be called at the contract, and what gives it a position at the position manager."""
NOBODY = "0x" + "00" * 20
"""Who is approved for a position when an approval is taken back."""

REWARD_SELECTORS = frozenset(
    {SAFE_TRANSFER_FROM_SELECTOR, MERKL_CLAIM_SELECTOR, *PAYS_THE_SENDER, *REWARD_RECIPIENT_WORDS}
)
"""All that staking, unstaking and claiming call."""


def staking_contracts(pools: Iterable[Pool]) -> Iterable[tuple[Pool, str, str]]:
    """Yield ``(pool, role, address)`` of every contract that may hold positions of these pools."""
    for pool in pools:
        for role, address in pool.contracts:
            if role in STAKING_SELECTORS:
                yield pool, role, address


def users_of_claim(body: bytes) -> tuple[str, ...]:
    """Return whom a claim at Merkl's distributor pays, lower case.

    Raises
    ------
    InvalidInput
        If there is nobody, or its lists have different lengths.
    """
    counts = {len(words_at(body, index)) for index in range(3)} | {_count_at(body, 3)}
    if len(counts) != 1 or counts == {0}:
        raise InvalidInput(f"a claim of users, tokens, amounts and proofs in lists of {sorted(counts)}")
    users = words_at(body, 0)
    return tuple(address_at(user.to_bytes(32, "big"), 0) for user in users)


def moved_position(body: bytes) -> tuple[str, str]:
    """Return from whom and to whom ``safeTransferFrom`` moves a position."""
    uint_at(body, 2)
    return address_at(body, 0), address_at(body, 1)


def _count_at(body: bytes, index: int) -> int:
    return uint_at(body[uint_at(body, index) :], 0)
