"""Three ways to know a pool's minutes: by its swaps, by the growth of its fees, by a data service's figures."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from alm_core.math.tick import Q128
from alm_core.model.candles import MINUTE_MS
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool
from alm_core.ranges.position import concentration
from alm_core.simulation.minute_rules import MinuteCosts
from alm_core.simulation.minute_run import Start, simulate_fixed
from alm_core.simulation.minute_sources import (
    TVL_CONCENTRATIONS,
    SwapMinutes,
    minutes_from_figures,
    minutes_from_readings,
    minutes_from_swaps,
)
from alm_core.simulation.minute_ticks import grid_of, prices_at_ticks
from alm_tests.core.forces.tapes import END_AT, walk
from alm_tests.core.portfolio.scene import Scene, pool
from alm_tests.core.simulation.minute_scenes import figures, opening_and_closes

DATA = Path(os.environ.get("ALM_REFERENCE_DATA", "../shared/data"))
START_MS = int(END_AT.timestamp() * 1000)
COSTS = MinuteCosts(swap_fee_frac=5e-4, impact=0.0)
VOLATILE = TVL_CONCENTRATIONS["volatile"]


def swaps(of: Pool, count: int = 60, missing: tuple[int, ...] = ()) -> SwapMinutes:
    random = np.random.default_rng(3)
    kept = np.array([row for row in range(count) if row not in missing])
    middle = 200_000 if not of.base_is_token0 else -200_000
    tick = middle + np.cumsum(random.integers(-5, 6, count))
    base = [int(amount) * 10**15 for amount in random.integers(0, 9000, count)]
    quote = [int(amount) * 10**6 for amount in random.integers(0, 20_000, count)]
    amounts = (base, quote) if of.base_is_token0 else (quote, base)
    return SwapMinutes(
        ts_ms=START_MS + MINUTE_MS * kept,
        open_tick=middle,
        close_tick=tick[kept],
        in_amount0=[amounts[0][row] for row in kept],
        in_amount1=[amounts[1][row] for row in kept],
        liquidity=[10**18 + 10**15 * int(row) for row in kept],
    )


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_exact_minutes_are_amounts_times_fee(base_is_token0: bool) -> None:
    of = pool(base_is_token0=base_is_token0)
    known = swaps(of)
    market = minutes_from_swaps(of, known, 60)
    base, quote = (known.in_amount0, known.in_amount1) if base_is_token0 else (known.in_amount1, known.in_amount0)
    assert market.fee_base == pytest.approx([amount / 1e18 * 5e-4 for amount in base], rel=1e-15)
    assert market.fee_quote == pytest.approx([amount / 1e6 * 5e-4 for amount in quote], rel=1e-15)
    assert market.liquidity == pytest.approx([raw / 1e12 for raw in known.liquidity], rel=1e-15)
    assert market.tick.tolist() == [known.open_tick, *known.close_tick.tolist()]
    assert market.root**2 == pytest.approx(prices_at_ticks(market.tick, grid_of(of)), rel=1e-14)
    assert market.source == "exact"
    assert market.fee_error_frac == 0.0
    assert market.problem == ""


def test_both_token_orders_of_one_history_give_one_result() -> None:
    """Mirrored ticks differ by one at the ends of a range, which the pool leaves out at its upper end."""
    order0, order1 = (pool(base_is_token0=one) for one in (True, False))
    known = swaps(order0)
    mirrored = replace(
        known,
        open_tick=-known.open_tick,
        close_tick=-known.close_tick,
        in_amount0=known.in_amount1,
        in_amount1=known.in_amount0,
    )
    first, second = minutes_from_swaps(order0, known, 60), minutes_from_swaps(order1, mirrored, 60)
    assert first.root == pytest.approx(second.root, rel=1e-13)
    found = [simulate_fixed(one, Start(capital=1e4), COSTS, 500, reset=False) for one in (first, second)]
    assert found[0].final == pytest.approx(found[1].final, rel=1e-12)
    assert found[0].fees == pytest.approx(found[1].fees, rel=1e-12)


def test_missing_minutes_keep_tick_and_liquidity_and_have_no_fees() -> None:
    of = pool()
    whole, holed = minutes_from_swaps(of, swaps(of), 60), minutes_from_swaps(of, swaps(of, missing=(7, 8, 59)), 60)
    for row in (7, 8, 59):
        assert holed.fee_base[row] == holed.fee_quote[row] == 0.0
    assert holed.tick[8] == holed.tick[9] == whole.tick[7]
    assert holed.liquidity[7] == holed.liquidity[8] == whole.liquidity[6]
    assert holed.fee_base[9] == whole.fee_base[9]
    assert holed.tick[60] == whole.tick[59]


def test_own_liquidity_is_taken_out_and_protocol_fees_too() -> None:
    of = pool()
    known = swaps(of)
    ours = minutes_from_swaps(of, known, 60, own_liquidity=[10**17] * 60, protocol_fee_frac=(0.25, 0.1))
    plain = minutes_from_swaps(of, known, 60)
    assert ours.liquidity == pytest.approx(plain.liquidity - 1e5, rel=1e-12)
    assert ours.fee_base == pytest.approx(plain.fee_base * 0.75, rel=1e-12)
    assert ours.fee_quote == pytest.approx(plain.fee_quote * 0.9, rel=1e-12)


def test_swaps_that_are_not_in_order_are_refused() -> None:
    of = pool()
    known = swaps(of)
    with pytest.raises(InvalidInput, match="ascending"):
        minutes_from_swaps(of, replace(known, ts_ms=known.ts_ms[::-1]), 60)
    with pytest.raises(InvalidInput, match="ascending"):
        minutes_from_swaps(of, replace(known, ts_ms=known.ts_ms + 1), 60)
    with pytest.raises(InvalidInput, match="columns of"):
        minutes_from_swaps(of, replace(known, liquidity=known.liquidity[1:]), 60)
    with pytest.raises(InvalidInput, match="0 wanted"):
        minutes_from_swaps(of, known, 0)


def readings(of: Pool, known: SwapMinutes, every: int) -> list[PoolState]:
    """What the pool would have shown every few minutes, had its liquidity been constant."""
    template = Scene(base_is_token0=of.base_is_token0).state(0, END_AT)
    found = []
    liquidity = 10**18
    for minute in range(0, len(known.ts_ms) + 1, every):
        grown = [
            sum(column[:minute]) * 500 // 10**6 * Q128 // liquidity for column in (known.in_amount0, known.in_amount1)
        ]
        block = Block(
            chain_id=of.chain_id,
            number=1000 + minute,
            block_hash=None,
            block_at=END_AT + timedelta(minutes=minute),
        )
        found.append(
            replace(
                template,
                pool=of,
                block=block,
                liquidity=liquidity,
                fee_growth_global0_x128=(grown[0] + 2**256 - 5) % 2**256,
                fee_growth_global1_x128=grown[1],
            )
        )
    return found


@pytest.mark.parametrize("base_is_token0", [True, False])
@pytest.mark.parametrize("every", [1, 5, 15])
def test_fee_growth_between_readings_gives_the_fees_of_the_swaps(base_is_token0: bool, every: int) -> None:
    of = pool(base_is_token0=base_is_token0)
    known = replace(swaps(of), liquidity=[10**18] * 60)
    exact = minutes_from_swaps(of, known, 60)
    price = prices_at_ticks(exact.tick, grid_of(of))
    grown = minutes_from_readings(of, readings(of, known, every), START_MS, price)
    assert grown.source == "fee growth"
    assert grown.liquidity == pytest.approx(exact.liquidity, rel=1e-9)
    assert np.abs(grown.tick - exact.tick).max() <= 1
    for name in ("fee_base", "fee_quote"):
        by_interval = [getattr(one, name).reshape(-1, every).sum(axis=1) for one in (grown, exact)]
        # The growth and the fees of an interval are each rounded down by up to one raw unit of 1e-6.
        assert by_interval[0] == pytest.approx(by_interval[1], rel=1e-12, abs=2.1e-6)
        spread = getattr(grown, name).reshape(-1, every)
        assert spread == pytest.approx(np.repeat(spread[:, :1], every, axis=1), rel=1e-6, abs=1e-12)


def test_a_position_earns_the_same_by_swaps_and_by_fee_growth() -> None:
    of = pool()
    known = replace(swaps(of), liquidity=[10**18] * 60)
    exact = minutes_from_swaps(of, known, 60)
    grown = minutes_from_readings(of, readings(of, known, 1), START_MS, prices_at_ticks(exact.tick, grid_of(of)))
    found = [simulate_fixed(one, Start(capital=1e4), COSTS, 600, reset=False) for one in (exact, grown)]
    assert found[0].fees > 0.1
    assert found[1].fees == pytest.approx(found[0].fees, rel=1e-5)


def test_own_liquidity_among_readings_is_taken_out() -> None:
    of = pool()
    known = replace(swaps(of), liquidity=[10**18] * 60)
    shown = readings(of, known, 15)
    price = prices_at_ticks(minutes_from_swaps(of, known, 60).tick, grid_of(of))
    plain = minutes_from_readings(of, shown, START_MS, price)
    ours = minutes_from_readings(of, shown, START_MS, price, own_liquidity=[4 * 10**17] * len(shown))
    assert ours.liquidity == pytest.approx(0.6 * plain.liquidity, rel=1e-12)
    assert np.array_equal(ours.fee_base, plain.fee_base)


def test_minutes_that_readings_do_not_enclose_are_refused_not_free_of_fees() -> None:
    of = pool()
    known = swaps(of)
    shown = readings(of, known, 15)
    price = np.full(62, 2000.0)
    with pytest.raises(InvalidInput, match="do not enclose 61 minutes"):
        minutes_from_readings(of, shown, START_MS, price)
    with pytest.raises(InvalidInput, match="do not enclose"):
        minutes_from_readings(of, shown, START_MS - MINUTE_MS, price[:-1])
    with pytest.raises(InvalidInput, match="1 readings"):
        minutes_from_readings(of, shown[:1], START_MS, price[:-1])
    with pytest.raises(InvalidInput, match="not later"):
        minutes_from_readings(of, [shown[0], shown[2], shown[1], *shown[3:]], START_MS, price[:-1])


def test_aggregate_minutes_spread_the_volume_of_a_day_and_carry_their_error() -> None:
    of = pool()
    series = walk(1)
    price = opening_and_closes(series)
    market = minutes_from_figures(of, [figures(of, 14.4e6, 10e6)], int(series.ts_ms[0]), price, VOLATILE)
    fees = market.fee_base * price[:-1] + market.fee_quote
    assert fees == pytest.approx(np.full(1440, 14.4e6 * 5e-4 / 1440), rel=1e-12)
    assert market.fee_base * price[:-1] == pytest.approx(market.fee_quote, rel=1e-12)
    assert 2 * market.liquidity * market.root[:-1] == pytest.approx(np.full(1440, 10 * 10e6), rel=1e-12)
    found = simulate_fixed(market, Start(capital=1e4), COSTS, 300, reset=True)
    assert found.source == "aggregate"
    assert found.fees_low < found.fees < found.fees_high
    # A position small against the pool: fees are in inverse proportion to others' liquidity.
    small = simulate_fixed(market, Start(capital=1.0), COSTS, 300, reset=False)
    assert small.fees_high / small.fees == pytest.approx(1 + market.fee_error_frac, rel=1e-3)
    assert small.fees / small.fees_low == pytest.approx(1 + market.fee_error_frac, rel=1e-3)


def test_a_minute_has_the_latest_figures_known_then() -> None:
    of = pool()
    series = walk(1)
    start = END_AT - timedelta(days=1)
    early = replace(figures(of, 10e6), fetched_at=start - timedelta(hours=1))
    late = replace(figures(of, 20e6), fetched_at=start + timedelta(hours=6))
    market = minutes_from_figures(of, [early, late], int(series.ts_ms[0]), opening_and_closes(series), VOLATILE)
    assert market.fee_quote[359] == pytest.approx(10e6 * 5e-4 / 1440 / 2)
    assert market.fee_quote[360] == pytest.approx(20e6 * 5e-4 / 1440 / 2)
    only_late = minutes_from_figures(of, [late], int(series.ts_ms[0]), opening_and_closes(series), VOLATILE)
    assert only_late.fee_quote[0] == pytest.approx(20e6 * 5e-4 / 1440 / 2)


def test_an_unknown_figure_is_refused() -> None:
    of = pool()
    price = np.full(61, 2000.0)
    for name in ("volume_24h_usd", "tvl_usd", "quote_usd"):
        with pytest.raises(InvalidInput, match="must all be known"):
            minutes_from_figures(of, [replace(figures(of), **{name: None})], START_MS, price, VOLATILE)
    with pytest.raises(InvalidInput, match="no market figures"):
        minutes_from_figures(of, [], START_MS, price, VOLATILE)


def test_the_span_of_concentrations_is_that_of_the_ranges_named() -> None:
    stable = TVL_CONCENTRATIONS["stable"]
    for bound, half_width in (
        (VOLATILE.times * (1 + VOLATILE.error_frac), 0.04),
        (stable.times / (1 + stable.error_frac), 0.07),
        (stable.times * (1 + stable.error_frac), 7e-4),
    ):
        assert concentration(1.0, 1 - half_width, 1 + half_width) == pytest.approx(bound, rel=0.1)


@pytest.mark.reference
@pytest.mark.skipif(not DATA.exists(), reason="no reference data")
def test_the_recorded_distribution_of_a_pool_lies_within_the_error() -> None:
    """Active liquidity over all capital of a real pool, wherever the price were among its capital."""
    recorded = json.loads((DATA / "uniswap_events/degenbot_wbtc_weth_v3_snapshot.json").read_text())
    ends = sorted((int(tick), data["liquidity_net"]) for tick, data in recorded["tick_data"].items())
    edges = 1.0001 ** (np.array([tick for tick, _ in ends]) / 2)
    held = np.cumsum([net for _, net in ends])[:-1].astype(float)
    low, high = VOLATILE.times / (1 + VOLATILE.error_frac), VOLATILE.times * (1 + VOLATILE.error_frac)
    for price in np.linspace(12.0, 19.5, 16):
        root = np.sqrt(price * 1e10)
        at = np.clip(root, edges[:-1], edges[1:])
        capital = np.sum(held * ((1 / at - 1 / edges[1:]) * root**2 + at - edges[:-1]))
        active = 2 * held[np.searchsorted(edges, root) - 1] * root
        assert low < active / capital < high
