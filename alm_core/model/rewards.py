"""Rewards besides fees: what a gauge, a farm or a distributor owes us, what staking is worth, and how to get it.

A programme is off for a pool unless the registry names its contract for that pool. Where it does, what is staked or
owed there is read and can be taken out whatever the strategy wants; only staking anew is the strategy's choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from alm_core.model.chain_ports import ChainClient
from alm_core.model.dex_ports import Grant
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import UnsignedTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimProof:
    """What a distributor wants to see: all that was ever earned, and the hashes beside the leaf's way to the root."""

    cumulative: int
    siblings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnedReward:
    """What one contract would pay in one token if it were claimed in the block that was read.

    Parameters
    ----------
    programme, contract
        Who pays, by name and address.
    token
        Checksummed address.
    amount
        Raw units.
    token_id
        Staked position that earned it; ``None`` where the wallet did.
    proof
        For a distributor.
    forfeited
        What the programme would keep because it is too early, raw units; it is ours later.
    """

    programme: str
    chain_id: int
    contract: str
    token: str
    amount: int
    token_id: int | None = None
    proof: ClaimProof | None = None
    forfeited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardYield:
    """What a programme pays to staked liquidity in range, at the rate of the block that was read.

    Parameters
    ----------
    token
        Checksummed address.
    per_year
        Raw units over a year of that rate, to all of it together.
    staked_liquidity
        Liquidity that shares it now, as the programme weighs it; zero where nobody does.
    replaces_fees
        True where staked liquidity earns no swap fees (Slipstream): the two are not added.
    """

    pool_id: str
    programme: str
    token: str
    per_year: int
    staked_liquidity: int
    replaces_fees: bool

    def apr(self, token_usd: float, liquidity_usd: float) -> float:
        """Return the yield as :attr:`~alm_core.model.market.PoolMarket.rewards_apr` means it.

        Parameters
        ----------
        token_usd
            USD per raw unit of the token.
        liquidity_usd
            Full-range value of all liquidity in range, staked or not.

        Notes
        -----
        Only staked liquidity shares the reward, and it is at most all of it: shared over all, as fees are, the figure
        is what a newcomer surely gets, less than he gets where much is unstaked.

        Examples
        --------
        >>> paid = RewardYield(
        ...     pool_id="1:0x", programme="gauge", token="0x", per_year=500, staked_liquidity=7, replaces_fees=True
        ... )
        >>> paid.apr(token_usd=2.0, liquidity_usd=20_000.0)
        0.05
        """
        return self.per_year * token_usd / liquidity_usd


class RewardProgramme(Protocol):
    """Something that pays rewards; nothing is sent here."""

    @property
    def name(self) -> str: ...

    def read_earned(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[EarnedReward, ...]:
        """Read what claims would pay now, that of positions we no longer have included; nothing owed is left out.

        Raises
        ------
        SourceUnavailable, BadAnswer
            If it cannot be known. That is never "nothing".
        """
        ...

    def plan_claim(self, earned: Sequence[EarnedReward], owner: str) -> tuple[UnsignedTransaction, ...]:
        """Return claims of at least these rewards, paid to the owner; none that would forfeit anything."""
        ...


class StakingProgramme(RewardProgramme, Protocol):
    """A programme that holds positions for us while they earn."""

    @property
    def role(self) -> str:
        """Role of its contract among :attr:`alm_core.model.pools.Pool.contracts`; off for a pool that names none."""
        ...

    def read_staked(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Enumerate the owner's positions in these pools that the programme holds, from the chain alone.

        ``staked_in`` names who holds them; ``fees0`` and ``fees1`` are what the position itself still earns.
        """
        ...

    def read_yields(self, chain: ChainClient, pools: Sequence[PoolState], block: Block) -> tuple[RewardYield, ...]:
        """Read what staked liquidity in range is paid; pools without the programme are left out."""
        ...

    def staking_grants(self, state: PoolState, position: Position, owner: str) -> tuple[Grant, ...]:
        """Rights that staking needs, for this one position; none of it is left afterwards."""
        ...

    def plan_stake(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Give a position to the programme. The wallet no longer holds it then."""
        ...

    def plan_unstake(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Take a position back, with all it has earned. Possible at any time, whatever is owed."""
        ...


def programme_of(pool: Pool, programmes: Iterable[StakingProgramme]) -> StakingProgramme | None:
    """Return the programme that a pool names, or ``None``."""
    roles = {role for role, _ in pool.contracts}
    return next((programme for programme in programmes if programme.role in roles), None)


def read_staked(
    programmes: Sequence[StakingProgramme], chain: ChainClient, states: Sequence[PoolState], owner: str, block: Block
) -> tuple[Position, ...]:
    """Read what the programmes hold for an owner in these pools; nothing is asked for pools that name none."""
    found: list[Position] = []
    for programme in programmes:
        own = [state for state in states if programme_of(state.pool, (programme,)) is not None]
        found += programme.read_staked(chain, own, owner, block) if own else ()
    return tuple(found)
