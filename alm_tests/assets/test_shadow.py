"""The asset of the shadows: books go on from epoch to epoch, and no other asset depends on them."""

import dagster as dg
import pytest

from alm_assets.runner import run_epoch
from alm_assets.shadow import SHADOWS, shadow_decisions
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.shadow import ShadowEpoch
from alm_core.portfolio.valuation import nav_usd
from alm_tests.assets.world import EPOCH_AT, PAIR, QUARTER, MemoryWorld


def books_at(world: MemoryWorld, number: int) -> ShadowEpoch:
    found = world.history.read_epoch(SHADOWS, ShadowEpoch, PAIR, EPOCH_AT + number * QUARTER)
    assert found is not None
    return found


def run_epochs(world: MemoryWorld, instance: dg.DagsterInstance, count: int) -> None:
    for number in range(count):
        epoch = Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER)
        done = run_epoch(
            instance, epoch.pair, epoch.epoch_at, job=world.job(), history=world.history, alerts=world.alerts
        )
        assert done.success


def test_every_epoch_records_what_the_others_would_have_done(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    run_epochs(world, instance, 3)
    first, last = books_at(world, 0), books_at(world, 2)
    assert [book.policy for book in last.books] == ["hodl", "wide", "tau_reset", "seed"]
    assert last.began_at == first.began_at == EPOCH_AT
    assert last.problems == ()
    snapshot = world.history.read_epoch("pool_snapshots", MarketSnapshot, PAIR, EPOCH_AT)
    assert snapshot is not None
    price = 2_000.0
    ours = nav_usd(snapshot, price, tuple(state.pool for state in snapshot.pools))
    kinds = {book.policy: book.kind for book in first.books}
    assert (kinds["hodl"], kinds["wide"]) == (DecisionKind.HOLD, DecisionKind.PRA)
    wide, held = last.book("wide"), last.book("hodl")
    assert wide is not None
    assert held is not None
    assert held.nav_usd == pytest.approx(ours, rel=0.02)
    assert wide.fees_usd > 0
    assert (wide.moves, wide.kind) == (1, DecisionKind.HOLD)
    shown = instance.get_latest_materialization_event(dg.AssetKey(SHADOWS))
    assert shown is not None
    assert shown.asset_materialization is not None
    assert "tau_reset" in str(shown.asset_materialization.metadata["books"].value)


def test_an_epoch_whose_shadow_fails_is_decided_and_executed(
    world: MemoryWorld, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> ShadowEpoch:
        raise RuntimeError("a mistake in a shadow")

    monkeypatch.setattr("alm_core.shadow.shadow.shadow_epoch", broken)
    epoch = Epoch(pair=PAIR, epoch_at=EPOCH_AT)
    done = run_epoch(instance, PAIR, EPOCH_AT, job=world.job(), history=world.history, alerts=world.alerts)
    assert not done.success
    assert world.executor.calls == 1
    assert world.history.read_epoch(SHADOWS, ShadowEpoch, PAIR, epoch.epoch_at) is None


def test_no_asset_is_downstream_of_the_shadows() -> None:
    from alm_assets.definitions_live import defs

    graph = defs.resolve_asset_graph()
    assert graph.get(shadow_decisions.key).child_keys == set()
