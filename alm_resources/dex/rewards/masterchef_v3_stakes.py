"""What a MasterChef V3 holds for somebody and what it would pay now (pancake-v3-contracts, masterchef-v3).

``pendingCake`` is as of the pool's last trade. What a harvest pays at a block is computed as ``MasterChefV3`` does in
``harvestOperation``, after ``PancakeV3LmPool.accumulateReward`` up to the block's time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.chain_ports import CallResult, ChainClient
from alm_core.model.market import Block
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.rewards.staking import Q128, WORD, Tie, check_ties, counted, word_of
from alm_resources.dex.uniswap_v3 import abi

BALANCE_OF = ContractFunction("balanceOf", ("address",), ("uint256",))
TOKEN_OF_OWNER_BY_INDEX = ContractFunction("tokenOfOwnerByIndex", ("address", "uint256"), ("uint256",))
USER_POSITION_INFOS = ContractFunction(
    "userPositionInfos",
    ("uint256",),
    ("uint128", "uint128", "int24", "int24", "uint256", "uint256", "address", "uint256", "uint256"),
)
POOL_INFO = ContractFunction(
    "poolInfo", ("uint256",), ("uint256", "address", "address", "address", "uint24", "uint256", "uint256")
)
PERIOD_OF_POOL = ContractFunction("getLatestPeriodInfo", ("address",), ("uint256", "uint256"))
EMERGENCY = ContractFunction("emergency", (), ("uint256",))
LM_POOL = ContractFunction("lmPool", (), ("address",))
LM_LIQUIDITY = ContractFunction("lmLiquidity", (), ("uint128",))
LAST_REWARD_TIMESTAMP = ContractFunction("lastRewardTimestamp", (), ("uint32",))
REWARD_GROWTH_INSIDE = ContractFunction("getRewardGrowthInside", ("int24", "int24"), ("uint256",))
_CAKE = ContractFunction("CAKE", (), ("address",))
_MANAGER = ContractFunction("nonfungiblePositionManager", (), ("address",))
PRECISION = 10**12
"""Rates per second carry it: ``MasterChefV3.PRECISION``, ``PancakeV3LmPool.REWARD_PRECISION``."""
NO_POOL = "0x" + "00" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Chef:
    """A MasterChef as the registry describes it."""

    address: str
    position_manager: str
    cake: str

    @property
    def ties(self) -> tuple[Tie, ...]:
        """What it has to answer."""
        return Tie(_CAKE, self.address, self.cake), Tie(_MANAGER, self.address, self.position_manager)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """A position as the MasterChef stores it."""

    token_id: int
    boost_liquidity: int
    tick_lower: int
    tick_upper: int
    growth_inside_x128: int
    credited: int
    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Farm:
    """Rewards of one pool at the block: ``lm_pool`` is ``None`` where it has none (any more)."""

    tick: int
    lm_pool: str | None
    grown_x128: int = 0
    """What each unit of liquidity in range has got since the pool's books were last written."""


def read_stakes(chain: ChainClient, chef: Chef, owner: str, block: Block) -> list[Stake]:
    """Enumerate the positions that a MasterChef holds for an owner, in all its pools."""
    source = _source(chain, chef)
    check_ties(chain, chef.ties, block)
    (count,) = chain.read_calls([BALANCE_OF.call(chef.address, owner)], block)
    staked = counted(source, word_of(BALANCE_OF, count, source))
    indexed = chain.read_calls(
        [TOKEN_OF_OWNER_BY_INDEX.call(chef.address, owner, index) for index in range(staked)], block
    )
    ids = [word_of(TOKEN_OF_OWNER_BY_INDEX, result, source) for result in indexed]
    infos = chain.read_calls([USER_POSITION_INFOS.call(chef.address, token_id) for token_id in ids], block)
    found = [USER_POSITION_INFOS.answer(result.data, source) for result in infos]
    pids = sorted({int(info[7]) for info in found})
    farms = chain.read_calls([POOL_INFO.call(chef.address, pid) for pid in pids], block)
    pool_of = {pid: str(POOL_INFO.answer(result.data, source)[1]) for pid, result in zip(pids, farms, strict=True)}
    return [
        Stake(
            token_id=token_id,
            boost_liquidity=boost,
            tick_lower=lower,
            tick_upper=upper,
            growth_inside_x128=inside,
            credited=credited,
            pool=pool_of[pid],
        )
        for token_id, (_, boost, lower, upper, inside, credited, _, pid, _) in zip(ids, found, strict=True)
    ]


def read_amounts(chain: ChainClient, chef: Chef, stakes: Sequence[Stake], block: Block) -> list[int]:
    """Return what a harvest of each would pay, as ``harvestOperation`` and ``_safeTransfer`` compute it."""
    source = _source(chain, chef)
    farms = {pool: _farm(chain, chef, pool, block) for pool in dict.fromkeys(stake.pool for stake in stakes)}
    stopped, balance = chain.read_calls([EMERGENCY.call(chef.address), BALANCE_OF.call(chef.cake, chef.address)], block)
    counting = [stake for stake in stakes if farms[stake.pool].lm_pool and not word_of(EMERGENCY, stopped, source)]
    insides = chain.read_calls(
        [
            REWARD_GROWTH_INSIDE.call(farms[stake.pool].lm_pool or "", stake.tick_lower, stake.tick_upper)
            for stake in counting
        ],
        block,
    )
    accrued = {
        stake.token_id: _accrued(stake, farms[stake.pool], word_of(REWARD_GROWTH_INSIDE, result, source))
        for stake, result in zip(counting, insides, strict=True)
    }
    most = word_of(BALANCE_OF, balance, source)
    return [min(accrued.get(stake.token_id, 0) + stake.credited, most) for stake in stakes]


def _accrued(stake: Stake, farm: _Farm, inside_x128: int) -> int:
    in_range = stake.tick_lower <= farm.tick < stake.tick_upper
    now_x128 = (inside_x128 + farm.grown_x128 * in_range) % WORD
    grown_x128 = now_x128 - stake.growth_inside_x128
    # The contract pays nothing for growth below the last one, or for a product that does not fit.
    if grown_x128 <= 0 or (WORD - 1) // grown_x128 <= stake.boost_liquidity:
        return 0
    return grown_x128 * stake.boost_liquidity // Q128


def _farm(chain: ChainClient, chef: Chef, pool: str, block: Block) -> _Farm:
    source = f"farm of pool {pool} on chain {chain.chain_id}"
    slot0, named = chain.read_calls([abi.SLOT0.call(pool), LM_POOL.call(pool)], block)
    tick, lm_pool = int(abi.SLOT0.answer(slot0.data, source)[1]), str(LM_POOL.answer(named.data, source)[0])
    if lm_pool == NO_POOL:
        return _Farm(tick=tick, lm_pool=None)
    reads = [LM_LIQUIDITY.call(lm_pool), LAST_REWARD_TIMESTAMP.call(lm_pool), PERIOD_OF_POOL.call(chef.address, pool)]
    return _Farm(tick=tick, lm_pool=lm_pool, grown_x128=_grown(chain.read_calls(reads, block), block, source))


def _grown(results: Sequence[CallResult], block: Block, source: str) -> int:
    """Growth since the last update, as ``PancakeV3LmPool.accumulateReward`` adds it."""
    liquidity, last_s = word_of(LM_LIQUIDITY, results[0], source), word_of(LAST_REWARD_TIMESTAMP, results[1], source)
    per_second, end_s = PERIOD_OF_POOL.answer(results[2].data, source)
    now_s, end_s = int(block.block_at.timestamp()), end_s % 2**32
    duration_s = max(0, min(now_s, end_s) - last_s)
    if not liquidity or not duration_s:
        return 0
    return duration_s * (per_second * Q128 // PRECISION) // liquidity


def _source(chain: ChainClient, chef: Chef) -> str:
    return f"MasterChef {chef.address} of chain {chain.chain_id}"
