"""On geometric Brownian minutes LVR is the theory's: sigma^2/8 of a full range, concentration times that in one."""

import numpy as np
import pytest

from alm_core.math.tick import MAX_TICK
from alm_core.model.candles import FloatArray
from alm_core.ranges.position import concentration
from alm_core.simulation.minute_rules import MinuteCosts
from alm_core.simulation.minute_run import MinuteRun, Start, simulate_fixed
from alm_core.simulation.minute_sources import TvlConcentration, minutes_from_figures
from alm_core.simulation.minute_ticks import bounds_at, centred_ticks
from alm_core.simulation.minutes import MinuteMarket
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import pool
from alm_tests.core.simulation.minute_scenes import figures, opening_and_closes

YEAR_MINUTES = 525_960
FREE = MinuteCosts(swap_fee_frac=0.0, impact=0.0)
START = Start(capital=10_000.0)
DEVIATIONS = 4.0


def gbm(days: float, sigma_annual: float, seed: int, volume_usd: float = 0.0) -> MinuteMarket:
    """Driftless minutes; without volume nothing is earned and every loss is LVR."""
    series = walk(days, sigma_minute=sigma_annual / np.sqrt(YEAR_MINUTES), seed=seed)
    of = pool()
    known = [figures(of, volume_usd)]
    return minutes_from_figures(
        of, known, int(series.ts_ms[0]), opening_and_closes(series), TvlConcentration(times=10.0, error_frac=0.0)
    )


def expected_lvr(found: MinuteRun, times: FloatArray, sigma_annual: float, minutes: int) -> float:
    return float(np.mean(found.nav * times)) * sigma_annual**2 / 8 * minutes / YEAR_MINUTES


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sigma", [0.3, 0.8])
def test_lvr_of_a_full_range_is_an_eighth_of_the_variance(sigma: float, seed: int) -> None:
    market = gbm(60, sigma, seed)
    found = simulate_fixed(market, START, FREE, MAX_TICK, reset=False)
    assert found.in_range_frac == pytest.approx(1.0)
    wanted = expected_lvr(found, np.ones(len(found.nav)), sigma, len(market))
    # A sum of n squared normal returns is off by sqrt(2 / n).
    assert found.lvr == pytest.approx(wanted, rel=DEVIATIONS * np.sqrt(2 / len(market)))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("half_width", [1500, 4000])
def test_lvr_inside_a_range_is_its_concentration_times_that(half_width: int, seed: int) -> None:
    sigma = 0.25
    market = gbm(6, sigma, seed)
    found = simulate_fixed(market, START, FREE, half_width, reset=False)
    assert found.in_range_frac == 1.0
    lower, upper = bounds_at(*centred_ticks(int(market.tick[0]), half_width, 10), market.grid)
    prices = market.root[market.closes] ** 2
    times = np.array([concentration(price, lower, upper) for price in prices])
    assert times.min() > 3
    wanted = expected_lvr(found, times, sigma, len(market))
    assert found.lvr == pytest.approx(wanted, rel=DEVIATIONS * np.sqrt(2 / len(market)))


def test_lvr_depends_on_minutes_and_not_on_the_way_of_quarter_hours() -> None:
    """Prices that leave and come back within a quarter hour lose; their quarter hours alone would show nothing."""
    market = gbm(1, 0.5, 1)
    middle = float(market.root[0])
    to_and_fro = middle * 1.001 ** (np.arange(len(market.root)) % 15 % 2)
    still = MinuteMarket(
        start_ms=market.start_ms,
        tick=np.full_like(market.tick, market.tick[0]),
        root=to_and_fro,
        fee_base=market.fee_base,
        fee_quote=market.fee_quote,
        liquidity=market.liquidity,
        grid=market.grid,
        source="aggregate",
    )
    found = simulate_fixed(still, START, FREE, MAX_TICK, reset=False)
    assert np.ptp(found.nav) == pytest.approx(0.0, abs=1e-8)
    moves = np.count_nonzero(np.diff(to_and_fro))
    assert found.lvr == pytest.approx(moves * 10_000 * 0.001**2 / 2, rel=1e-2)


def test_outside_its_range_a_position_loses_nothing_to_arbitrage() -> None:
    market = gbm(4, 1.0, 5)
    away = np.concatenate([[1.0], np.full(len(market), 1.2)])
    gone = MinuteMarket(
        start_ms=market.start_ms,
        tick=market.tick + np.round(2 * np.log(away) / np.log(1.0001)).astype(np.int64),
        root=market.root * away,
        fee_base=market.fee_base,
        fee_quote=market.fee_quote,
        liquidity=market.liquidity,
        grid=market.grid,
        source="aggregate",
    )
    found = simulate_fixed(gone, START, FREE, 100, reset=False)
    first = simulate_fixed(gone.rows(0, 30), START, FREE, 100, reset=False)
    assert found.in_range_frac < 1 / len(market)
    assert found.lvr == pytest.approx(first.lvr, rel=1e-12)
    assert np.ptp(found.nav) == pytest.approx(0.0, abs=1e-6)


def test_fees_that_pay_for_the_variance_leave_a_full_range_where_its_rebalanced_twin_is() -> None:
    """Fees of sigma^2/8 a year are the break-even of a small position over the full range."""
    sigma = 0.6
    market = gbm(60, sigma, 4)
    capital = 2 * market.liquidity * market.root[:-1]
    rate = sigma**2 / 8 / YEAR_MINUTES
    paid = MinuteMarket(
        start_ms=market.start_ms,
        tick=market.tick,
        root=market.root,
        fee_base=np.zeros(len(market)),
        fee_quote=capital * rate,
        liquidity=market.liquidity,
        grid=market.grid,
        source="aggregate",
    )
    found = simulate_fixed(paid, Start(capital=1.0), FREE, MAX_TICK, reset=False)
    assert found.fees == pytest.approx(found.lvr, rel=DEVIATIONS * np.sqrt(2 / len(market)) + 1e-3)
