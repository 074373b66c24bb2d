"""The fault script: the same for a seed, never idle, and never so bad that the truth is not in the data."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.candles import CandleSeries
from alm_localnet import LocalnetConfig
from alm_localnet.fault_script import GECKO, FaultScript, described
from alm_localnet.market.truth import deviation
from alm_localnet.market.venues import SHARES
from alm_localnet.market.world import Market
from alm_localnet.servers.faults import SERVERS, Fault, Faults, FaultSwitch

MINUTE = 29_000_000
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


@given(seed=st.integers(0, 10**6), number=st.integers(0, 500))
def test_every_epoch_has_faults_that_leave_the_truth_in_a_majority(seed: int, number: int) -> None:
    faults = FaultScript(seed).faults_of(number, MINUTE)
    assert faults
    assert faults == FaultScript(seed).faults_of(number, MINUTE)
    assert set(faults) <= {*SHARES, GECKO}
    kinds = Counter(fault.kind for name, fault in faults.items() if name in SHARES)
    assert kinds["liar"] <= 1
    assert kinds["frozen"] <= 1
    assert kinds["liar"] + kinds["frozen"] <= 2
    assert len(SHARES) - kinds.total() >= 3
    assert number > 0 or kinds["slow"] == 0


@given(seed=st.integers(0, 10**6), number=st.integers(0, 500))
def test_gaps_and_freezes_fall_into_the_minutes_of_the_epoch(seed: int, number: int) -> None:
    for fault in FaultScript(seed).faults_of(number, MINUTE).values():
        if fault.kind == "gap":
            assert fault.from_minute is not None
            assert MINUTE <= fault.from_minute <= fault.from_minute + fault.gap_minutes <= MINUTE + 15
        if fault.kind == "frozen":
            assert fault.from_minute == MINUTE


def test_a_long_script_has_every_kind_and_half_of_the_sources_at_once() -> None:
    script = [FaultScript(7).faults_of(number, MINUTE) for number in range(300)]
    kinds = {fault.kind for faults in script for fault in faults.values()}
    assert kinds == {"status", "slow", "liar", "frozen", "gap", "open_candle"}
    statuses = {fault.status for faults in script for fault in faults.values() if fault.kind == "status"}
    assert statuses == {429, 500, 502, 503}
    assert {name for faults in script for name in faults} == {*SHARES, GECKO}
    assert 0.1 < sum(len(faults) == 4 for faults in script) / len(script) < 0.3
    assert any(set(faults) == {GECKO} for faults in script)


def test_switching_on_replaces_the_faults_of_the_epoch_before() -> None:
    faults, script = Faults(lambda: MINUTE), FaultScript(7)
    for number in range(10):
        on = script.switch_on(faults, number, MINUTE)
        assert {name for name in SERVERS if faults.switches[name].take("/anything")} == set(on)


def test_faults_are_told_in_words() -> None:
    faults = {
        "okx": Fault(kind="status", status=429),
        "mexc": Fault(kind="liar", offset_bps=-80),
        "gate": Fault(kind="gap", gap_minutes=4),
        "bybit": Fault(kind="frozen"),
    }
    assert described(faults) == "bybit frozen, gate gap of 4 min, mexc liar -80 bp, okx 429"


def test_a_fault_without_a_number_stays_until_cleared() -> None:
    switch = FaultSwitch(lambda: MINUTE)
    switch.set(Fault(kind="frozen", times=None))
    taken = [switch.take("/x") for _ in range(1000)]
    assert all(fault is not None and fault.from_minute == MINUTE for fault in taken)
    switch.set(None)
    assert switch.take("/x") is None


def test_deviation_finds_the_worst_minute_and_counts_the_missing() -> None:
    market = Market(LocalnetConfig(start_at=START_AT), START_AT)
    first = int(START_AT.timestamp()) // 60
    true = market.bars("WETH-USDC", first, first + 60).close
    close = true.copy()
    close[10] *= 1.00015
    close[20] *= 1.5
    filled = np.zeros(60, dtype=np.bool_)
    filled[20] = True
    keep = np.arange(60) != 30
    series = CandleSeries(
        ts_ms=(np.arange(first, first + 60) * 60_000)[keep],
        open=close[keep],
        high=close[keep],
        low=close[keep],
        close=close[keep],
        volume=np.ones(59),
        filled=filled[keep],
    )
    found = deviation(market, "WETH-USDC", series, START_AT, START_AT + timedelta(hours=1))
    assert (found.minutes, found.without_consensus) == (58, 2)
    assert found.largest_bps is not None
    assert abs(found.largest_bps - 1.5) < 1e-6
    assert found.worst_at == START_AT + timedelta(minutes=10)
    nothing = deviation(market, "WETH-USDC", series, START_AT + timedelta(hours=2), START_AT + timedelta(hours=3))
    assert (nothing.minutes, nothing.largest_bps, nothing.without_consensus) == (0, None, 60)
