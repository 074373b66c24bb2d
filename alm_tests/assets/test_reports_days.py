"""The daily report of a live pair: drawn from its history, shown in the UI, left on disk, never in an epoch's way."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from alm_assets.reports import day_figures, day_page, report_images
from alm_assets.reports.drawing import line_of
from alm_assets.reports.figures import CAPTIONS
from alm_assets.reports.images import WARNING
from alm_assets.reports.income import income_of
from alm_assets.reports.lived import report_of_day
from alm_assets.reports.market_figures import bands_of
from alm_core.accounting.epoch_reports import failed_epoch_report
from alm_core.model.accounts import RunningPnl
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, SECONDS_PER_YEAR, Epoch
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.pnl import PnlParts
from alm_core.model.reports import EpochReport
from alm_resources.history import HistoryStore
from alm_tests.assets.test_past import plan as plan_ago
from alm_tests.assets.test_past import report as report_ago
from alm_tests.assets.world import EPOCH, EPOCH_AT, PAIR, QUARTER, MemoryWorld
from alm_tests.core.portfolio.scene import Scene

DAY = EPOCH_AT.date()
MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
EARNED = PnlParts(fees_usd=2.0, lvr_usd=0.5, price_usd=1.0)


def lived(number: int, *, parts: PnlParts | None = EARNED, kind: DecisionKind = DecisionKind.HOLD) -> EpochReport:
    """The report of the day's epoch of a number; its value grows by 2.5 USD an epoch."""
    found = replace(report_ago(0, kind), epoch_at=MIDNIGHT + number * QUARTER, nav_usd=1_000.0 + 2.5 * number)
    done = int(kind is not DecisionKind.HOLD)
    return replace(found, parts=parts, accounts=running(number), hodl_usd=1_300.0 + number, transactions_ok=done)


def running(number: int) -> RunningPnl:
    """Accounts of an epoch: 300 USD of native coin besides what the report's value holds."""
    return RunningPnl(
        began_at=MIDNIGHT - QUARTER,
        as_of_at=MIDNIGHT + number * QUARTER,
        nav_start_usd=1_297.5,
        nav_usd=1_300.0 + 2.5 * number,
        hodl_base=0.5,
        hodl_quote=300.0,
    )


def unaccounted(number: int) -> EpochReport:
    """As before there were accounts."""
    return replace(lived(number), parts=None, accounts=None, hodl_usd=None)


def decided(number: int, kind: DecisionKind = DecisionKind.HOLD, reason: str = "because") -> AllocationPlan:
    found = plan_ago(0, kind)
    told = replace(found.decision, reason=reason, binding="min_hold", current_apr=0.25)
    return replace(found, epoch_at=MIDNIGHT + number * QUARTER, decision=told)


@pytest.fixture
def history(tmp_path: Path) -> HistoryStore:
    return HistoryStore(tmp_path / "history")


def record(history: HistoryStore, reports: Sequence[EpochReport], *, acts: Sequence[int] = ()) -> HistoryStore:
    """Store reports with plans and snapshots; a position is held from the second epoch on."""
    for one in reports:
        number = (one.epoch_at - MIDNIGHT) // QUARTER
        history.write_epoch("epoch_report", one)
        history.write_epoch("allocations", decided(number, one.decision))
        held = ((1, 0, 1_900.0, 2_100.0, 700.0),) if number else ()
        history.write_epoch("pool_snapshots", replace(Scene(positions=held).snapshot(one.epoch_at), pair=PAIR))
    return history


def test_a_day_has_a_page_and_every_figure(history: HistoryStore) -> None:
    record(history, [lived(number) for number in range(6)])
    figures = day_figures(PAIR, DAY, history)
    assert list(figures) == list(CAPTIONS)
    assert all(png.startswith(b"\x89PNG") for png in figures.values())
    page = day_page(PAIR, DAY, history)
    assert page.count("<img ") == len(CAPTIONS)
    assert f"<h1>{PAIR} on {DAY.isoformat()}</h1>" in page
    assert day_page(PAIR, DAY, history) == page


def test_a_day_without_a_report_is_refused(history: HistoryStore) -> None:
    with pytest.raises(InvalidInput, match=f"no epoch of {PAIR} has a report on 2025-11-20"):
        day_page(PAIR, DAY, history)


def test_a_day_begins_with_the_value_of_the_evening_before(history: HistoryStore) -> None:
    record(history, [lived(number) for number in (-2, -1, 0, 1)])
    report = report_of_day(PAIR, DAY, history)
    assert len(report.epochs) == 2
    assert report.nav_start_usd == 1_300.0 - 2.5
    assert report.totals == EARNED + EARNED
    assert report.unsplit_usd == pytest.approx(0.0, abs=1e-9)


def test_the_first_day_of_a_history_begins_with_its_first_value(history: HistoryStore) -> None:
    record(history, [lived(0, parts=None), lived(1), lived(2)])
    report = report_of_day(PAIR, DAY, history)
    assert report.nav_start_usd == 1_300.0
    assert report.unsplit_epochs == 0
    assert report.unsplit_usd == pytest.approx(0.0, abs=1e-9)


def test_parts_that_are_not_known_are_told_as_unknown(history: HistoryStore) -> None:
    record(history, [unaccounted(number) for number in range(4)])
    report = report_of_day(PAIR, DAY, history)
    assert report.unsplit_epochs == 3
    assert report.unsplit_usd == pytest.approx(7.5)
    page = day_page(PAIR, DAY, history)
    for name in ("fees", "LVR", "gas", "swaps", "HODL at the end", "against HODL"):
        assert re.search(rf'<th scope="row">{name}</th><td><span class="unknown">unknown</span></td>', page), name
    assert re.search(r'not split into parts</th><td><data value="7.5">\+7.50&nbsp;USD</data>', page)


def test_value_and_hodl_both_hold_the_native_coin(history: HistoryStore) -> None:
    record(history, [lived(0), unaccounted(1), lived(2)])
    report = report_of_day(PAIR, DAY, history)
    assert [one.nav_usd for one in report.epochs] == [1_300.0, None, 1_305.0]
    assert report.hodl_end_usd == 1_302.0
    page = day_page(PAIR, DAY, history)
    assert '<th scope="row">ahead of HODL</th><td><data value="3.0">+3.00&nbsp;USD</data>' in page
    assert '<th scope="row">against HODL</th><td><data value="3.0">+3.00&nbsp;USD</data>' in page


def test_income_is_told_of_the_capital_and_not_of_the_coin_for_gas(history: HistoryStore) -> None:
    record(history, [lived(number) for number in range(9)])
    income = income_of(report_of_day(PAIR, DAY, history))
    mean_usd = sum(1_000.0 + 2.5 * number for number in range(9)) / 9
    per_year = SECONDS_PER_YEAR / timedelta(hours=2).total_seconds()
    assert income.fees.value[-1] == pytest.approx(8 * EARNED.fees_usd / mean_usd * per_year)
    assert income.expected.value[-1] == pytest.approx(0.25)


def test_an_epoch_that_failed_and_one_that_never_was_are_gaps(history: HistoryStore) -> None:
    record(history, [lived(number) for number in (0, 1, 2, 6, 7)])
    failed = Epoch(pair=PAIR, epoch_at=MIDNIGHT + 3 * QUARTER)
    history.write_epoch("epoch_report", failed_epoch_report(failed, "binance: down"))
    report = report_of_day(PAIR, DAY, history)
    nav = line_of(report, lambda one: one.nav_usd)
    assert np.flatnonzero(np.isnan(nav.value)).tolist() == [3, 4, 5]
    assert dict(report.counts)["epochs without a report"] == 2
    assert report.problems == (("binance: down", 1),)
    assert [(band.from_at - MIDNIGHT) // EPOCH_LENGTH for band in bands_of(report)] == [0, 5]
    assert "binance: down (1×)" in day_page(PAIR, DAY, history)


def test_what_an_epoch_found_was_held_since_the_one_before(history: HistoryStore) -> None:
    record(history, [lived(number) for number in range(4)])
    (band,) = bands_of(report_of_day(PAIR, DAY, history))
    assert (band.from_at, band.to_at) == (MIDNIGHT, MIDNIGHT + 3 * QUARTER)
    assert band.lower == pytest.approx(1_900.0, rel=2e-3)
    assert band.upper == pytest.approx(2_100.0, rel=2e-3)


def test_an_action_is_told_with_what_came_after_it(history: HistoryStore) -> None:
    cost = PnlParts(fees_usd=2.0, lvr_usd=0.5, swap_usd=0.3, gas_usd=0.2)
    kinds = {1: DecisionKind.PRA, 4: DecisionKind.RS}
    record(
        history,
        [
            lived(number, kind=kinds.get(number, DecisionKind.HOLD), parts=cost if number == 2 else EARNED)
            for number in range(7)
        ],
    )
    first, second = report_of_day(PAIR, DAY, history).acted
    assert first.outcome == "transactions: 1 done"
    assert (first.expected_gain_usd, first.expected_cost_usd) == (70.0, 7.0)
    assert first.paid_usd == pytest.approx(0.5)
    assert first.until_at == MIDNIGHT + 4 * QUARTER
    assert first.earned_usd == pytest.approx(3 * 1.5)
    assert second.until_at == MIDNIGHT + 6 * QUARTER


def test_pools_are_named_and_words_from_the_chain_are_harmless(history: HistoryStore) -> None:
    record(history, [replace(lived(number), reason="<b onclick=x>$1</b>") for number in range(3)])
    report = report_of_day(PAIR, DAY, history)
    assert set(report.names) == {place.pool_id for one in report.epochs for place in one.placed or ()} | set(
        report.names
    )
    assert all("bps, chain 8453" in name for name in report.names.values())
    acting = replace(lived(3, kind=DecisionKind.PRA), reason="<b onclick=x>$1</b>", problems=("<i>x</i>",))
    record(history, [acting])
    page = day_page(PAIR, DAY, history)
    assert "<b onclick" not in page
    assert "<i>" not in page
    assert "&lt;b onclick=x&gt;$1&lt;/b&gt;" in page


def test_the_epoch_report_shows_its_day_and_leaves_a_page(world: MemoryWorld, instance: dg.DagsterInstance) -> None:
    for number in range(3):
        epoch = Epoch(pair=PAIR, epoch_at=EPOCH_AT + number * QUARTER)
        assert world.materialize(instance, epoch, tags={"alm/epoch": epoch.epoch_at.isoformat()}).success
    event = instance.get_latest_materialization_event(dg.AssetKey("epoch_report"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert WARNING not in metadata
    for name in ("price", "nav", "pnl"):
        text = str(metadata[f"figure_{name}"].value)
        assert text.startswith("![")
        assert len(text) < 60_000
    path = Path(str(metadata["page"].value))
    assert path == world.settings.home / "reports" / PAIR / f"{EPOCH.day}.html"
    # The epoch itself is on it, though its report is stored only afterwards.
    assert "3&nbsp;epochs" in path.read_text() or ">3</data> epochs" in path.read_text()
    assert not [one.name for one in path.parent.iterdir() if one.name.endswith(".tmp")]


def test_a_report_that_cannot_be_written_is_a_warning_and_the_epoch_goes_on(
    world: MemoryWorld, instance: dg.DagsterInstance
) -> None:
    (world.settings.home / "reports").write_text("a file where the folder should be")
    result = world.materialize(instance, EPOCH, tags={"alm/epoch": EPOCH_AT.isoformat()})
    assert result.success
    event = instance.get_latest_materialization_event(dg.AssetKey("epoch_report"))
    assert event is not None
    assert event.asset_materialization is not None
    assert "the report could not be made: NotADirectoryError" in str(
        event.asset_materialization.metadata[WARNING].value
    )
    assert world.history.read_epoch("epoch_report", EpochReport, PAIR, EPOCH_AT) is not None


def test_a_history_that_cannot_be_read_is_a_warning_too(tmp_path: Path) -> None:
    class Broken(HistoryStore):
        def read_epochs(self, *_: object, **__: object) -> tuple[object, ...]:  # type: ignore[override]
            raise HistoryCorrupted("x.parquet: not a parquet file")

    shown = report_images(PAIR, DAY, Broken(tmp_path), tmp_path, latest=lived(0))
    assert list(shown) == [WARNING]
    assert "x.parquet" in str(shown[WARNING])


def test_a_page_is_replaced_whole(history: HistoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(history, [lived(number) for number in range(3)])
    assert WARNING not in report_images(PAIR, DAY, history, tmp_path)
    path = tmp_path / "reports" / PAIR / f"{DAY.isoformat()}.html"
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    record_more = lived(3)
    shown = report_images(PAIR, DAY, history, tmp_path, latest=record_more)
    assert "no space left" in str(shown[WARNING])
    assert path.read_bytes() == before


def test_a_pair_cannot_lead_out_of_the_folder(history: HistoryStore, tmp_path: Path) -> None:
    shown = report_images("../evil", date(2026, 1, 1), history, tmp_path, latest=replace(lived(0), pair="../evil"))
    assert "cannot name a folder" in str(shown[WARNING])
