"""Pools of bins in the decision: gas by bins, ranges of too many bins are left alone, and fees that no growth tells."""

from dataclasses import replace

import pytest

from alm_core.math.bin_ranges import places_of_range
from alm_core.model.decisions import DecisionKind
from alm_core.model.market import MarketSnapshot
from alm_core.portfolio.costs import BINS_MEASURED, gas_lots
from alm_tests.core.portfolio.deciding import plan
from alm_tests.core.portfolio.scene import Scene, pool, with_market


def of_bins(snapshot: MarketSnapshot, step: int) -> MarketSnapshot:
    """The snapshot with bins in its second pool: no fee growth, only a day's volume."""
    first, second = snapshot.pools
    booked = replace(
        second,
        pool=replace(second.pool, family="liquidity_book", fee_pips=None, tick_spacing=1, bin_step=step),
        fee_growth_global0_x128=None,
        fee_growth_global1_x128=None,
    )
    return replace(with_market(snapshot, (None, 60_000_000.0)), pools=(first, booked))


def test_gas_is_counted_once_but_where_there_are_bins() -> None:
    assert gas_lots(pool(), -100, 100) == ("uniswap_v3",)
    bins = replace(pool(), family="liquidity_book", bin_step=1, tick_spacing=1)
    assert gas_lots(bins, 0, BINS_MEASURED) == ("liquidity_book",)
    assert gas_lots(bins, 0, BINS_MEASURED + 1) == ("liquidity_book",) * 2
    assert gas_lots(bins, 0, 10 * BINS_MEASURED) == ("liquidity_book",) * 10


@pytest.mark.parametrize(("step", "placed"), [(25, True), (1, False)])
def test_a_range_of_too_many_bins_is_not_planned(step: int, placed: bool) -> None:
    """200 USD around 2000 are some 80 bins of 25 bp, and some 2000 of 1 bp."""
    scene = Scene(fees_usd_day=(0.0, 0.0))
    found = plan(scene, snapshot=of_bins(scene.snapshot(), step))
    assert (found.decision.kind is not DecisionKind.HOLD) is placed
    assert {target.pool_id for target in found.opens} == ({scene.snapshot().pools[1].pool.pool_id} if placed else set())


def test_ticks_planned_in_bins_are_edges_of_bins() -> None:

    scene = Scene(fees_usd_day=(0.0, 0.0))
    (target,) = plan(scene, snapshot=of_bins(scene.snapshot(), 25)).opens
    assert len(places_of_range(25, target.tick_lower, target.tick_upper)) > 10
