"""What Merkl sends, read strictly. Amounts are decimal strings of raw units, ``amount`` is all that was ever earned.

``GET /v4/users/{address}/rewards`` of https://api.merkl.xyz (types of the npm package ``@merkl/api`` 1.19): one entry
per chain, in it one reward per token. ``pending`` is earned and not yet in a tree: nobody can claim it.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, BeforeValidator, Field

from alm_core.model.errors import BadAnswer
from alm_resources.http.fields import Answer, read_answer, shown

SOURCE = "merkl"
MOST_SIBLINGS = 64
"""Of a proof; a tree with more leaves than that has does not exist."""
_AMOUNT = re.compile("[0-9]{1,63}")
_HASH = re.compile("0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")
_AMOUNT_BITS = 208


def _amount(value: object) -> int:
    if not isinstance(value, str) or _AMOUNT.fullmatch(value) is None:
        raise ValueError("must be a whole number in a string")
    # Distributor.Claim.amount is uint208.
    if (amount := int(value)) >> _AMOUNT_BITS:
        raise ValueError(f"does not fit {_AMOUNT_BITS} bits")
    return amount


def _hash(value: str) -> str:
    if _HASH.fullmatch(value) is None:
        raise ValueError("must be 32 bytes of hex")
    return value.lower()


def _address(value: str) -> str:
    if _ADDRESS.fullmatch(value) is None:
        raise ValueError("must be 20 bytes of hex")
    return str(to_checksum_address(value.lower()))


_Amount = Annotated[int, BeforeValidator(_amount)]
_Hash = Annotated[str, AfterValidator(_hash)]
_Address = Annotated[str, AfterValidator(_address)]
_ChainId = Annotated[int, Field(strict=True, ge=1)]


class _Token(Answer):
    address: _Address
    chain_id: _ChainId = Field(alias="chainId")


class _Reward(Answer):
    root: _Hash
    recipient: _Address
    amount: _Amount
    claimed: _Amount
    pending: _Amount
    proofs: Annotated[list[_Hash], Field(max_length=MOST_SIBLINGS)]
    token: _Token


class _Chain(Answer):
    id: _ChainId


class _ChainRewards(Answer):
    chain: _Chain
    rewards: list[_Reward]


class _Body(Answer):
    chains: list[_ChainRewards]


@dataclass(frozen=True, slots=True, kw_only=True)
class MerklReward:
    """What one user has earned in one token, and the proof of it under one root.

    Parameters
    ----------
    token
        Checksummed address.
    cumulative
        All that was ever earned, claimed or not, raw units.
    pending
        Earned since the tree was made, raw units; not in ``cumulative``.
    root, siblings
        Root of the tree, and the hashes beside the leaf's way to it, 0x-hex.
    """

    token: str
    cumulative: int
    pending: int
    root: str
    siblings: tuple[str, ...]


def read_rewards(body: object, chain_id: int, owner: str) -> tuple[MerklReward, ...]:
    """Read an answer; empty for a user who never earned anything on the chain.

    Raises
    ------
    BadAnswer
        Naming the field and its value; also if the answer is about another chain or another user, or tells one token
        twice.
    """
    found: dict[str, MerklReward] = {}
    for entry in read_answer(SOURCE, _Body, {"chains": body}).chains:
        if entry.chain.id != chain_id:
            raise BadAnswer(SOURCE, f"chain {entry.chain.id} was not asked for, chain {chain_id} was")
        for reward in entry.rewards:
            _refuse_foreign(reward, chain_id, owner)
            if reward.token.address in found:
                raise BadAnswer(SOURCE, f"token {shown(reward.token.address)} is in the answer twice")
            found[reward.token.address] = MerklReward(
                token=reward.token.address,
                cumulative=reward.amount,
                pending=reward.pending,
                root=reward.root,
                siblings=tuple(reward.proofs),
            )
    return tuple(found.values())


def _refuse_foreign(reward: _Reward, chain_id: int, owner: str) -> None:
    if reward.recipient.lower() != owner.lower():
        raise BadAnswer(SOURCE, f"rewards of {shown(reward.recipient)} were not asked for")
    if reward.token.chain_id != chain_id:
        told = f"token {shown(reward.token.address)} is on chain {reward.token.chain_id}"
        raise BadAnswer(SOURCE, f"{told}, asked was chain {chain_id}")
