"""Rewards in the figures of a snapshot: only of pools that stake, priced or unknown; no question about any other."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from alm_core.model.chain_ports import ChainClient
from alm_core.model.errors import SourceUnavailable
from alm_core.model.market import PoolMarket, PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.rewards import RewardYield, programme_of, read_staked
from alm_core.portfolio.valuation import Prices, full_range_usd
from alm_resources.dex.reward_yields import read_yields, with_rewards
from alm_resources.dex.rewards import SlipstreamGauge, staking_programmes
from alm_resources.dex.usd import MarketFigures
from alm_tests.core.portfolio.scene import PRICE, WALLET, Scene

REWARD = "0x" + "E1" * 20
YEARLY = 10_000
"""Tokens a year to everything staked."""
SNAPSHOT = Scene().snapshot()
PLAIN, STAKING = (
    SNAPSHOT.pools[1],
    replace(
        SNAPSHOT.pools[0],
        pool=replace(SNAPSHOT.pools[0].pool, contracts=(("gauge", WALLET), ("reward_token", REWARD)), stakes=True),
    ),
)
POOL = STAKING.pool
FIGURES = MarketFigures(markets=(), token_usd={(POOL.chain_id, POOL.quote.address.lower()): 1.0}, problems=())


class OneGauge(SlipstreamGauge):
    """Answers without a chain, and notes what it was asked for."""

    def __init__(self, failure: SourceUnavailable | None = None) -> None:
        self.asked: list[list[str]] = []
        self._failure = failure

    def read_yields(self, chain: object, pools: Sequence[PoolState], block: object) -> tuple[RewardYield, ...]:
        self.asked.append([state.pool.pool_id for state in pools])
        if self._failure:
            raise self._failure
        return (paid(),)

    def read_staked(self, chain: object, pools: Sequence[PoolState], owner: str, block: object) -> tuple[Position, ...]:
        self.asked.append([state.pool.pool_id for state in pools])
        return ()


@dataclass
class Source:
    """Prices by address; a failure if there is one."""

    usd: dict[str, float]
    failure: SourceUnavailable | None = None
    asked: list[tuple[int, list[str]]] = field(default_factory=list[tuple[int, list[str]]])

    def fetch_pools(self, pools: Sequence[Pool]) -> tuple[PoolMarket, ...]:
        raise AssertionError(pools)

    def fetch_token_usd(self, chain_id: int, addresses: Sequence[str]) -> dict[str, float]:
        self.asked.append((chain_id, list(addresses)))
        if self.failure:
            raise self.failure
        return self.usd


class Registered:
    """A registry of one reward token."""

    def token_at(self, chain_id: int, address: str) -> Token:
        assert (chain_id, address) == (POOL.chain_id, REWARD)
        return replace(POOL.base, address=REWARD, decimals=18)


def paid(**changes: object) -> RewardYield:
    plain = RewardYield(
        pool_id=POOL.pool_id,
        programme="slipstream_gauge",
        token=REWARD,
        per_year=YEARLY * 10**18,
        staked_liquidity=1,
        replaces_fees=True,
    )
    return replace(plain, **changes)


def market_of(source: Source, *yields: RewardYield, figures: MarketFigures = FIGURES) -> PoolMarket:
    told = with_rewards(figures, [STAKING, PLAIN], yields, source, Registered())  # type: ignore[arg-type]
    assert [problem.source for problem in told.problems] == (["gecko"] if source.failure else [])
    (market,) = (market for market in told.markets if market.pool_id == POOL.pool_id)
    return market


def test_the_yield_is_what_the_token_is_worth_over_the_value_of_all_liquidity() -> None:
    source = Source({REWARD.lower(): 2.5})
    market = market_of(source, paid())
    everything = full_range_usd(STAKING, STAKING.liquidity, Prices(base_usd=PRICE, quote_usd=1.0))
    assert market.rewards_apr == pytest.approx(YEARLY * 2.5 / everything, rel=1e-6)
    assert market.rewards_replace_fees
    assert source.asked == [(POOL.chain_id, [REWARD.lower()])]
    # The service need not know the pool, and its other figures stay.
    known = replace(market, source="gecko", volume_24h_usd=5.0, rewards_apr=None, rewards_replace_fees=False)
    again = market_of(source, paid(), figures=replace(FIGURES, markets=(known,)))
    assert again == replace(known, rewards_apr=market.rewards_apr, rewards_replace_fees=True)


@pytest.mark.parametrize(
    ("source", "figures"),
    [
        (Source({}), FIGURES),
        (Source({}, SourceUnavailable("gecko", "HTTP 429")), FIGURES),
        (Source({REWARD: 2.5}), replace(FIGURES, token_usd={})),
    ],
)
def test_without_a_price_the_yield_is_unknown_and_not_zero(source: Source, figures: MarketFigures) -> None:
    market = market_of(source, paid(), figures=figures)
    assert (market.rewards_apr, market.rewards_replace_fees) == (None, True)


def test_a_rate_of_nothing_or_a_pool_in_which_nobody_is_in_range_earns_nothing() -> None:
    source = Source({REWARD.lower(): 2.5})
    assert market_of(source, paid(per_year=0)).rewards_apr == 0.0
    empty = replace(STAKING, liquidity=0)
    told = with_rewards(FIGURES, [empty], [paid()], source, Registered())  # type: ignore[arg-type]
    assert told.markets[0].rewards_apr == 0.0


def test_nothing_is_asked_for_pools_that_name_no_gauge_or_do_not_stake() -> None:
    gauge, chain, block = OneGauge(), _no_chain(), STAKING.block
    unstaked = replace(STAKING, pool=replace(POOL, stakes=False))
    assert read_yields([gauge], chain, [PLAIN, unstaked], block).yields == ()
    assert read_staked([gauge], chain, [PLAIN], WALLET, block) == ()
    assert gauge.asked == []
    source = Source({})
    assert with_rewards(FIGURES, [PLAIN], [], source, Registered()) is FIGURES  # type: ignore[arg-type]
    assert source.asked == []
    # What is staked is looked for wherever a gauge is named.
    read_staked([gauge], chain, [PLAIN, unstaked], WALLET, block)
    assert gauge.asked == [[POOL.pool_id]]


def test_a_rate_that_cannot_be_read_is_a_problem_by_name() -> None:
    failing = OneGauge(SourceUnavailable("gauge 0xb1", "does not answer"))
    reading = read_yields([failing], _no_chain(), [PLAIN, STAKING], STAKING.block)
    assert reading.yields == ()
    (problem,) = reading.problems
    assert (problem.source, problem.detail) == ("gauge 0xb1", "rewards of staking: does not answer")


def test_each_role_has_its_programme() -> None:
    programmes = list(staking_programmes().values())
    found = {
        programme.role: programme_of(replace(POOL, contracts=((programme.role, WALLET),)), programmes)
        for programme in programmes
    }
    assert {role: programme and programme.name for role, programme in found.items()} == {
        "gauge": "slipstream_gauge",
        "master_chef": "masterchef_v3",
    }
    assert programme_of(PLAIN.pool, programmes) is None


def _no_chain() -> ChainClient:
    return None  # type: ignore[return-value]
