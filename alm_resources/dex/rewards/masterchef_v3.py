"""MasterChef V3 of PancakeSwap: one contract for all farms (pancake-v3-contracts, masterchef-v3).

Staking is a ``safeTransferFrom`` to it: no approval at all. Staked positions keep their swap fees and earn CAKE
besides; taking one back pays all of it. A pool is served if the registry names its ``master_chef`` and
``reward_token``.
"""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.math.tick import UINT128_MAX
from alm_core.model.chain_ports import ChainClient
from alm_core.model.dex_ports import Grant
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.rewards import EarnedReward, RewardYield
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.rewards.masterchef_v3_stakes import (
    LM_LIQUIDITY,
    LM_POOL,
    NO_POOL,
    PERIOD_OF_POOL,
    PRECISION,
    Chef,
    read_amounts,
    read_stakes,
)
from alm_resources.dex.rewards.staking import (
    REWARD_TOKEN_ROLE,
    SECONDS_PER_YEAR,
    anything_of,
    check_ties,
    enrolled,
    refuse_staked,
    refuse_unstaked,
    transaction,
    word_of,
)
from alm_resources.dex.uniswap_v3.families import PANCAKE_V3
from alm_resources.dex.uniswap_v3.positions import read_named

SAFE_TRANSFER_FROM = ContractFunction("safeTransferFrom", ("address", "address", "uint256"))
WITHDRAW = ContractFunction("withdraw", ("uint256", "address"), ("uint256",))
HARVEST = ContractFunction("harvest", ("uint256", "address"), ("uint256",))
NAME = "masterchef_v3"
ROLE = "master_chef"


class MasterChefV3:
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
        """Return what harvests pay at the block, of every position staked, also in pools that are not asked for."""
        earned: list[EarnedReward] = []
        for chef in _chefs(pools):
            stakes = read_stakes(chain, chef, owner, block)
            if not stakes:
                continue
            for stake, amount in zip(stakes, read_amounts(chain, chef, stakes, block), strict=True):
                reward = EarnedReward(
                    programme=NAME,
                    chain_id=chain.chain_id,
                    contract=chef.address,
                    token=chef.cake,
                    amount=amount,
                    token_id=stake.token_id,
                )
                earned += [reward] if amount else []
        return tuple(earned)

    def read_staked(
        self, chain: ChainClient, pools: Sequence[PoolState], owner: str, block: Block
    ) -> tuple[Position, ...]:
        """Enumerate what the MasterChef holds for the owner in these pools, with the fees it goes on earning."""
        staked: list[Position] = []
        own = enrolled(pools, ROLE)
        for chef in _chefs(pools):
            ids = [(chef.position_manager, stake.token_id) for stake in read_stakes(chain, chef, owner, block)]
            held = [state for state in own if state.pool.contract(ROLE) == chef.address]
            staked += [
                replace(position, staked_in=chef.address)
                for position in (read_named(PANCAKE_V3, chain, held, ids, block) if ids else ())
            ]
        return tuple(staked)

    def read_yields(self, chain: ChainClient, pools: Sequence[PoolState], block: Block) -> tuple[RewardYield, ...]:
        """Read what each farm pays to boosted liquidity in range; a pool without farm, or after its period, nothing."""
        own = enrolled(pools, ROLE)
        check_ties(chain, [tie for chef in _chefs(pools) for tie in chef.ties], block)
        lm_pools = chain.read_calls([LM_POOL.call(state.pool.address) for state in own], block)
        yields: list[RewardYield] = []
        for state, result in zip(own, lm_pools, strict=True):
            pool, source = state.pool, f"farm of {state.pool.pool_id}"
            lm_pool = str(LM_POOL.answer(result.data, source)[0])
            per_second, end_s, liquidity = 0, 0, 0
            if lm_pool != NO_POOL:
                period, staked = chain.read_calls(
                    [PERIOD_OF_POOL.call(pool.contract(ROLE), pool.address), LM_LIQUIDITY.call(lm_pool)], block
                )
                per_second, end_s = PERIOD_OF_POOL.answer(period.data, source)
                liquidity = word_of(LM_LIQUIDITY, staked, source)
            pays = block.block_at.timestamp() < end_s
            yields.append(
                RewardYield(
                    pool_id=pool.pool_id,
                    programme=NAME,
                    token=pool.contract(REWARD_TOKEN_ROLE),
                    per_year=per_second * SECONDS_PER_YEAR // PRECISION if pays else 0,
                    staked_liquidity=liquidity,
                    replaces_fees=False,
                )
            )
        return tuple(yields)

    def staking_grants(self, state: PoolState, position: Position, owner: str) -> tuple[Grant, ...]:
        """Return nothing: the owner hands the NFT over himself."""
        return ()

    def plan_stake(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return the transfer of a position to the MasterChef, which takes it in as staked by its sender.

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
            pool.position_manager,
            SAFE_TRANSFER_FROM.data(owner, pool.contract(ROLE), position.token_id),
            Action.STAKE,
            f"stake position {position.token_id} of {pool.pool_id} in {pool.contract(ROLE)}",
            (),
        )

    def plan_unstake(self, state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
        """Return the withdrawal of a position; it pays all that was earned.

        Raises
        ------
        InvalidInput
            If this MasterChef does not hold it.
        """
        pool = state.pool
        refuse_unstaked(pool, position, pool.contract(ROLE))
        return transaction(
            pool.chain_id,
            owner,
            pool.contract(ROLE),
            WITHDRAW.data(position.token_id, owner),
            Action.UNSTAKE,
            f"unstake position {position.token_id} of {pool.pool_id} from {pool.contract(ROLE)}",
            anything_of(pool.contract(REWARD_TOKEN_ROLE)),
        )

    def plan_claim(self, earned: Sequence[EarnedReward], owner: str) -> tuple[UnsignedTransaction, ...]:
        """Return one harvest per staked position, of at least what it had earned."""
        return tuple(
            transaction(
                reward.chain_id,
                owner,
                reward.contract,
                HARVEST.data(reward.token_id, owner),
                Action.CLAIM,
                f"claim {reward.amount} of {reward.token} earned by position {reward.token_id} in {reward.contract}",
                [(reward.token, reward.amount, UINT128_MAX)],
            )
            for reward in earned
            if reward.programme == NAME
        )


def _chefs(pools: Sequence[PoolState]) -> list[Chef]:
    chefs = (
        Chef(
            address=state.pool.contract(ROLE),
            position_manager=state.pool.position_manager,
            cake=state.pool.contract(REWARD_TOKEN_ROLE),
        )
        for state in enrolled(pools, ROLE)
    )
    return list(dict.fromkeys(chefs))
