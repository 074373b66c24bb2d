"""Capital of a chain on which nothing may be placed crosses to others, on real contracts, while one bridge is stuck.

The decision is the product's own, on yields of the local pools; only the forces are given.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alm_core.execution.saga import PlanExecutor
from alm_core.execution.transfers import value_in_transit
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, Move
from alm_core.model.epochs import EPOCH_LENGTH, Epoch, floor_to_epoch
from alm_core.model.market import MarketSnapshot, PoolRefusal
from alm_core.model.past import PastEpochs
from alm_core.model.signals import Forces, ForceSignals, OptimizedRange, RangeParams
from alm_core.model.transactions import Action, ExecutionReport, IntentState
from alm_core.model.transfers import BridgeTransfer, TransferState
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.valuation import idle_usd, nav_usd, prices_usd
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.bridges import BridgeFate
from alm_resources.dex.passages import Passages
from alm_resources.lifi import LifiClient, LifiCosts
from alm_tests.chaos.scene import LIMITS, PAIR, Scene, range_around

pytestmark = pytest.mark.chain

START_AT = datetime.fromisoformat("2026-11-01T06:00:00+00:00")
BASE, ARBITRUM, BSC = 8453, 42161, 56
CONFIG = StrategyConfig(
    min_hold=timedelta(0), day_budget_frac=0.05, lvr_weight=0.0, min_apr_gain=0.0, min_move_frac=0.2
)
FREE: LimitsConfig = replace(LIMITS, max_day_bridge_frac=1.0)


class Memory:
    """What a hot state remembers of quotes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, ...]] = {}

    def store_screen(self, key: str, reasons: tuple[str, ...], ttl_s: int) -> None:
        self._kept[key] = tuple(reasons)

    def read_screen(self, key: str) -> tuple[str, ...] | None:
        return self._kept.get(key)


@dataclass
class Rig:
    """One process of the product on three chains, epoch by epoch; :meth:`killed` is the next process."""

    localnet: Localnet
    journal_file: Path
    bridging: bool = False
    past: list[MarketSnapshot] = field(default_factory=list)
    price: float = 0.0

    def __post_init__(self) -> None:
        self.scene = Scene(self.localnet, self.journal_file)
        from alm_resources.registry import load_registry

        self.lifi = LifiClient.from_registry(load_registry(self.localnet.registry_file))
        self.scene.reader._transit = self.in_transit
        self.scene.reader._passages = Passages(LifiCosts(self.lifi, Memory()))

    def in_transit(self, pair_id: str, wallet: str, pools: object, heads: object) -> object:
        scene = self.scene
        return value_in_transit(scene.journal, scene.chains, self.lifi, scene.pools, pair_id, wallet, heads)

    def killed(self) -> "Rig":
        self.scene.close()
        return Rig(self.localnet, self.journal_file, self.bridging, self.past, self.price)

    def snapshot(self) -> MarketSnapshot:
        seen = self.scene.snapshot(floor_to_epoch(self.localnet.now))
        refused = [one for one in self.scene.pools if one.chain_id == BSC]
        return replace(seen, refusals=tuple(PoolRefusal(pool_id=one.pool_id, reason="left out") for one in refused))

    def next_epoch(self) -> tuple[AllocationPlan, ExecutionReport]:
        self.localnet.advance_to(floor_to_epoch(self.localnet.now) + EPOCH_LENGTH)
        snapshot = self.snapshot()
        plan = self.plan(snapshot)
        report = self.executor().execute(plan, snapshot)
        self.past.append(snapshot)
        return plan, report

    def plan(self, snapshot: MarketSnapshot) -> AllocationPlan:
        price = self.scene.price(snapshot)
        forces = Forces(volatility=10.0, momentum=50.0, trend=50.0, sigma_annual_frac=0.3)
        signals = ForceSignals(
            pair=PAIR,
            epoch_at=snapshot.epoch_at,
            price=price,
            candles_used=43_200,
            composite=forces,
            timeframes={"M15": forces, "H1": forces, "H4": forces},
        )
        optimized = OptimizedRange(
            pair=PAIR,
            epoch_at=snapshot.epoch_at,
            success=True,
            reason="",
            params=RangeParams(base_min_frac=0.01, base_max_frac=0.2),
            price_range=range_around(price, 0.05),
            fitness=0.1,
            baseline_fitness=0.0,
            evaluations=1,
        )
        epoch = Epoch(pair=PAIR, epoch_at=snapshot.epoch_at)
        config = replace(CONFIG, bridging=self.bridging)
        past = PastEpochs(snapshots=tuple(self.past), last_rebalance_at=None)
        return plan_allocation(epoch, signals, optimized, snapshot, past, config, FREE, "1", "2")

    def executor(self) -> PlanExecutor:
        made = self.scene.executor()
        return PlanExecutor(
            chains=made._chains,
            adapters=made._adapters,
            swaps=made._swaps,
            signer=made._signer,
            journal=made._journal,
            limits=FREE,
            allow_list=made._allow_list,
            bridges=self.lifi,
        )

    def nav_usd(self) -> float:
        """Value of everything at the price of the first look: what changes is what was lost or found."""
        snapshot = self.snapshot()
        assert snapshot.problems == ()
        self.price = self.price or self.scene.price(snapshot)
        return nav_usd(replace(snapshot, quote_usd=1.0), self.price, self.scene.pools)

    def idle_frac(self) -> float:
        snapshot = self.snapshot()
        price = self.scene.price(snapshot)
        prices = prices_usd(snapshot, price)
        idle = 0.0
        for holdings in snapshot.holdings:
            own = [pool for pool in self.scene.pools if pool.chain_id == holdings.block.chain_id]
            idle += idle_usd(holdings, own, prices).total
        return idle / nav_usd(snapshot, price, self.scene.pools)

    def transfers(self) -> tuple[BridgeTransfer, ...]:
        return self.scene.journal.read_transfers(PAIR, self.scene.wallet, open_only=False)


@pytest.fixture(scope="module")
def standing() -> Iterator[Localnet]:
    config = LocalnetConfig(start_at=START_AT, chains=(BASE, ARBITRUM, BSC))
    with Localnet(config=config) as localnet:
        yield localnet


@pytest.fixture
def rig(standing: Localnet, tmp_path: Path) -> Iterator[Rig]:
    """Three chains as they began, a wallet whose books begin with this test."""
    with standing.restored():
        rig = Rig(standing, tmp_path / "journal.db")
        yield rig
        rig.scene.close()


@pytest.fixture
def placed(rig: Rig) -> Rig:
    """Capital placed on two chains of three, with a few epochs of yields; nothing may be placed on the third."""
    for _ in range(3):
        _, report = rig.next_epoch()
        assert report.halted is None, report.halted
    assert rig.idle_frac() == pytest.approx(1 / 3, abs=0.03)
    return rig


def test_capital_that_no_pool_of_its_chain_takes_crosses_and_is_placed_though_one_bridge_is_stuck(placed: Rig) -> None:
    rig = placed
    before = rig.nav_usd()
    rig.bridging = True
    rig.localnet.bridges.fates = [BridgeFate(outcome="stuck"), BridgeFate(outcome="arrives", minutes=5)]
    plan, report = rig.next_epoch()
    assert report.halted is None, report.halted
    (move,) = plan.moves
    assert move.from_chain == BSC
    assert move.share_frac == pytest.approx(1.0)
    sent = [one for one in report.transactions if one.action is Action.BRIDGE]
    assert [one.state for one in sent] == [IntentState.FINAL_OK] * 2
    assert rig.nav_usd() == pytest.approx(before, rel=0.004)

    rig = rig.killed()
    _, report = rig.next_epoch()
    assert report.halted is None, report.halted
    states = {one.asset: one.state for one in rig.transfers()}
    assert states == {"base": TransferState.IN_TRANSIT, "quote": TransferState.ARRIVED}
    assert rig.nav_usd() == pytest.approx(before, rel=0.004)
    for _ in range(4):
        _, report = rig.next_epoch()
        assert report.halted is None, report.halted
        assert rig.nav_usd() == pytest.approx(before, rel=0.006)
    assert rig.idle_frac() < 0.05, "what has arrived is placed"

    (stuck,) = [one for one in rig.transfers() if one.asset == "base"]
    rig.localnet.bridges.doom(stuck.tx_hash or "", BridgeFate(outcome="arrives"))
    rig.localnet.bridges.deliver()
    for _ in range(2):
        _, report = rig.next_epoch()
        assert report.halted is None, report.halted
    assert {one.state for one in rig.transfers()} == {TransferState.ARRIVED}
    assert rig.idle_frac() < 0.05
    assert rig.nav_usd() == pytest.approx(before, rel=0.008)
    assert all(one.green for one in report.reconciliations)


def sent_half(rig: Rig, fate: BridgeFate) -> None:
    """Send half of what is on one chain: base meets a fate, quote arrives."""
    rig.localnet.bridges.fates = [fate, BridgeFate(minutes=5)]
    snapshot = rig.snapshot()
    move = Move(from_chain=BSC, to_chain=BASE, share_frac=0.5, capital_usd=1_000.0)
    plan = replace(rig.scene.plan_of(snapshot, DecisionKind.PRA, (), ()), moves=(move,))
    report = rig.executor().execute(plan, snapshot)
    assert report.halted is None, report.halted


def held(rig: Rig) -> ExecutionReport:
    rig.localnet.advance_to(floor_to_epoch(rig.localnet.now) + EPOCH_LENGTH)
    snapshot = rig.snapshot()
    return rig.executor().execute(rig.scene.hold(snapshot), snapshot)


@pytest.mark.parametrize(
    ("fate", "state", "kept"),
    [
        (BridgeFate(outcome="short", minutes=1, delivered_frac=0.9), TransferState.PARTIAL, 1 - 0.1 / 12),
        (BridgeFate(outcome="refunded", minutes=1), TransferState.REFUNDED, 1.0),
        (BridgeFate(minutes=1, hidden_minutes=90), TransferState.ARRIVED, 1.0),
        (BridgeFate(minutes=1, says=("FAILED", "")), TransferState.ARRIVED, 1.0),
        (BridgeFate(outcome="stuck", says=("DONE", "COMPLETED")), TransferState.IN_TRANSIT, 1.0),
        (BridgeFate(outcome="stuck", hidden_minutes=90), TransferState.IN_TRANSIT, 1.0),
        (BridgeFate(outcome="stuck", says=("FAILED", "EXPIRED")), TransferState.MANUAL, 1.0),
    ],
    ids=str,
)
def test_each_fate_of_a_transfer_ends_as_the_chains_show_it(
    rig: Rig, fate: BridgeFate, state: TransferState, kept: float
) -> None:
    before = rig.nav_usd()
    sent_half(rig, fate)
    assert rig.nav_usd() == pytest.approx(before, rel=0.002)
    for _ in range(4):
        report = held(rig)
        assert report.halted is None, report.halted
    states = {one.asset: one.state for one in rig.transfers()}
    assert states == {"base": state, "quote": TransferState.ARRIVED}
    assert rig.nav_usd() == pytest.approx(before * kept, rel=0.002)
    assert all(one.green for one in report.reconciliations)
    for chain_id in (BASE, BSC):
        deposits = rig.scene.journal.read_ledger_sums(chain_id, rig.scene.wallet, kind="deposit")
        assert all(amount == 0 for amount in deposits.values())
