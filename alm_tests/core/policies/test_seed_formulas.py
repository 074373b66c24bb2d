"""Edges of the reference's formulas that its vectors may not show: nothing, zero, one, ties and infinities."""

import math

import numpy as np
import pytest

from alm_core.model.decisions import DecisionKind
from alm_core.model.signals import RangeParams
from alm_core.policies.seed.allocation import PoolAnalysis, Share, water_fill, weighted_apr
from alm_core.policies.seed.amounts import after_slippage, impermanent_loss_usd, scaled, sorted_tokens
from alm_core.policies.seed.candles import Columns, aggregate, columns_from, merge_weighted
from alm_core.policies.seed.decision import SeedPosition, SeedRules, current_allocations, decide
from alm_core.policies.seed.forces import NEUTRAL, composite_forces, forces_of, mean_and_deviation, moving_averages
from alm_core.policies.seed.kill_switch import kill_reason
from alm_core.policies.seed.nelder_mead import nelder_mead
from alm_core.policies.seed.params import DEFAULTS, LOWER_BOUNDS, UPPER_BOUNDS, vector_from_params
from alm_core.policies.seed.ranges import bounds_divergence, compute_range, price_to_tick, range_to_ticks
from alm_core.policies.seed.regime import detect_regime
from alm_core.policies.seed.utilization import SeedSnapshot, analyse_pools

NOTHING: Columns = columns_from([[]] * 6)
START = vector_from_params(DEFAULTS)


def minutes(count: int, price: float = 1.0, volume: float = 1.0, spread: float = 0.0) -> Columns:
    close = np.full(count, price)
    return np.arange(count) * 6e4, close, close * (1 + spread), close * (1 - spread), close, np.full(count, volume)


def pools(*figures: tuple[float, float]) -> list[PoolAnalysis]:
    return [PoolAnalysis(pool=str(n), chain=1, apr=apr, tvl_usd=tvl) for n, (apr, tvl) in enumerate(figures)]


# candles and forces


def test_no_candles_have_no_bars_and_neutral_forces() -> None:
    assert all(column.shape == (0,) for column in aggregate(NOTHING, 15))
    assert composite_forces(NOTHING) == NEUTRAL
    assert forces_of(NOTHING) == NEUTRAL
    assert all(column.shape == (0,) for column in merge_weighted([]))


def test_one_candle_has_its_close_as_averages_and_nothing_else() -> None:
    found = forces_of(minutes(1, 7.0))
    assert (found.volatility, found.momentum, found.trend, found.ma0, found.ma1) == (0.0, 50.0, 50.0, 7.0, 7.0)


def test_ten_minutes_are_neutral_and_eleven_are_not() -> None:
    assert composite_forces(minutes(10)) == NEUTRAL
    assert composite_forces(minutes(11)).ma0 == pytest.approx(1.0)


def test_shuffled_and_repeated_minutes_keep_the_order_in_which_they_were_seen() -> None:
    rows = [
        [120_000, 30_000, 30_000, 960_000],
        [3.0, 1.0, 2.0, 9.0],
        [3.5, 1.5, 2.5, 9.5],
        [2.5, 0.5, 1.5, 8.5],
        [3.2, 1.2, 2.2, 9.2],
        [1.0, 2.0, 4.0, 8.0],
    ]
    ts, opened, high, low, close, volume = (column.tolist() for column in aggregate(columns_from(rows), 15))
    assert ts == [0.0, 900_000.0]
    assert (opened, close) == ([3.0, 9.0], [2.2, 9.2])
    assert (high, low, volume) == ([3.5, 9.5], [0.5, 8.5], [7.0, 8.0])


def test_a_minute_whose_weights_are_nothing_is_dropped() -> None:
    rows = columns_from([[0.0], [1.0], [1.0], [1.0], [1.0], [5.0]])
    assert merge_weighted([(0.0, rows)])[0].shape == (0,)
    merged = merge_weighted([(0.0, rows), (2.0, rows)])
    assert [column.tolist() for column in merged] == [[0.0], [1.0], [1.0], [1.0], [1.0], [10.0]]


def test_means_and_averages_of_nothing_are_nothing() -> None:
    assert mean_and_deviation(np.empty(0)) == (0.0, 0.0)
    assert moving_averages(np.ones(3), 4).shape == moving_averages(np.ones(3), 0).shape == (0,)


# ranges


@pytest.mark.parametrize("trend", [40.0, 60.0])
def test_the_bounds_of_the_neutral_zone_already_trend(trend: float) -> None:
    assert compute_range(1.0, (10.0, 50.0, trend), DEFAULTS).kind == ("bearish" if trend == 40.0 else "bullish")


def test_a_bearish_bias_stretches_downwards() -> None:
    found = compute_range(100.0, (10.0, 30.0, 20.0), DEFAULTS)
    assert found.trend_bias < 0
    assert 100.0 - found.lower > found.upper - 100.0
    width = 100.0 * (0.0005 + 0.0275 * math.exp(-0.4 * 10.0 / 300.0))
    assert (100.0 - found.lower) * (found.upper - 100.0) == pytest.approx(width**2)


def test_a_price_of_nothing_has_a_range_of_nothing() -> None:
    found = compute_range(0.0, (10.0, 50.0, 50.0), DEFAULTS)
    assert (found.lower, found.upper) == (0.0, 0.0)
    assert math.isnan(found.breadth_frac)
    assert range_to_ticks(0.0, 1.0, 10) == (price_to_tick(1e-18) // 10 * 10, 0)


def test_ranges_without_width_diverge_wholly_or_not_at_all() -> None:
    assert bounds_divergence(1.0, 1.0, 2.0, 2.0) == 0.0
    assert bounds_divergence(1.0, 1.0, 1.0, 2.0) == 1.0
    assert bounds_divergence(1.0, 2.0, 1.5, 1.5) == 1.0
    # A reversed range has a negative width in the reference: it counts as close to everything.
    assert bounds_divergence(2.0, 1.0, 1.0, 2.0) == -2.0


# allocation


def test_no_pool_or_none_that_yields_takes_nothing() -> None:
    assert water_fill([], 3, 1e4) == ()
    assert water_fill(pools((0.0, 1e6), (-0.1, 1e6)), 3, 1e4) == ()
    assert water_fill(pools((0.1, 1e6)), 0, 1e4) == ()
    assert weighted_apr(()) == 0.0


def test_one_pool_takes_all_at_its_undiluted_yield() -> None:
    assert water_fill(pools((0.1, 0.0), (0.0, 1e6)), 3, 1e4)[0] == Share(
        pool="0", chain=1, share_frac=1.0, expected_apr=0.1
    )


def test_equal_pools_share_equally_and_yields_below_the_lowest_level_get_nothing() -> None:
    found = water_fill(pools((0.1, 1e4), (0.1, 1e4), (0.1, 1e4)), 3, 1e4)
    assert [share.share_frac for share in found] == pytest.approx([1 / 3] * 3)
    assert [share.expected_apr for share in found] == pytest.approx([0.075] * 3)
    assert water_fill(pools((9e-5, 1e6), (8e-5, 1e6)), 3, 1e4) == ()


def test_pools_without_tvl_and_no_capital_do_not_raise() -> None:
    assert water_fill(pools((0.2, 0.0), (0.1, 0.0)), 3, 1e4) == ()
    assert len(water_fill(pools((0.2, 1e6), (0.1, 1e6)), 3, 0.0)) <= 2


# analyses


def snapshot(volume: float, tvl: float = 1e6, fee: float = 5e-4, pool: str = "a") -> SeedSnapshot:
    return SeedSnapshot(pool=pool, chain=1, volume_24h_usd=volume, tvl_usd=tvl, fee_frac=fee, exchange_rate=1.0)


def test_a_negative_difference_of_volumes_falls_back_to_a_share_of_the_day() -> None:
    forces = (10.0, 50.0, 50.0)
    for previous, volume in ((90.0, 6.0), (96.0, 0.0), (100.0, 1.0)):
        (found,) = analyse_pools([snapshot(96.0)], {"1:a": previous}, forces, 900)
        assert found.interval_volume_usd == volume
    (found,) = analyse_pools([snapshot(96.0)], {}, forces, 900)
    assert found.interval_volume_usd == 1.0


def test_unknown_fee_and_tvl_take_the_references_defaults() -> None:
    (found,) = analyse_pools([snapshot(96.0, tvl=0.0, fee=0.0)], {}, (10.0, 50.0, 50.0), 900)
    assert (found.fee_frac, found.tvl_usd) == (0.0005, 1.0)
    assert analyse_pools([], {}, (10.0, 50.0, 50.0), 900) == ()


def test_equal_yields_keep_their_order_and_no_interval_is_no_error() -> None:
    same = [snapshot(96.0, pool=name) for name in "abc"]
    assert [one.pool for one in analyse_pools(same, {}, (10.0, 50.0, 50.0), 900)] == ["a", "b", "c"]
    assert math.isnan(analyse_pools(same[:1], {}, (10.0, 50.0, 50.0), 0)[0].apr)


# decision


def position(apr: float = 0.1, value: float = 10_000.0, position_id: str = "7", upper: int = 100) -> SeedPosition:
    return SeedPosition(
        pool="a",
        chain=1,
        position_id=position_id,
        tick_lower=-100,
        tick_upper=upper,
        entry_apr=apr,
        entry_value_usd=value,
    )


CALM = (10.0, 50.0, 50.0)
RULES = SeedRules(pra_threshold=0.05, rs_threshold=0.25)


def wanting(apr: float) -> list[Share]:
    return [Share(pool="b", chain=1, share_frac=1.0, expected_apr=apr)]


def test_the_hold_ends_exactly_after_twelve_hours() -> None:
    hold = 12 * 3_600_000
    for age, kind in ((hold - 1, DecisionKind.HOLD), (hold, DecisionKind.PRA)):
        assert decide(hold * 2, hold * 2 - age, wanting(0.2), [], CALM, 1.0, RULES).kind is kind
    assert decide(0, None, wanting(0.2), [], CALM, 1.0, RULES).kind is DecisionKind.PRA


def test_without_a_yield_of_now_the_gain_must_exceed_half_a_percent() -> None:
    assert decide(0, None, wanting(0.005), [], CALM, 1.0, RULES).improvement == 0.0
    assert decide(0, None, wanting(0.0051), [], CALM, 1.0, RULES).improvement == 1.0


def test_a_refused_reallocation_hides_a_needed_shift() -> None:
    rules = SeedRules(pra_threshold=0.05, rs_threshold=0.25, gas_cost_usd=50.0, position_value_usd=10_000.0)
    found = decide(0, None, wanting(0.2), [position()], CALM, 1.5, rules)
    assert (found.kind, found.gate) == (DecisionKind.HOLD, "pra_gas")


def test_bins_never_shift_and_a_shift_must_pay() -> None:
    assert decide(0, None, [], [position(position_id="lb:1")], CALM, 1.5, RULES).gate == "nothing_to_do"
    assert decide(0, None, [], [position()], CALM, 1.5, RULES).kind is DecisionKind.RS
    dear = SeedRules(pra_threshold=0.05, rs_threshold=0.25, gas_cost_usd=10.0, position_value_usd=10_000.0)
    assert decide(0, None, [], [position()], CALM, 1.5, dear).gate == "rs_gas"
    # A position without a value passes any gate.
    assert decide(0, None, [], [position(value=0.0)], CALM, 1.5, dear).kind is DecisionKind.RS


def test_positions_without_value_count_alike() -> None:
    held = [position(0.1, 0.0), position(0.3, 0.0)]
    assert decide(0, None, [], held, CALM, 1.0, RULES).current_apr == pytest.approx(0.2)
    assert [share.share_frac for share in current_allocations(held)] == [0.5, 0.5]
    assert current_allocations([]) == ()


# regime, kill-switches, search


def test_an_hour_is_needed_for_a_regime() -> None:
    jump = minutes(60)
    jump[4][-1] = 1.1
    assert detect_regime(jump, 5, stable=True).suppress_until_epoch == 9
    assert not detect_regime(columns_from([column[1:].tolist() for column in jump]), 5, stable=True).suppressed


def test_stables_are_displaced_beyond_two_percent_and_volumes_of_nothing_are_no_anomaly() -> None:
    for move, suppressed in ((0.0199, False), (0.0201, True)):
        jump = minutes(60, price=1.0, volume=0.0)
        jump[4][-1] = 1.0 + move
        assert detect_regime(jump, 5, stable=True).suppressed is suppressed
        assert not detect_regime(jump, 5, stable=False).suppressed


def test_a_spike_needs_more_than_ten_hours_of_history() -> None:
    for hours, suppressed in ((10, False), (12, True)):
        series = minutes(hours * 60, spread=1e-5)
        series[2][-60:] = 1.01
        series[3][-60:] = 0.99
        assert detect_regime(series, 1, stable=True).suppressed is suppressed


def test_kill_switches_are_strict_and_in_order() -> None:
    hour = 3_600_000
    now, wide = 10 * hour, RangeParams()
    assert kill_reason(now, [-1.0] * 23, [], 0.0, 1e4, wide) == ""
    assert kill_reason(now, [0.0] * 24, [], 0.0, 1e4, wide) == ""
    assert kill_reason(now, [1e9, *[-1.0] * 24], [now] * 9, 1e9, 1e4, wide) == "negative_trailing_yield"
    assert kill_reason(now, [], [now] * 8, 0.0, 1e4, wide) == ""
    assert kill_reason(now, [], [now - 4 * hour] * 9, 0.0, 1e4, wide) == ""
    assert kill_reason(now, [], [now] * 9, 0.0, 1e4, wide) == "excessive_rs"
    narrow = RangeParams(base_min_frac=0.005, base_max_frac=0.0059)
    assert kill_reason(now, [], [], 1e9, 1e4, narrow) == "pathological_range"
    assert kill_reason(now, [], [], 500.0, 1e4, wide) == ""
    assert kill_reason(now, [], [], 500.1, 1e4, wide) == "gas_budget_exceeded"
    assert kill_reason(now, [], [], 500.1, 0.0, wide) == ""


def test_a_search_where_nothing_can_be_scored_shrinks_until_its_budget_ends() -> None:
    found = nelder_mead(lambda _: -math.inf, START)
    assert found.fitness == -math.inf
    assert 100 < found.evaluations <= 300


def test_a_search_on_a_plain_stops_at_once_and_starts_within_the_bounds() -> None:
    found = nelder_mead(lambda _: 1.0, (1.0, 1.0, 1.0, 1e9, 1.0))
    assert found.evaluations == 6
    assert all(low <= x <= high for x, low, high in zip(found.best, LOWER_BOUNDS, UPPER_BOUNDS, strict=True))


# amounts


def test_amounts_are_whole_and_round_as_the_executor_rounds() -> None:
    assert after_slippage(199, 50) == 199
    assert after_slippage(200, 50) == 199
    assert scaled(10**30, 1 / 3) == 333_333_333 * 10**21
    assert sorted_tokens(("0xB", "0xa"), (1, 2)) == (("0xa", "0xB"), (2, 1))


def test_loss_against_holding_is_none_at_the_entry_price_or_where_a_price_is_unknown() -> None:
    assert impermanent_loss_usd([(2.0, 100.0)], 2.0) == 0.0
    assert impermanent_loss_usd([(0.0, 100.0), (1.0, 100.0)], 0.0) == 0.0
    assert impermanent_loss_usd([(1.0, 100.0)], 4.0) == pytest.approx(20.0)
