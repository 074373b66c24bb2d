"""What a Slipstream gauge holds for somebody and would pay now (CLGauge, CLPool of aerodrome-finance/slipstream).

``earned`` is not asked: in the first gauges it leaves out what an update has credited already, in later ones it is less
a penalty. Computed from the numbers that ``CLGauge._earned`` and ``CLPool._updateRewardsGrowthGlobal`` use, both kinds
read alike. Later gauges keep ``penaltyRate`` (1e-4, of their factory) of what is claimed, or paid on taking a position
back, within ``minStakeTimes(pool)`` seconds after staking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.model.chain_ports import Call, CallResult, ChainClient
from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.rewards.staking import (
    Q128,
    REWARD_TOKEN_ROLE,
    WORD,
    Tie,
    check_ties,
    counted,
    word_of,
)
from alm_resources.dex.slipstream.layout import SLIPSTREAM

ROLE = "gauge"
STAKED_VALUES = ContractFunction("stakedValues", ("address",), ("uint256[]",))
REWARDS = ContractFunction("rewards", ("uint256",), ("uint256",))
REWARD_GROWTH_INSIDE = ContractFunction("rewardGrowthInside", ("uint256",), ("uint256",))
DEPOSIT_TIMESTAMP = ContractFunction("depositTimestamp", ("uint256",), ("uint256",))
GROWTH_INSIDE = ContractFunction("getRewardGrowthInside", ("int24", "int24", "uint256"), ("uint256",))
LAST_UPDATED = ContractFunction("lastUpdated", (), ("uint32",))
GROWTH_GLOBAL = ContractFunction("rewardGrowthGlobalX128", (), ("uint256",))
REWARD_RESERVE = ContractFunction("rewardReserve", (), ("uint256",))
REWARD_RATE = ContractFunction("rewardRate", (), ("uint256",))
STAKED_LIQUIDITY = ContractFunction("stakedLiquidity", (), ("uint128",))
PENALTY_RATE = ContractFunction("penaltyRate", (), ("uint256",))
MIN_STAKE_TIMES = ContractFunction("minStakeTimes", ("address",), ("uint256",))
_GAUGE_FACTORY = ContractFunction("gaugeFactory", (), ("address",))
_POOL = ContractFunction("pool", (), ("address",))
_NFT = ContractFunction("nft", (), ("address",))
_REWARD_TOKEN = ContractFunction("rewardToken", (), ("address",))
_POOL_READS = (LAST_UPDATED, GROWTH_GLOBAL, REWARD_RESERVE, REWARD_RATE, STAKED_LIQUIDITY)
_ALL_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Stake:
    """A position in the gauge of its pool."""

    pool: Pool
    token_id: int

    @property
    def calls(self) -> tuple[Call, ...]:
        """Reads of the position and of what the gauge notes of it; the first gauges note no time."""
        gauge = self.pool.contract(ROLE)
        return (
            SLIPSTREAM.stored.read.call(self.pool.position_manager, self.token_id),
            REWARD_GROWTH_INSIDE.call(gauge, self.token_id),
            REWARDS.call(gauge, self.token_id),
            DEPOSIT_TIMESTAMP.call(gauge, self.token_id, may_fail=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What claiming for a stake would pay, and what it would lose by coming too early, raw units."""

    amount: int
    forfeited: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """A stake with its numbers; ``deposited_s`` is ``None`` in a gauge that knows no penalty."""

    stake: Stake
    tick_lower: int
    tick_upper: int
    liquidity: int
    inside_last_x128: int
    credited: int
    deposited_s: int | None


def gauge_ties(pool: Pool) -> tuple[Tie, ...]:
    """What the gauge of the registry has to answer."""
    gauge = pool.contract(ROLE)
    return (
        Tie(_POOL, gauge, pool.address),
        Tie(_NFT, gauge, pool.position_manager),
        Tie(_REWARD_TOKEN, gauge, pool.contract(REWARD_TOKEN_ROLE)),
    )


def read_stakes(chain: ChainClient, own: Sequence[PoolState], owner: str, block: Block) -> list[Stake]:
    """Enumerate the owner's positions in the gauges of these pools."""
    check_ties(chain, [tie for state in own for tie in gauge_ties(state.pool)], block)
    answers = chain.read_calls([STAKED_VALUES.call(state.pool.contract(ROLE), owner) for state in own], block)
    stakes: list[Stake] = []
    for state, result in zip(own, answers, strict=True):
        (ids,) = STAKED_VALUES.answer(result.data, _source(state.pool))
        counted(_source(state.pool), len(ids))
        stakes += [Stake(state.pool, token_id) for token_id in ids]
    return stakes


def read_dues(chain: ChainClient, stakes: Sequence[Stake], block: Block) -> list[Due]:
    """Return what claims pay at the block, in the order of the stakes."""
    if not stakes:
        return []
    pools = list(dict.fromkeys(stake.pool for stake in stakes))
    asked = [read.call(pool.address) for pool in pools for read in _POOL_READS]
    answers = chain.read_calls([*asked, *(call for stake in stakes for call in stake.calls)], block)
    size = len(_POOL_READS)
    grown = {
        pool.pool_id: _global_now(answers[size * place : size * (place + 1)], pool, block)
        for place, pool in enumerate(pools)
    }
    rest = answers[len(asked) :]
    noted = [_noted(stake, rest[4 * place : 4 * (place + 1)]) for place, stake in enumerate(stakes)]
    insides = chain.read_calls(
        [
            GROWTH_INSIDE.call(
                entry.stake.pool.address, entry.tick_lower, entry.tick_upper, grown[entry.stake.pool.pool_id]
            )
            for entry in noted
        ],
        block,
    )
    penalties = _penalties(chain, [entry.stake.pool for entry in noted if entry.deposited_s is not None], block)
    dues: list[Due] = []
    for entry, result in zip(noted, insides, strict=True):
        inside_x128 = word_of(GROWTH_INSIDE, result, _source(entry.stake.pool))
        accrued = (inside_x128 - entry.inside_last_x128) % WORD * entry.liquidity // Q128
        gross = accrued + entry.credited
        lost = _lost(gross, entry, penalties, block)
        dues.append(Due(amount=gross - lost, forfeited=lost))
    return dues


def _global_now(results: Sequence[CallResult], pool: Pool, block: Block) -> int:
    """Reward growth as an update in the block would make it: ``CLPool._updateRewardsGrowthGlobal``."""
    values = [word_of(read, result, _source(pool)) for read, result in zip(_POOL_READS, results, strict=True)]
    last_s, growth_x128, reserve, rate, staked = values
    passed_s = max(0, int(block.block_at.timestamp()) - last_s)
    reward = min(rate * passed_s, reserve)
    return (growth_x128 + reward * Q128 // staked) % WORD if staked else growth_x128


def _noted(stake: Stake, results: Sequence[CallResult]) -> _Noted:
    stored, inside, credited, deposited = results
    source = _source(stake.pool)
    values = SLIPSTREAM.stored.values(stored.data, source)
    knows_time = deposited.succeeded and len(deposited.data) > 0
    return _Noted(
        stake=stake,
        tick_lower=values["tick_lower"],
        tick_upper=values["tick_upper"],
        liquidity=values["liquidity"],
        inside_last_x128=word_of(REWARD_GROWTH_INSIDE, inside, source),
        credited=word_of(REWARDS, credited, source),
        deposited_s=word_of(DEPOSIT_TIMESTAMP, deposited, source) if knows_time else None,
    )


def _penalties(chain: ChainClient, pools: Sequence[Pool], block: Block) -> dict[str, tuple[int, int]]:
    """Return penalty rate in basis points and least seconds of staking by pool, of gauges that note when."""
    some = list(dict.fromkeys(pools))
    named = chain.read_calls([_GAUGE_FACTORY.call(pool.contract(ROLE)) for pool in some], block)
    calls: list[Call] = []
    for pool, result in zip(some, named, strict=True):
        factory = str(_GAUGE_FACTORY.answer(result.data, _source(pool))[0])
        calls += [PENALTY_RATE.call(factory), MIN_STAKE_TIMES.call(factory, pool.address)]
    answers = chain.read_calls(calls, block)
    found: dict[str, tuple[int, int]] = {}
    for place, pool in enumerate(some):
        rate_bps = word_of(PENALTY_RATE, answers[2 * place], _source(pool))
        if rate_bps > _ALL_BPS:
            raise BadAnswer(_source(pool), f"its penalty is {rate_bps:#x} of {_ALL_BPS}")
        found[pool.pool_id] = rate_bps, word_of(MIN_STAKE_TIMES, answers[2 * place + 1], _source(pool))
    return found


def _lost(gross: int, entry: _Noted, penalties: dict[str, tuple[int, int]], block: Block) -> int:
    if entry.deposited_s is None:
        return 0
    rate_bps, least_s = penalties[entry.stake.pool.pool_id]
    early = block.block_at.timestamp() < entry.deposited_s + least_s
    return gross * rate_bps // _ALL_BPS if early else 0


def _source(pool: Pool) -> str:
    return f"gauge {pool.contract(ROLE)} of chain {pool.chain_id}"
