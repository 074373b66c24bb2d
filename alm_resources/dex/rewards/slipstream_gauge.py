"""Gauges of Slipstream (Aerodrome, Velodrome): CLGauge of aerodrome-finance/slipstream.

Who stakes gives the NFT to the gauge and gets emissions in place of swap fees: those go to voters. Staking collects
what fees there are; taking the NFT back pays all emissions, so that nothing is owed after an exit. Some gauges keep
what is claimed too early: it is left unclaimed until it is paid in full, while taking a position back is never put
off. A pool is served if the registry names its ``gauge`` and ``reward_token``. Gauges of later designs, that have no
``rewardToken``, are refused.
"""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.math.tick import UINT128_MAX
from alm_core.model.chain_ports import Call, ChainClient
from alm_core.model.dex_ports import Grant
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.rewards import EarnedReward, RewardYield
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.rewards.slipstream_stakes import (
    REWARD_RATE,
    REWARD_RESERVE,
    ROLE,
    STAKED_LIQUIDITY,
    Due,
    Stake,
    gauge_ties,
    read_dues,
    read_stakes,
)
from alm_resources.dex.rewards.staking import (
    REWARD_TOKEN_ROLE,
    SECONDS_PER_YEAR,
    Tie,
    anything_of,
    check_ties,
    enrolled,
    refuse_staked,
    refuse_unstaked,
    transaction,
    word_of,
)
from alm_resources.dex.slipstream.layout import SLIPSTREAM
from alm_resources.dex.uniswap_v3.positions import read_named

DEPOSIT = ContractFunction("deposit", ("uint256",))
WITHDRAW = ContractFunction("withdraw", ("uint256",))
GET_REWARD = ContractFunction("getReward", ("uint256",))
PERIOD_FINISH = ContractFunction("periodFinish", (), ("uint256",))
NFT_APPROVE = ContractFunction("approve", ("address", "uint256"))
GET_APPROVED = ContractFunction("getApproved", ("uint256",), ("address",))
_GAUGE = ContractFunction("gauge", (), ("address",))
_ZERO = "0x" + "00" * 20
NAME = "slipstream_gauge"


class SlipstreamGauge:
    """Satisfies :class:`alm_core.model.rewards.StakingProgramme`."""

    @property
    def name(self) -> str:
        """Name that rewards and yields carry."""
        return NAME

    @property
    def role(self) -> str:
        """Role of the contract in the registry."""
        return ROLE

    def read_earned(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[EarnedReward, ...]:
        """Return what claims pay and forfeit at the block, by staked position that earned anything."""
        stakes = read_stakes(chain, enrolled(pools, ROLE), owner, block)
        dues = read_dues(chain, stakes, block)
        return tuple(
            _reward(stake, due) for stake, due in zip(stakes, dues, strict=True) if due.amount or due.forfeited
        )

    def read_staked(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Enumerate what the gauges of these pools hold for the owner; staked liquidity earns no fees."""
        staked: list[Position] = []
        own = enrolled(pools, ROLE)
        stakes = read_stakes(chain, own, owner, block)
        for state in own:
            ids = [(state.pool.position_manager, stake.token_id) for stake in stakes if stake.pool == state.pool]
            gauge = state.pool.contract(ROLE)
            staked += [
                replace(position, staked_in=gauge, fees0=0, fees1=0)
                for position in (read_named(SLIPSTREAM, chain, [state], ids, block) if ids else ())
            ]
        return tuple(staked)

    def read_yields(self, chain: ChainClient, pools: Sequence[PoolState], block: Block) -> tuple[RewardYield, ...]:
        """Read emission rates; a period that is over or a gauge without reserve pays nothing."""
        own = enrolled(pools, ROLE)
        check_ties(chain, [tie for state in own for tie in (*gauge_ties(state.pool), _current(state.pool))], block)
        calls = [call for state in own for call in _yield_calls(state.pool)]
        answers = chain.read_calls(calls, block)
        yields: list[RewardYield] = []
        for place, state in enumerate(own):
            source = f"gauge of {state.pool.pool_id}"
            reads = (REWARD_RATE, PERIOD_FINISH, REWARD_RESERVE, STAKED_LIQUIDITY)
            values = [word_of(read, answers[4 * place + at], source) for at, read in enumerate(reads)]
            rate, finish_s, reserve, staked = values
            pays = reserve > 0 and block.block_at.timestamp() < finish_s
            yields.append(
                RewardYield(
                    pool_id=state.pool.pool_id,
                    programme=NAME,
                    token=state.pool.contract(REWARD_TOKEN_ROLE),
                    per_year=rate * SECONDS_PER_YEAR if pays else 0,
                    staked_liquidity=staked,
                    replaces_fees=True,
                )
            )
        return tuple(yields)

    def staking_grants(self, state: PoolState, position: Position, owner: str) -> tuple[Grant, ...]:
        """Return the approval of this one NFT; handing it over clears it."""
        manager, gauge, token_id = state.pool.position_manager, state.pool.contract(ROLE), position.token_id

        def approval(spender: str) -> UnsignedTransaction:
            given = spender != _ZERO
            tx = transaction(
                state.pool.chain_id,
                owner,
                manager,
                NFT_APPROVE.data(spender, token_id),
                Action.APPROVE if given else Action.APPROVE_RESET,
                f"approve position {token_id} for {gauge}" if given else f"reset position {token_id} for {gauge}",
                (),
            )
            return replace(tx, spender=gauge)

        return (Grant(give=approval(gauge), revoke=approval(_ZERO), remaining=GET_APPROVED.call(manager, token_id)),)

    def plan_stake(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return the deposit of a position; it pays out the position's fees.

        Raises
        ------
        InvalidInput
            If it lies in another pool, is staked already or is empty.
        """
        pool = state.pool
        refuse_staked(pool, position)
        return transaction(
            pool.chain_id,
            owner,
            pool.contract(ROLE),
            DEPOSIT.data(position.token_id),
            Action.STAKE,
            f"stake position {position.token_id} of {pool.pool_id} in its gauge",
            anything_of(pool.token0.address, pool.token1.address),
        )

    def plan_unstake(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return the withdrawal of a position; it pays all that was earned.

        Raises
        ------
        InvalidInput
            If this gauge does not hold it.
        """
        pool = state.pool
        refuse_unstaked(pool, position, pool.contract(ROLE))
        return transaction(
            pool.chain_id,
            owner,
            pool.contract(ROLE),
            WITHDRAW.data(position.token_id),
            Action.UNSTAKE,
            f"unstake position {position.token_id} of {pool.pool_id} from its gauge",
            anything_of(pool.contract(REWARD_TOKEN_ROLE), pool.token0.address, pool.token1.address),
        )

    def plan_claim(self, earned: Sequence[EarnedReward], owner: str) -> tuple[UnsignedTransaction, ...]:
        """Return one claim per staked position, of at least what it had earned; none that would forfeit anything."""
        return tuple(
            transaction(
                reward.chain_id,
                owner,
                reward.contract,
                GET_REWARD.data(reward.token_id),
                Action.CLAIM,
                f"claim {reward.amount} of {reward.token} earned by position {reward.token_id} in {reward.contract}",
                [(reward.token, reward.amount, UINT128_MAX)],
            )
            for reward in earned
            if reward.programme == NAME and not reward.forfeited
        )


def _current(pool: Pool) -> Tie:
    """The gauge is the one that the pool pays now."""
    return Tie(_GAUGE, pool.address, pool.contract(ROLE))


def _yield_calls(pool: Pool) -> tuple[Call, ...]:
    gauge = pool.contract(ROLE)
    return (
        REWARD_RATE.call(gauge),
        PERIOD_FINISH.call(gauge),
        REWARD_RESERVE.call(pool.address),
        STAKED_LIQUIDITY.call(pool.address),
    )


def _reward(stake: Stake, due: Due) -> EarnedReward:
    return EarnedReward(
        programme=NAME,
        chain_id=stake.pool.chain_id,
        contract=stake.pool.contract(ROLE),
        token=stake.pool.contract(REWARD_TOKEN_ROLE),
        amount=due.amount,
        token_id=stake.token_id,
        forfeited=due.forfeited,
    )
