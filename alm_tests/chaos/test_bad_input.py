"""Bad input through the real path: exchanges, GeckoTerminal and nodes go wrong under an epoch run by Dagster.

Whatever goes wrong, the error names the source, the epoch holds, chain and books stay as they were, a person is told,
and the next epoch goes on as if nothing had happened.
"""

import logging
import re
import socket
from itertools import cycle
from pathlib import Path

import pytest

from alm_assets.runner import EpochRun
from alm_cli.verdict import verdict_of
from alm_core.model.candles import EXCHANGES
from alm_core.model.decisions import DecisionKind
from alm_core.model.transactions import IntentState
from alm_localnet.servers.faults import Fault
from alm_resources.world import World
from alm_tests.chaos.stage import (
    BASE,
    ETHEREUM,
    Stage,
    assert_every_minute_was_traded,
    assert_next_epoch_is_normal,
    fault,
    registry_with_base_at,
)

pytestmark = pytest.mark.chain

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
    snapshot, plan = stage.snapshot(world, stage.first), stage.plan(world, stage.first)
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
    assert [m.fee_frac for m in stage.snapshot(world, run).markets] == [None] * 4
    assert run.report.problems == ()
    assert stage.plan(world, run).decision.binding != "source"
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
    assert stage.plan(world, run).decision.binding != "source"
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
    assert stage.plan(world, run).decision.binding == "source"
    assert stage.intents(world, run) == []
    assert (stage.holdings(world), stage.nonces(world)) == (before, nonces)
    assert run.report.reconciled is True
    assert verdict_of(world, [run.report]).reconciled
    assert_next_epoch_is_normal(stage, world)


def test_an_epoch_goes_on_with_dexscreener_if_geckoterminal_is_bad(stage: Stage, world: World) -> None:
    stage.localnet.faults.geckoterminal = fault("garbage")
    run = stage.next_epoch()
    stage.localnet.faults.clear()
    snapshot = stage.snapshot(world, run)
    assert {market.source for market in snapshot.markets} == {"dexscreener"}
    assert len(snapshot.markets) == 4
    assert stage.plan(world, run).decision.binding != "source"
    assert run.report.reconciled is True
    assert_next_epoch_is_normal(stage, world)


def test_an_epoch_goes_on_if_geckoterminal_shows_a_pool_with_another_token(
    stage: Stage, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stage.localnet.faults.geckoterminal = fault("foreign_token")
    with caplog.at_level(logging.WARNING):
        run = stage.next_epoch()
    stage.localnet.faults.clear()
    snapshot = stage.snapshot(world, run)
    sources = {market.pool_id: market.source for market in snapshot.markets}
    assert len(sources) == 4
    wrong = {pool_id for pool_id, source in sources.items() if source == "dexscreener"}
    assert sorted(pool_id.partition(":")[0] for pool_id in wrong) == ["1", "8453"]
    assert all(_named(caplog, "geckoterminal", pool_id) for pool_id in wrong)
    assert snapshot.problems == ()
    assert stage.plan(world, run).decision.binding != "source"
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
    snapshot = stage.snapshot(world, run)
    assert [market.source for market in snapshot.markets] == ["geckoterminal"] * 2
    known = {market.pool_id for market in snapshot.markets}
    for state in snapshot.pools:
        told = [name for name in ("geckoterminal", "dexscreener") if _named(caplog, name, state.pool.pool_id)]
        assert told == ([] if state.pool.pool_id in known else ["geckoterminal", "dexscreener"])
    assert snapshot.problems == ()
    assert stage.plan(world, run).decision.binding != "source"
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
        patch.setenv("ALM_REGISTRY", str(registry_with_base_at(elsewhere, stage.localnet, tmp_path)))
        run = stage.run_epoch()
    assert_held(stage, run, f"rpc:{BASE}: {said}")
    snapshot = stage.snapshot(world, run)
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


def _closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
