"""What staking programmes share: contracts that the registry names for a pool, what is refused, bounds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alm_core.math.tick import UINT128_MAX
from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.errors import BadAnswer, InvalidInput
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, BalanceBound, UnsignedTransaction
from alm_resources.chains.calldata import ContractFunction, revert_reason

REWARD_TOKEN_ROLE = "reward_token"  # noqa: S105 - a role in the registry
MOST_STAKED = 2_000
"""A wallet that would need more is not believed: the calls alone would fill the memory."""
SECONDS_PER_YEAR = 365 * 86_400
Q128 = 2**128
WORD = 2**256

AnyBound = tuple[str, int, int]
"""Token, least and most that may come to the wallet."""


def enrolled(pools: Sequence[PoolState], role: str) -> list[PoolState]:
    """Return the pools for which the registry names a contract in this role; the programme is off for all others."""
    return [state for state in pools if role in dict(state.pool.contracts)]


def refuse_other_pool(pool: Pool, position: Position) -> None:
    """Refuse a position of another pool by raising ``InvalidInput``."""
    if position.pool_id != pool.pool_id:
        raise InvalidInput(f"position {position.token_id} lies in {position.pool_id}, not in {pool.pool_id}")


def refuse_unstaked(pool: Pool, position: Position, contract: str) -> None:
    """Refuse to take back what a contract does not hold by raising ``InvalidInput``."""
    refuse_other_pool(pool, position)
    if (position.staked_in or "").lower() != contract.lower():
        raise InvalidInput(f"position {position.token_id} of {pool.pool_id} is not staked in {contract}")


def refuse_staked(pool: Pool, position: Position) -> None:
    """Refuse to stake what is staked already or holds nothing by raising ``InvalidInput``."""
    refuse_other_pool(pool, position)
    if position.staked_in is not None:
        raise InvalidInput(f"position {position.token_id} of {pool.pool_id} is staked in {position.staked_in} already")
    if not position.liquidity:
        raise InvalidInput(f"position {position.token_id} of {pool.pool_id} has no liquidity to stake")


def bounds_of(parts: Iterable[AnyBound]) -> tuple[BalanceBound, ...]:
    """Return one bound per token; where a token is named twice (it is reward and pool token) both may come.

    Examples
    --------
    >>> [(bound.min_delta, bound.max_delta) for bound in bounds_of([("0xA", 0, 5), ("0xa", 1, 2)])]
    [(1, 7)]
    """
    found: dict[str, AnyBound] = {}
    for token, least, most in parts:
        name, low, high = found.get(token.lower(), (token, 0, 0))
        found[token.lower()] = (name, low + least, high + most)
    return tuple(BalanceBound(token=name, min_delta=low, max_delta=high) for name, low, high in found.values())


def anything_of(*tokens: str) -> list[AnyBound]:
    """Bounds of tokens of which nothing may leave and anything may come."""
    return [(token, 0, UINT128_MAX) for token in tokens]


def transaction(
    chain_id: int, owner: str, to: str, data: bytes, action: Action, summary: str, bounds: Iterable[AnyBound]
) -> UnsignedTransaction:
    """Return a call of a programme's contract by the wallet."""
    return UnsignedTransaction(
        chain_id=chain_id,
        sender=owner,
        to=to,
        data="0x" + data.hex(),
        value_wei=0,
        action=action,
        summary=summary,
        bounds=bounds_of(bounds),
    )


def counted(source: str, count: int) -> int:
    """Return a count of staked positions that can be true."""
    if count > MOST_STAKED:
        raise BadAnswer(source, f"counts {count:#x} staked positions, more than {MOST_STAKED}")
    return count


def word_of(read: ContractFunction, result: CallResult, source: str) -> int:
    """Decode a number."""
    if not result.succeeded:
        raise BadAnswer(source, f"{read.name}() fails: {revert_reason(result.data)}")
    return int(read.answer(result.data, source)[0])


@dataclass(frozen=True, slots=True)
class Tie:
    """A read that ties a contract to the registry's entry: who answers, and which address it has to be."""

    read: ContractFunction
    target: str
    expected: str

    @property
    def call(self) -> Call:
        """The read for a batch."""
        return self.read.call(self.target, may_fail=True)

    def check(self, result: CallResult) -> None:
        """Refuse a contract that answers anything else by raising ``BadAnswer``."""
        source = f"contract {self.target}"
        if not result.succeeded:
            raise BadAnswer(source, f"{self.read.name}() fails: {revert_reason(result.data)}")
        found = str(self.read.answer(result.data, source)[0])
        if found.lower() != self.expected.lower():
            raise BadAnswer(source, f"{self.read.name}() is {found}, the registry says {self.expected}")


def check_ties(chain: ChainClient, ties: Sequence[Tie], block: Block) -> None:
    """Check all ties in one batch; :class:`BadAnswer` names the first that is broken."""
    for tie, result in zip(ties, chain.read_calls([tie.call for tie in ties], block), strict=True):
        tie.check(result)
