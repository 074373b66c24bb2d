"""A backtest over what archive nodes tell afterwards, from real contracts on chains that are read at old blocks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from alm_core.model.backtest import BacktestConfig, BacktestEpoch
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, Epoch, floor_to_epoch
from alm_core.model.market import MarketSnapshot
from alm_core.policies.zoo import ZOO
from alm_localnet import Localnet
from alm_resources.chains import Web3Chain, chains_from
from alm_resources.history import HistoryStore
from alm_resources.history.archive import archive_of
from alm_resources.history.backtests import BacktestRun, RunSetup
from alm_resources.registry import Registry, load_registry
from alm_resources.registry.natives import native_sources
from alm_tests.chain.conftest import standing_localnet

__all__ = ["standing_localnet"]

pytestmark = pytest.mark.chain

PAIR, STABLES = "WETH-USDC", "USDC-USDT"
QUARTERS = 8
AVALANCHE = 43114
TOLD = {"assumed_quote_usd": 1.0, "assumed_native_usd": ((AVALANCHE, 30.0),)}
Recorded = tuple[HistoryStore, Registry, datetime]


@pytest.fixture(scope="module")
def recorded(standing_localnet: Localnet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Minutes of a month, and eight quarter hours read when they were long over."""
    store = HistoryStore(tmp_path_factory.mktemp("archive"))
    registry = load_registry(standing_localnet.registry_file)
    with standing_localnet.restored():
        first_at = floor_to_epoch(standing_localnet.now) + EPOCH_LENGTH
        end_at = first_at + QUARTERS * EPOCH_LENGTH
        standing_localnet.advance_to(end_at)
        chains = chains_from(registry)
        archive = archive_of(registry, chains)
        for pair in (PAIR, STABLES):
            store.write_candles(pair, minutes_of(standing_localnet, pair, end_at))
            for number in range(QUARTERS):
                snapshot = archive.read_past_snapshot(Epoch(pair=pair, epoch_at=first_at + number * EPOCH_LENGTH))
                assert store.write_epoch_once("pool_snapshots", snapshot)
        for chain in chains.values():
            assert isinstance(chain, Web3Chain)
            chain.close()
        yield store, registry, first_at


def minutes_of(localnet: Localnet, pair: str, end_at: datetime) -> CandleSeries:
    """What exchanges would tell of the market that the pools follow."""
    bars = localnet.market.bars(pair, localnet.market.first_minute, int(end_at.timestamp()) // 60)
    return CandleSeries(
        ts_ms=bars.minute * 60_000,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        filled=np.zeros(len(bars.minute), dtype=np.bool_),
    )


def lived(
    recorded: Recorded, root: Path, policy: str, pair: str = PAIR, **assumed: object
) -> tuple[BacktestRun, list[BacktestEpoch]]:
    """The epochs of a backtest of the day, oldest first."""
    store, registry, first_at = recorded
    config = BacktestConfig(pair=pair, policy=policy, native_from=native_sources(registry, pair), **assumed)  # type: ignore[arg-type]
    strategy = StrategyConfig(optimize=False)
    setup = RunSetup(config=config, strategy=strategy, limits=LimitsConfig(), code_version="1")
    day = first_at.astimezone(UTC).date()
    run = BacktestRun(store, root, setup, day)
    run.day(day)
    until = first_at + QUARTERS * EPOCH_LENGTH
    return run, [one for one in run.epochs(day, day) if one.epoch_at < until]


def moved(epochs: list[BacktestEpoch]) -> list[BacktestEpoch]:
    return [one for one in epochs if one.kind is not DecisionKind.HOLD]


@pytest.mark.parametrize("policy", ["default", *ZOO])
def test_whoever_decides_does_so_on_snapshots_that_were_read_afterwards(
    recorded: Recorded, tmp_path: Path, policy: str
) -> None:
    run, epochs = lived(recorded, tmp_path, policy, **TOLD)
    assert len(epochs) == QUARTERS
    assert all(one.plan is not None and one.nav_usd is not None for one in epochs)
    summary = run.summary(run.first_day)
    assert dict(text.rsplit(" (", 1) for text in summary.assumptions) == {
        "read at past blocks: without volumes, rewards, swap quotes and bridges of that time": f"{QUARTERS}x)",
        "USD per USDC assumed: 1": f"{QUARTERS}x)",
        f"USD per native coin of chain 1: closes of {PAIR}": f"{QUARTERS}x)",
        f"USD per native coin of chain 8453: closes of {PAIR}": f"{QUARTERS}x)",
        f"USD per native coin of chain {AVALANCHE} assumed: 30": f"{QUARTERS}x)",
    }
    if policy == "default":
        # Fees of this market do not pay for its loss to arbitrage: that is found from fee growth, not for want of data.
        assert {one.plan.decision.binding for one in epochs[1:] if one.plan is not None} == {"fees_below_lvr"}
    elif policy != "hodl":
        assert moved(epochs)
        assert min(summary.rebalances, summary.gas_usd, summary.fees_usd) > 0.0


def test_ours_acts_on_them_with_native_coins_valued_by_another_pair(recorded: Recorded, tmp_path: Path) -> None:
    run, epochs = lived(recorded, tmp_path, "default", STABLES, **TOLD)
    summary = run.summary(run.first_day)
    assert [one.kind for one in moved(epochs)] == [DecisionKind.PRA]
    assert f"USD per native coin of chain 1: closes of {PAIR} ({QUARTERS}x)" in summary.assumptions
    assert (summary.rebalances, summary.failures) == (1, 0)
    assert 0.0 < summary.gas_usd < 1.0
    assert summary.fees_usd > 0.0


def test_gas_is_what_the_blocks_say(recorded: Recorded) -> None:
    store, registry, first_at = recorded
    seen = [
        store.read_epoch("pool_snapshots", MarketSnapshot, PAIR, first_at + number * EPOCH_LENGTH)
        for number in range(QUARTERS)
    ]
    chains = chains_from(registry)
    for snapshot in seen:
        assert snapshot is not None
        assert snapshot.quote_usd is None
        for state in snapshot.chains:
            assert state.native_usd is None
            chain = chains[state.block.chain_id]
            assert isinstance(chain, Web3Chain)
            header = chain.read("eth_getBlockByNumber", hex(state.block.number), False)
            assert state.base_fee_wei == int(header["baseFeePerGas"], 16)  # type: ignore[index]
            chain.close()


def test_without_what_is_assumed_nothing_is_decided(recorded: Recorded, tmp_path: Path) -> None:
    run, epochs = lived(recorded, tmp_path, "wide")
    assert (epochs, run.begun_by(run.first_day)) == ([], False)
