"""Merkl: rewards computed off chain, paid by a distributor against a Merkle proof (AngleProtocol/merkl-contracts).

Nothing is staked, and what is owed stays owed after the position is gone: a claim pays all that was ever earned less
what was paid before. The service's word is checked against the chain: the proof must lead to the root that the
distributor takes now, which during a dispute period is not the newest. ``Distributor._verifyProof``: the leaf is the
hash of ``abi.encode(user, token, amount)``, each step that of both hashes, the lower first.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.model.chain_ports import CallResult, ChainClient
from alm_core.model.errors import BadAnswer, InvalidInput, SourceUnavailable
from alm_core.model.market import Block, PoolState
from alm_core.model.rewards import ClaimProof, EarnedReward
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.chains.calldata import ContractFunction
from alm_resources.merkl.answers import MerklReward

CLAIM = ContractFunction("claim", ("address[]", "address[]", "uint256[]", "bytes32[][]"))
CLAIMED = ContractFunction("claimed", ("address", "address"), ("uint208", "uint48", "bytes32"))
MERKLE_ROOT = ContractFunction("getMerkleRoot", (), ("bytes32",))
CLAIM_RECIPIENT = ContractFunction("claimRecipient", ("address", "address"), ("address",))
_ZERO = "0x" + "00" * 20
NAME = "merkl"


class MerklSource(Protocol):
    """Who computes rewards and proofs; :class:`alm_resources.merkl.MerklClient` does."""

    def fetch_rewards(self, chain_id: int, owner: str) -> tuple[MerklReward, ...]: ...


class Merkl:
    """Satisfies :class:`alm_core.model.rewards.RewardProgramme`.

    Parameters
    ----------
    source
        Rewards and proofs.
    distributors
        Address of the distributor by chain id; a chain without one has no rewards here.
    """

    def __init__(self, source: MerklSource, distributors: Mapping[int, str]) -> None:
        self._source = source
        self._distributors = dict(distributors)

    @property
    def name(self) -> str:
        """Name that rewards carry."""
        return NAME

    def read_earned(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[EarnedReward, ...]:
        """Return what a claim pays at the block, by token; ``pools`` do not matter, exits included.

        Raises
        ------
        SourceUnavailable
            If the service does not answer, or its tree is not the one the distributor takes now.
        BadAnswer
            If the service sends what cannot be true, or a proof that proves nothing.
        SourceRejected, InvalidInput
            If the service refuses; if somebody set another recipient for what is ours.
        """
        distributor = self._distributors.get(chain.chain_id)
        if distributor is None:
            return ()
        rewards = self._source.fetch_rewards(chain.chain_id, owner)
        if not rewards:
            return ()
        paid, active_root = self._read_paid(chain, distributor, rewards, owner, block)
        earned: list[EarnedReward] = []
        for reward in rewards:
            if reward.cumulative <= paid[reward.token]:
                continue
            _refuse_unproven(reward, owner, active_root)
            earned.append(
                EarnedReward(
                    programme=NAME,
                    chain_id=chain.chain_id,
                    contract=distributor,
                    token=reward.token,
                    amount=reward.cumulative - paid[reward.token],
                    proof=ClaimProof(cumulative=reward.cumulative, siblings=reward.siblings),
                )
            )
        return tuple(earned)

    def plan_claim(self, earned: Sequence[EarnedReward], owner: str) -> tuple[UnsignedTransaction, ...]:
        """Return one claim per distributor, of exactly these amounts."""
        ours = [reward for reward in earned if reward.programme == NAME]
        contracts = dict.fromkeys((reward.chain_id, reward.contract) for reward in ours)
        return tuple(
            _claim([reward for reward in ours if (reward.chain_id, reward.contract) == key], owner) for key in contracts
        )

    @staticmethod
    def _read_paid(
        chain: ChainClient, distributor: str, rewards: Sequence[MerklReward], owner: str, block: Block
    ) -> tuple[dict[str, int], str]:
        source = f"distributor {distributor} of chain {chain.chain_id}"
        tokens = [reward.token for reward in rewards]
        root, anywhere, *more = chain.read_calls(
            [
                MERKLE_ROOT.call(distributor),
                # Distributors of the first version know no recipients.
                CLAIM_RECIPIENT.call(distributor, owner, _ZERO, may_fail=True),
                *(CLAIMED.call(distributor, owner, token) for token in tokens),
                *(CLAIM_RECIPIENT.call(distributor, owner, token, may_fail=True) for token in tokens),
            ],
            block,
        )
        claimed, recipients = more[: len(tokens)], more[len(tokens) :]
        for result in (anywhere, *recipients):
            _refuse_recipient(result, owner, source)
        paid = {
            token: int(CLAIMED.answer(result.data, source)[0]) for token, result in zip(tokens, claimed, strict=True)
        }
        return paid, "0x" + bytes(MERKLE_ROOT.answer(root.data, source)[0]).hex()


def leaf_of(user: str, token: str, cumulative: int) -> bytes:
    """Return the leaf of a user's rewards in a token."""
    return bytes(keccak(encode(("address", "address", "uint256"), (user, token, cumulative))))


def root_from(leaf: bytes, siblings: Sequence[str]) -> str:
    """Return the root that a proof leads to, 0x-hex.

    Examples
    --------
    >>> root_from(bytes(32), []) == "0x" + "00" * 32
    True
    """
    node = leaf
    for sibling in siblings:
        node = bytes(keccak(b"".join(sorted((node, bytes.fromhex(sibling[2:]))))))
    return "0x" + node.hex()


def _refuse_unproven(reward: MerklReward, owner: str, active_root: str) -> None:
    proven = root_from(leaf_of(owner, reward.token, reward.cumulative), reward.siblings)
    if proven != reward.root:
        raise BadAnswer(
            NAME, f"the proof of {reward.cumulative} of {reward.token} leads to {proven}, not {reward.root}"
        )
    if proven != active_root:
        detail = f"the distributor takes proofs of {active_root} now, the one of {reward.token} is of {proven}"
        raise SourceUnavailable(NAME, detail)


def _refuse_recipient(result: CallResult, owner: str, source: str) -> None:
    if not result.succeeded or not result.data:
        return
    recipient = str(CLAIM_RECIPIENT.answer(result.data, source)[0])
    if recipient.lower() not in (_ZERO, owner.lower()):
        raise InvalidInput(f"{source}: claims of {owner} go to {recipient}")


def _claim(rewards: Sequence[EarnedReward], owner: str) -> UnsignedTransaction:
    proofs = [reward.proof for reward in rewards if reward.proof is not None]
    if len(proofs) != len(rewards):
        raise InvalidInput(f"{NAME}: a claim without a proof")
    data = CLAIM.data(
        [owner] * len(rewards),
        [reward.token for reward in rewards],
        [proof.cumulative for proof in proofs],
        [[bytes.fromhex(sibling[2:]) for sibling in proof.siblings] for proof in proofs],
    )
    return UnsignedTransaction(
        chain_id=rewards[0].chain_id,
        sender=owner,
        to=rewards[0].contract,
        data="0x" + data.hex(),
        value_wei=0,
        action=Action.CLAIM,
        summary=f"claim {len(rewards)} rewards of {NAME}: "
        + ", ".join(f"{reward.amount} of {reward.token}" for reward in rewards),
        bounds=tuple(
            BalanceBound(token=reward.token, min_delta=reward.amount, max_delta=reward.amount) for reward in rewards
        ),
    )
