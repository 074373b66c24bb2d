"""Pools by their figures: too small, too quiet, too loud, too young, unknown; each at its bound."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.model.config import LimitsConfig
from alm_core.model.market import MarketSnapshot, PoolRefusal
from alm_core.portfolio.eligibility import pool_violations, with_ineligible
from alm_tests.core.portfolio.scene import Scene, with_market

LIMITS = LimitsConfig()
PLAIN = Scene().snapshot()
POOL = PLAIN.pools[0].pool.pool_id


def seen(tvl: float | None, volume: float | None, age_days: float | None = None) -> MarketSnapshot:
    snapshot = with_market(PLAIN, (volume,) * len(PLAIN.pools))
    created = None if age_days is None else PLAIN.epoch_at - timedelta(days=age_days)
    return replace(snapshot, markets=tuple(replace(one, tvl_usd=tvl, created_at=created) for one in snapshot.markets))


def broken(snapshot: MarketSnapshot, limits: LimitsConfig = LIMITS) -> set[str]:
    return {violation.limit for violation in pool_violations(snapshot, POOL, limits)}


@pytest.mark.control("min_pool_tvl_usd", "passes")
@pytest.mark.control("min_pool_tvl_usd", "fires")
def test_a_pool_must_have_a_size() -> None:
    assert broken(seen(250_000.0, 250_000.0)) == set()
    assert broken(seen(249_999.0, 250_000.0)) == {"min_pool_tvl_usd"}
    assert broken(seen(0.0, 5.0)) == {"min_pool_tvl_usd"}


@pytest.mark.control("min_pool_volume_tvl", "passes")
@pytest.mark.control("min_pool_volume_tvl", "fires")
def test_a_pool_nobody_trades_in_is_refused() -> None:
    assert broken(seen(1e6, 10_000.0)) == set()
    assert broken(seen(1e6, 9_999.0)) == {"min_pool_volume_tvl"}


@pytest.mark.control("max_pool_volume_tvl", "passes")
@pytest.mark.control("max_pool_volume_tvl", "fires")
def test_a_volume_that_nobody_can_have_is_refused() -> None:
    assert broken(seen(1e6, 2e7)) == set()
    assert broken(seen(1e6, 2e7 + 20)) == {"max_pool_volume_tvl"}
    assert broken(seen(1e6, 1e10)) == {"max_pool_volume_tvl"}


@pytest.mark.control("min_pool_age_days", "passes")
@pytest.mark.control("min_pool_age_days", "fires")
def test_a_young_pool_is_refused_and_one_from_the_future_too() -> None:
    assert broken(seen(1e6, 1e6, 30.0)) == set()
    assert broken(seen(1e6, 1e6, 29.99)) == {"min_pool_age_days"}
    assert broken(seen(1e6, 1e6, -1.0)) == {"min_pool_age_days"}


@pytest.mark.control("pool_figures_required", "passes")
@pytest.mark.control("pool_figures_required", "fires")
def test_what_no_service_tells_is_judged_only_where_it_is_required() -> None:
    required = replace(LIMITS, pool_figures_required=True)
    for unknown in (PLAIN, seen(None, 1e6), seen(1e6, None)):
        assert broken(unknown) == set()
        assert broken(unknown, required) == {"pool_figures_required"}
    assert broken(seen(1e6, 1e6), required) == set()


def test_ineligible_pools_are_refusals_of_the_snapshot() -> None:
    assert with_ineligible(PLAIN, LIMITS) is PLAIN
    small = with_ineligible(seen(1.0, 1.0), LIMITS)
    assert {one.pool_id for one in small.refusals} == {state.pool.pool_id for state in PLAIN.pools}
    known = replace(seen(1.0, 1.0), refusals=(PoolRefusal(pool_id=POOL, reason="token"),))
    assert with_ineligible(known, LIMITS).refusal(POOL) == "token"


def test_of_a_pool_without_value_no_turnover_is_told_and_of_one_with_a_little_it_is() -> None:
    tiny = replace(LIMITS, min_pool_tvl_usd=0.0)
    assert broken(seen(0.0, 5.0), tiny) == set()
    assert broken(seen(0.5, 50.0), tiny) == {"max_pool_volume_tvl"}
