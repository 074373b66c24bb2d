"""Against demeter 1.3.0 on the recorded minutes of a real pool, and what its conventions hide."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from alm_core.model.signals import RangeParams
from alm_core.simulation.minute_rules import Rule
from alm_core.simulation.minute_run import simulate_fixed, simulate_policy
from alm_core.simulation.minute_sources import minutes_from_swaps
from alm_core.simulation.minutes import MinuteMarket
from alm_core.simulation.tape import tape_from_candles
from alm_tests.bench import minute_share
from alm_tests.core.simulation import minute_twin
from alm_tests.core.simulation.recorded_pool import COSTS, POOL, RECORDED, START, recorded_candles, recorded_swaps

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not RECORDED.exists(), reason="no recorded minutes; point ALM_REFERENCE_DATA to them"),
]

DEMETER = [
    (1, "hold", 10, 9953.720253697613, 0),
    (1, "hold", 3000, 9913.442285172345, 0),
    (1, "reset", 10, 13109.50884771178, 664),
    (1, "reset", 50, 10299.32459180917, 121),
    (7, "hold", 105, 9794.878508894491, 0),
    (7, "reset", 15, 16948.61288571581, 2412),
    (7, "reset", 50, 10853.849978099965, 516),
    (7, "reset", 300, 9675.961314601216, 21),
    (20, "hold", 1000, 11210.081612266966, 0),
    (20, "reset", 10, 60949.551695900416, 8227),
    (20, "reset", 105, 11731.48425987003, 327),
    (20, "reset", 1000, 10360.287029420542, 4),
    (35, "hold", 50, 11207.892760821767, 0),
    (35, "hold", 300, 11565.311990581476, 0),
    (35, "hold", 3000, 10674.639396966091, 0),
    (35, "reset", 10, 93391.85584283578, 12913),
    (35, "reset", 300, 10577.686398853639, 68),
]
"""Days, mode, half width in ticks; what demeter made of 10,000 USDC, and how often it rebalanced."""


@cache
def recorded(days: int) -> MinuteMarket:
    return minutes_from_swaps(POOL, recorded_swaps(), days * 1440)


@pytest.mark.parametrize(("days", "mode", "width", "final", "rebalances"), DEMETER)
def test_the_simulator_equals_demeter(days: int, mode: str, width: int, final: float, rebalances: int) -> None:
    found = simulate_fixed(recorded(days), START, COSTS, width, reset=mode == "reset", as_demeter=True)
    # Demeter floors every amount to raw units: 1e-6 of a dollar per rebalance, in some thousands of them.
    assert found.final == pytest.approx(final, rel=1e-7)
    assert found.rebalances == rebalances


def test_the_program_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert minute_share.main(["--days", "1", "--mode", "reset", "--width-ticks", "50"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"final", "rebalances", "cpu_s"}
    assert found["final"] == pytest.approx(10299.32459180917, rel=1e-7)
    assert found["rebalances"] == 121
    assert found["cpu_s"] > 0


@pytest.mark.parametrize(("days", "width", "named"), [(36, 300, "--days 36"), (0, 300, "--days 0"), (1, 5, "5 ticks")])
def test_the_program_names_what_it_cannot_do(
    days: int, width: int, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert minute_share.main(["--days", str(days), "--mode", "hold", "--width-ticks", str(width)]) == 2
    said = capsys.readouterr()
    assert named in said.err
    assert said.out == ""


@pytest.mark.parametrize("reset", [True, False])
def test_real_minutes_equal_the_slow_twin(reset: bool) -> None:
    market = recorded(3)
    for ahead in (True, False):
        found = simulate_fixed(market, START, COSTS, 100, reset=reset, as_demeter=ahead)
        slow = minute_twin.fixed(market, POOL, START, COSTS, 100, reset=reset, ahead=ahead)
        assert found.nav == pytest.approx(slow.nav, rel=1e-9)
        assert (found.fees, found.lvr, found.swap) == pytest.approx((slow.fees, slow.lvr, slow.swap), rel=1e-9)


def test_acting_on_a_close_at_its_own_price_earns_less_than_acting_before_it_was_known() -> None:
    """Demeter recentres at the price before the move that it reacts to: of 68 rebalances none pays for its move."""
    market = recorded(35)
    known, early = (simulate_fixed(market, START, COSTS, 300, reset=True, as_demeter=ahead) for ahead in (False, True))
    assert known.final < 0.95 * early.final
    assert abs(known.rebalances - early.rebalances) <= 1


def test_the_policy_on_real_minutes_equals_its_slow_twin() -> None:
    market = recorded(12).with_forces(tape_from_candles(recorded_candles(12)))
    rule = Rule(min_hold_quarters=24, horizon_years=7 / 365.25, cost_multiple=1.0)
    params = RangeParams(base_min_frac=0.01, base_max_frac=0.1)
    for may_idle in (True, False):
        gated = replace(rule, may_idle=may_idle)
        found = simulate_policy(market, START, COSTS, params, gated)
        slow = minute_twin.policy(market, POOL, START, COSTS, [params], [0] * len(market.closes), gated)
        assert found.success, found.reason
        assert found.nav == pytest.approx(slow.nav, rel=1e-9)
        assert (found.fees, found.lvr, found.swap) == pytest.approx((slow.fees, slow.lvr, slow.swap), rel=1e-9)
        assert found.rebalances == max(0, slow.actions - 1)
    assert found.rebalances > 3


def test_the_table_of_the_decision_record_is_what_comes_out() -> None:
    record = Path(__file__).parents[3] / "docs" / "decisions" / "020-acting-on-a-close-at-its-own-price.md"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in record.read_text().splitlines()]
    rows = [row for row in rows if row and row[0].isdecimal()]
    assert len(rows) == 4
    for width, rebalances, early, known in rows:
        runs = [
            simulate_fixed(recorded(35), START, COSTS, int(width), reset=True, as_demeter=ahead)
            for ahead in (True, False)
        ]
        assert [f"{run.final:,.2f}" for run in runs] == [early, known]
        shown = rebalances.replace(",", "").split(" / ")
        assert [run.rebalances for run in runs] == [int(shown[0]), int(shown[-1])]


def test_missing_minutes_were_filled() -> None:
    swaps, market = recorded_swaps(), recorded(35)
    assert len(market) - len(swaps.ts_ms) == 10
    assert np.count_nonzero(market.fee_base + market.fee_quote) <= len(swaps.ts_ms)
