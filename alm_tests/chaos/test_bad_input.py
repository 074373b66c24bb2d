"""Bad input through the real path: exchanges, GeckoTerminal and nodes go wrong under an epoch run by Dagster.

Whatever goes wrong, the error names the source, the epoch holds, chain and books stay as they were, a person is told,
and the next epoch goes on as if nothing had happened.
"""

import json
import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import dagster as dg
import pytest

from alm_assets.resources import world_from_env
from alm_assets.runner import EpochRun, run_epoch
from alm_cli.home import open_instance
from alm_cli.verdict import verdict_of
from alm_core.model.candles import EXCHANGES
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.model.transactions import Intent, IntentState
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.config import WETH_USDC
from alm_localnet.servers.faults import Fault
from alm_resources.candles import CcxtCandleFeed
from alm_resources.world import World

pytestmark = pytest.mark.chain

PAIR = "WETH-USDC"
START_AT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
ETHEREUM, BASE = 1, 8453
UNTIL_CLEARED = 1_000_000


def fault(kind: str, **how: object) -> Fault:
    """A fault that stays until it is cleared."""
    return Fault(kind=kind, times=UNTIL_CLEARED, **how)


EXCHANGE_FAULTS = {
    "a candle with NaN": (fault("nan_candle"), r"minute 2026-11-01T\S+: close is [^;]*, not a finite number"),
    "a negative price": (fault("negative_price"), r"minute 2026-11-01T\S+: open is -[\d.]+, must be positive"),
    "reversed order": (fault("reversed_order"), r"minute \S+ follows \S+: rows must be (a|de)scending"),
    "status 429": (fault("status", status=429, retry_after_s=60), r"HTTP 429, (DDoSProtection|RateLimitExceeded): "),
    "status 500": (
        fault("status", status=500),
        r"HTTP 500, (OperationFailed|ExchangeError|ExchangeNotAvailable|OnMaintenance): ",
    ),
    "a timeout": (fault("hang", seconds=5.0), r"no answer, RequestTimeout"),
    "a dropped connection": (fault("drop"), r"no answer, (NetworkError|ExchangeNotAvailable)"),
    "no JSON": (fault("garbage"), r"(ETH/USDC|time): answer has an unknown shape: [^;]*<html>"),
}
every_exchange_fault = pytest.mark.parametrize(("bad", "said"), EXCHANGE_FAULTS.values(), ids=EXCHANGE_FAULTS)


@dataclass
class Stage:
    """A localnet, an instance and a home on which epochs of one pair follow each other."""

    localnet: Localnet
    instance: dg.DagsterInstance
    home: Path
    first: EpochRun | None = None

    def next_epoch(self) -> EpochRun:
        """Play a quarter hour and run the epoch at its end."""
        self.play_quarter_hour()
        return self.run_epoch()

    def play_quarter_hour(self) -> None:
        self.localnet.advance_to(self.localnet.now + EPOCH_LENGTH)

    def run_epoch(self) -> EpochRun:
        return run_epoch(self.instance, PAIR, self.localnet.now)

    def holdings(self, world: World) -> tuple[Holdings, ...]:
        """What the wallet owns on each chain at its last block; a transaction would have made a new block."""
        epoch = Epoch(pair=PAIR, epoch_at=self.localnet.now)
        snapshot = world.snapshots.read_snapshot(epoch, world.wallet_of(PAIR))
        assert snapshot.problems == ()
        return snapshot.holdings

    def nonces(self, world: World) -> list[str]:
        """Nonce of the wallet on every chain, pending transactions included."""
        wallet = world.wallet_of(PAIR)
        return [chain.rpc.call("eth_getTransactionCount", wallet, "pending") for chain in self.localnet.chains]

    def intents(self, world: World, run: EpochRun) -> list[Intent]:
        return list(world.journal.read_epoch_intents(run.epoch.epoch_id))

    def alerts(self, run: EpochRun) -> list[str]:
        """Texts of the alerts about an epoch."""
        file = self.home / "alerts.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [f"{line['title']}\n{line['body']}" for line in lines if run.epoch.epoch_id in line["title"]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Capital placed by a first epoch, during which GeckoTerminal knows no fee of any pool."""
    home = tmp_path_factory.mktemp("home")
    config = LocalnetConfig(start_at=START_AT, chains=(ETHEREUM, BASE), pairs=(WETH_USDC,))
    with (
        Localnet(tmp_path_factory.mktemp("two-chains"), config) as localnet,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("ALM_CONFIG", "ALM_ALERT_URLS", "ALM_JOURNAL_URL", "ALM_HISTORY_DIR", "ALM_HOT_STATE_URL"):
            patch.delenv(name, raising=False)
        for name, value in {**localnet.env(), "ALM_HOME": str(home)}.items():
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(home))
        # How often Dagster asks again is its own matter; how long it waits in between would be paid by every case.
        patch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)
        with open_instance(home) as instance:
            stage = Stage(localnet, instance, home)
            localnet.faults.geckoterminal = fault("null_fee")
            stage.first = stage.next_epoch()
            localnet.faults.clear()
            yield stage


@pytest.fixture
def world(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world of the stage, its exchanges asked with short timeouts; no fault outlives the test."""
    world = world_from_env()
    monkeypatch.setitem(vars(world), "candle_feed", CcxtCandleFeed(world.registry, timeout_s=1.0, attempts=2))
    yield world
    stage.localnet.faults.clear()


def assert_next_epoch_is_normal(stage: Stage, world: World) -> None:
    """The epoch after the fault has every minute as traded, sees no problem, and books equal the chains."""
    run = stage.next_epoch()
    assert run.success
    assert run.report.problems == ()
    assert run.report.reconciled is True
    assert run.report.nav_usd == pytest.approx(30_000, rel=0.2)
    assert stage.alerts(run) == []
    assert verdict_of(world, [run.report]).reconciled
    assert_every_minute_was_traded(stage, world)


def assert_every_minute_was_traded(stage: Stage, world: World) -> None:
    """History has all of the last hour, and none of it made up."""
    end_at = stage.localnet.now
    candles = world.history.read_candles(PAIR, end_at - timedelta(hours=1), end_at)
    assert len(candles) == 60
    assert not candles.filled.any()


def assert_held(stage: Stage, run: EpochRun, *said: str) -> None:
    """The epoch held, and report and alert say every one of the patterns."""
    assert run.report.decision is DecisionKind.HOLD
    assert run.report.transactions_ok == run.report.transactions_failed == run.report.transactions_open == 0
    (alert,) = stage.alerts(run)
    for pattern in said:
        assert re.search(pattern, run.report.reason)
        assert re.search(pattern, "\n".join(run.report.problems))
        assert re.search(pattern, alert)


def test_a_pool_whose_fee_geckoterminal_does_not_know_is_entered_with_the_fee_of_the_chain(
    stage: Stage, world: World
) -> None:
    snapshot, plan = _stored_snapshot(world, stage.first), _stored_plan(world, stage.first)
    assert [market.fee_frac for market in snapshot.markets] == [None] * 4
    assert sorted(state.pool.fee_pips for state in snapshot.pools) == [500, 500, 3000, 3000]
    assert snapshot.problems == ()
    assert plan.decision.kind is DecisionKind.PRA
    assert plan.opens
    intents = stage.intents(world, stage.first)
    assert intents
    assert {intent.state for intent in intents} == {IntentState.FINAL_OK}


def test_a_pool_whose_fee_geckoterminal_no_longer_knows_is_no_problem(stage: Stage, world: World) -> None:
    stage.localnet.faults.geckoterminal = fault("null_fee")
    run = stage.next_epoch()
    assert [m.fee_frac for m in _stored_snapshot(world, run).markets] == [None] * 4
    assert run.report.problems == ()
    assert _stored_plan(world, run).decision.binding != "source"
    assert stage.alerts(run) == []
    assert_next_epoch_is_normal(stage, world)


@every_exchange_fault
def test_an_epoch_holds_if_every_exchange_is_bad(stage: Stage, world: World, bad: Fault, said: str) -> None:
    stage.play_quarter_hour()
    before, nonces = stage.holdings(world), stage.nonces(world)
    for exchange in EXCHANGES:
        stage.localnet.faults.set(exchange, bad)
    run = stage.run_epoch()
    stage.localnet.faults.clear()
    assert not run.success
    assert_held(stage, run, *(f"{exchange}: {said}" for exchange in EXCHANGES))
    assert stage.intents(world, run) == []
    assert (stage.holdings(world), stage.nonces(world)) == (before, nonces)
    assert verdict_of(world, [run.report]).reconciled
    assert_next_epoch_is_normal(stage, world)


@pytest.mark.parametrize(
    ("exchange", "bad", "said"),
    [
        pytest.param(exchange, *EXCHANGE_FAULTS[name], id=f"{exchange}-{name}")
        for exchange, name in zip(cycle(EXCHANGES), EXCHANGE_FAULTS, strict=False)
    ],
)
def test_an_epoch_goes_on_with_the_good_exchange_and_names_the_bad_one(
    stage: Stage, world: World, exchange: str, bad: Fault, said: str
) -> None:
    stage.localnet.faults.set(exchange, bad)
    run = stage.next_epoch()
    stage.localnet.faults.clear()
    assert run.success
    assert _stored_plan(world, run).decision.binding != "source"
    assert run.report.reconciled is True
    (alert,) = stage.alerts(run)
    assert re.search(f"{exchange}: {said}", alert)
    assert not any(f"{other}:" in alert for other in set(EXCHANGES) - {exchange})
    assert_every_minute_was_traded(stage, world)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        pytest.param(fault("garbage"), "HTTP 200 but not JSON: <html>", id="garbage"),
        pytest.param(fault("status", status=500), "HTTP 500", id="status 500"),
    ],
)
def test_an_epoch_holds_if_geckoterminal_and_dexscreener_are_bad(
    stage: Stage, world: World, bad: Fault, said: str
) -> None:
    stage.play_quarter_hour()
    before, nonces = stage.holdings(world), stage.nonces(world)
    stage.localnet.faults.geckoterminal = bad
    stage.localnet.faults.dexscreener = bad
    run = stage.run_epoch()
    stage.localnet.faults.clear()
    assert_held(stage, run, f"geckoterminal: {said}", f"dexscreener: {said}")
    assert _stored_plan(world, run).decision.binding == "source"
    assert stage.intents(world, run) == []
    assert (stage.holdings(world), stage.nonces(world)) == (before, nonces)
    assert run.report.reconciled is True
    assert verdict_of(world, [run.report]).reconciled
    assert_next_epoch_is_normal(stage, world)


def test_an_epoch_goes_on_with_dexscreener_if_geckoterminal_is_bad(stage: Stage, world: World) -> None:
    stage.localnet.faults.geckoterminal = fault("garbage")
    run = stage.next_epoch()
    stage.localnet.faults.clear()
    snapshot = _stored_snapshot(world, run)
    assert {market.source for market in snapshot.markets} == {"dexscreener"}
    assert len(snapshot.markets) == 4
    assert _stored_plan(world, run).decision.binding != "source"
    assert run.report.reconciled is True
    assert_next_epoch_is_normal(stage, world)


def test_an_epoch_goes_on_if_geckoterminal_shows_a_pool_with_another_token(
    stage: Stage, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stage.localnet.faults.geckoterminal = fault("foreign_token")
    with caplog.at_level(logging.WARNING):
        run = stage.next_epoch()
    stage.localnet.faults.clear()
    snapshot = _stored_snapshot(world, run)
    sources = {market.pool_id: market.source for market in snapshot.markets}
    assert len(sources) == 4
    wrong = {pool_id for pool_id, source in sources.items() if source == "dexscreener"}
    assert sorted(pool_id.partition(":")[0] for pool_id in wrong) == ["1", "8453"]
    assert all(_named(caplog, "geckoterminal", pool_id) for pool_id in wrong)
    assert snapshot.problems == ()
    assert _stored_plan(world, run).decision.binding != "source"
    assert run.report.reconciled is True
    assert_next_epoch_is_normal(stage, world)


def test_an_epoch_goes_on_without_the_figures_of_a_pool_that_nobody_has_right(
    stage: Stage, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stage.localnet.faults.geckoterminal = fault("foreign_token")
    stage.localnet.faults.dexscreener = fault("foreign_token")
    with caplog.at_level(logging.WARNING):
        run = stage.next_epoch()
    stage.localnet.faults.clear()
    snapshot = _stored_snapshot(world, run)
    assert [market.source for market in snapshot.markets] == ["geckoterminal"] * 2
    known = {market.pool_id for market in snapshot.markets}
    for state in snapshot.pools:
        told = [name for name in ("geckoterminal", "dexscreener") if _named(caplog, name, state.pool.pool_id)]
        assert told == ([] if state.pool.pool_id in known else ["geckoterminal", "dexscreener"])
    assert snapshot.problems == ()
    assert _stored_plan(world, run).decision.binding != "source"
    assert run.report.reconciled is True
    assert_next_epoch_is_normal(stage, world)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param(
            "ethereum",
            "all 1 endpoints serve another chain: rpc:8453#0: serves chain 1, registry says 8453",
            id="of another chain",
        ),
        pytest.param("nobody", "no endpoint answers: rpc:8453#0: eth_call: no connection", id="that is down"),
    ],
)
def test_an_epoch_holds_if_a_chain_has_only_a_node(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, said: str
) -> None:
    stage.play_quarter_hour()
    before, nonces = stage.holdings(world), stage.nonces(world)
    with monkeypatch.context() as patch:
        elsewhere = stage.localnet.rpc(ETHEREUM).url if url == "ethereum" else _closed_port()
        patch.setenv("ALM_REGISTRY", str(_registry_with_base_at(elsewhere, stage.localnet, tmp_path)))
        run = stage.run_epoch()
    assert_held(stage, run, f"rpc:{BASE}: {said}")
    snapshot = _stored_snapshot(world, run)
    assert {holdings.block.chain_id for holdings in snapshot.holdings} == {ETHEREUM}
    assert stage.intents(world, run) == []
    assert (stage.holdings(world), stage.nonces(world)) == (before, nonces)
    assert verdict_of(world, [run.report]).reconciled
    assert_next_epoch_is_normal(stage, world)


def _named(caplog: pytest.LogCaptureFixture, source: str, pool_id: str) -> bool:
    """Whether the log says that a source shows a pool with tokens that are not its own."""
    return any(
        f"{source}: 1 of " in message and f"pool {pool_id}: tokens are" in message for message in caplog.messages
    )


def _stored_snapshot(world: World, run: EpochRun) -> MarketSnapshot:
    return world.history.read_epoch("pool_snapshots", MarketSnapshot, PAIR, run.epoch.epoch_at)


def _stored_plan(world: World, run: EpochRun) -> AllocationPlan:
    return world.history.read_epoch("allocations", AllocationPlan, PAIR, run.epoch.epoch_at)


def _registry_with_base_at(url: str, localnet: Localnet, folder: Path) -> Path:
    text = localnet.registry_file.read_text()
    own = localnet.rpc(BASE).url
    assert text.count(own) == 1
    registry = folder / "registry.toml"
    registry.write_text(text.replace(own, url))
    return registry


def _closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
