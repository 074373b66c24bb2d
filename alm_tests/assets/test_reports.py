"""Reports of backtests: what the page says is what the backtest came to, and it needs nothing but itself."""

import re
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from alm_assets.reports import backtest_figures, backtest_page, image_metadata
from alm_assets.reports.drawing import HEIGHT_IN, MOST_POINTS, WIDTH_IN, Line, coarse, line_of, plain, thinned
from alm_assets.reports.epochs import Report, ReportEpoch
from alm_assets.reports.figures import CAPTIONS
from alm_assets.reports.headlines import returns_of
from alm_assets.reports.income import income_of
from alm_assets.reports.market_figures import bands_of
from alm_assets.reports.simulated import report_of_backtest
from alm_assets.reports.value_figures import bars_of
from alm_core.backtest.run import summary_of
from alm_core.model.backtest import BacktestEpoch, BacktestSummary, Placed, SimulatedBook, Waiting
from alm_core.model.decisions import AllocationPlan, Alternative, Decision, DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, SECONDS_PER_YEAR
from alm_core.model.errors import InvalidInput
from alm_core.model.pnl import PnlParts

START = datetime(2026, 1, 5, tzinfo=UTC)
POOL = "137:0x" + "a" * 40
PNG = b"\x89PNG\r\n\x1a\n"
MOVED = DecisionKind.RS


def plan(number: int, kind: DecisionKind, reason: str, *, apr: float = 0.4) -> AllocationPlan:
    lines = (Alternative(action=kind, gain_usd=5.0, cost_usd=0.5, net_usd=4.5, note="it"),)
    decision = Decision(kind=kind, reason=reason, binding="gate", current_apr=apr, optimal_apr=apr, alternatives=lines)
    return AllocationPlan(
        pair="WETH-USDC",
        epoch_at=START + number * EPOCH_LENGTH,
        policy="default",
        inputs_hash="",
        code_version="",
        config_version="",
        price=2_000.0,
        nav_usd=10_000.0,
        targets=(),
        decision=decision,
        closes=(),
        opens=(),
    )


def backtest(
    count: int = 40,
    *,
    acts: Sequence[int] = (2, 20),
    missing: Sequence[int] = (),
    reason: str = "shift ranges",
    problem: str = "rpc:137: down",
) -> list[BacktestEpoch]:
    """A backtest of one pool: earns 1 USD and loses 0.25 by LVR per epoch; an action costs 0.5 an epoch later."""
    totals, found, waiting, moves = PnlParts(), [], (), 0
    last_moved_at, last_known = None, 0
    for number in range(count):
        at = START + number * EPOCH_LENGTH
        known = number not in missing
        parts = PnlParts()
        if known and number:
            back = number - last_known
            parts = PnlParts(fees_usd=1.0 * back, lvr_usd=0.25 * back, price_usd=np.sin(number) * 3.0)
        if known and waiting:
            parts += PnlParts(swap_usd=0.4, gas_usd=0.1)
            moves, last_moved_at, waiting = moves + 1, waiting[0].plan.epoch_at, ()
        last_known = number if known else last_known
        totals += parts
        kind = MOVED if number in acts else DecisionKind.HOLD
        decided = plan(number, kind, reason) if known else None
        if known and kind is MOVED and decided is not None:
            waiting = (Waiting(plan=decided, due_at=at + EPOCH_LENGTH),)
        book = SimulatedBook(
            began_at=START,
            as_of_at=at,
            base_usd=2_000.0,
            quote_usd=1.0,
            holdings=(),
            growths=(),
            hodl_base=2.5,
            hodl_quote=5_000.0,
            nav_start_usd=10_000.0,
            waiting=waiting,
            totals=totals,
            moves=moves,
            last_moved_at=last_moved_at,
        )
        price = 2_000.0 * (1.0 + 0.01 * np.sin(number / 5.0))
        lower = 1_900.0 + 10.0 * moves
        placed = (Placed(pool_id=POOL, lower=lower, upper=lower * 1.1, value_usd=9_000.0),) if moves else ()
        found.append(
            BacktestEpoch(
                pair="WETH-USDC",
                epoch_at=at,
                policy="default",
                price=price if known else None,
                kind=kind if known else DecisionKind.HOLD,
                reason=reason,
                nav_usd=10_000.0 + totals.change_usd if known else None,
                hodl_usd=5_000.0 + 2.5 * price if known else None,
                parts=parts,
                placed=placed if known else (),
                book=book,
                plan=decided,
                problems=() if known else (problem,),
            )
        )
    return found


@pytest.fixture(scope="module")
def epochs() -> list[BacktestEpoch]:
    return backtest(missing=(10, 11))


@pytest.fixture(scope="module")
def summary(epochs: list[BacktestEpoch]) -> BacktestSummary:
    return summary_of(epochs, 12.5)


@pytest.fixture(scope="module")
def figures(epochs: list[BacktestEpoch]) -> dict[str, bytes]:
    return backtest_figures(epochs)


@pytest.fixture(scope="module")
def page(epochs: list[BacktestEpoch], summary: BacktestSummary, figures: dict[str, bytes]) -> str:
    return backtest_page(epochs, summary, figures=figures)


class Elements(HTMLParser):
    """Tags with their attributes, and which were never closed."""

    VOID = frozenset({"meta", "img", "br", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def row(page: str, name: str) -> list[float]:
    """The numbers in the cell of a headline figure."""
    cell = re.search(rf'<th scope="row">{re.escape(name)}</th><td>(.*?)</td>', page)
    assert cell is not None, name
    return [float(found) for found in re.findall(r'<data value="([^"]*)">', cell[1])]


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(PNG)
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_every_figure_is_on_the_page_with_words_for_those_who_do_not_see_it(
    page: str, figures: dict[str, bytes]
) -> None:
    assert set(figures) == set(CAPTIONS) == {"price", "nav", "pnl", "allocation", "apr"}
    pictures = [attributes for tag, attributes in Elements(page).found if tag == "img"]
    assert len(pictures) == len(CAPTIONS)
    for attributes, caption in zip(pictures, CAPTIONS.values(), strict=True):
        assert (attributes["src"] or "").startswith("data:image/png;base64,iVBOR")
        assert (attributes["alt"] or "").startswith(caption.title)


def test_figures_are_sharp_of_one_width_and_small(figures: dict[str, bytes]) -> None:
    for name, png in figures.items():
        width, height = size_of(png)
        assert width == 1280, name
        assert 1280 * HEIGHT_IN / WIDTH_IN <= height <= 1280, name
        assert len(png) < 120_000, name


def test_figures_in_the_event_log_are_half_as_large_and_below_sixty_kilobytes(figures: dict[str, bytes]) -> None:
    shown = image_metadata(figures, tuple(figures))
    assert set(shown) == {f"figure_{name}" for name in CAPTIONS}
    for value in shown.values():
        assert len(str(value.value)) < 60_000  # type: ignore[union-attr]


def test_a_page_needs_nothing_from_elsewhere(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    assert not {tag for tag, _ in elements.found} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in elements.found:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "srcset", "data", "action", "poster"):
                assert (value or "").startswith("data:"), (tag, name)
    assert "@import" not in page
    assert "url(" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'" in page


def test_the_numbers_on_the_page_are_those_of_the_summary(page: str, summary: BacktestSummary) -> None:
    assert row(page, "NAV at the start") == [summary.nav_start]
    assert row(page, "NAV at the end") == [summary.nav_end]
    assert row(page, "HODL at the end") == [summary.hodl_usd]
    assert row(page, "change")[0] == summary.nav_end - summary.nav_start
    assert row(page, "against HODL")[0] == summary.nav_end - summary.hodl_usd
    assert row(page, "fees") == [summary.fees_usd]
    assert row(page, "rewards") == [summary.rewards_usd]
    assert row(page, "price effect") == [summary.price_usd]
    assert row(page, "LVR") == [-summary.lvr_usd]
    assert row(page, "swaps") == [-summary.swap_usd]
    assert row(page, "gas") == [-summary.gas_usd]
    assert row(page, "bridges") == [-summary.bridge_usd]
    assert row(page, "rebalances carried out") == [summary.rebalances] == [2]
    assert row(page, "parts of plans that failed") == [summary.failures]
    assert row(page, "epochs") == [summary.epochs]
    assert row(page, "epochs whose value is unknown") == [summary.epochs_missing] == [2]
    assert row(page, "computing time") == [12.5]


def test_what_is_written_beside_a_number_is_the_number_rounded_with_its_unit(
    page: str, summary: BacktestSummary
) -> None:
    shown = re.findall(r'<data value="([^"]*)">(.*?)</data>', page)
    assert len(shown) > 20
    assert any(float(value) == summary.lvr_usd * -1 and text == "−9.75&nbsp;USD" for value, text in shown)
    for value, text in shown:
        number = float(text.split("&nbsp;")[0].replace("−", "-").replace(",", ""))
        scale = 100.0 if text.endswith("%") else 1.0
        assert number == pytest.approx(float(value) * scale, abs=0.0501 if text.endswith("s") else 0.00501)


def test_return_and_drawdown_are_those_of_the_values(epochs: list[BacktestEpoch]) -> None:
    report = report_of_backtest(epochs)
    values = [10_000.0, *(one.nav_usd for one in epochs if one.nav_usd is not None)]
    grown, fallen = returns_of(report)
    assert grown == pytest.approx(values[-1] / values[0] - 1.0, rel=1e-12)
    peaks = np.maximum.accumulate(values)
    assert fallen == pytest.approx(float(np.max(1.0 - np.array(values) / peaks)), rel=1e-12)


def test_a_summary_of_other_epochs_is_refused(epochs: list[BacktestEpoch], summary: BacktestSummary) -> None:
    with pytest.raises(InvalidInput, match=r"the summary of WETH-USDC ends with 1\.0 USD, its epochs with 100"):
        backtest_page(epochs, replace(summary, nav_end=1.0))


def test_no_epochs_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one epoch"):
        backtest_figures([])


def test_what_is_unknown_is_called_unknown_and_never_zero() -> None:
    unknown = [
        replace(one, nav_usd=None, hodl_usd=None, price=None, placed=(), plan=None) for one in backtest(6, acts=())
    ]
    report = report_of_backtest(unknown)
    assert report.nav_end_usd is None
    assert report.unsplit_usd is None
    assert returns_of(report)[0] is None
    from alm_assets.reports.figures import figures_of
    from alm_assets.reports.headlines import activity_rows, value_rows

    rows = dict([*value_rows(report), *activity_rows(report)])
    for name in ("NAV at the end", "change", "HODL at the end", "against HODL", "time with the price in a range held"):
        assert ">unknown<" in rows[name], name
        assert "0.00" not in rows[name], name
    assert set(figures_of(report)) == set(CAPTIONS)


def test_what_was_assumed_is_on_the_page_and_counted_in_the_summary() -> None:
    words = "USD per USDC assumed: 1"
    told = [replace(one, assumptions=(words,) if number < 4 else ()) for number, one in enumerate(backtest(6, acts=()))]
    summary = summary_of(told, 1.0)
    assert summary.assumptions == (f"{words} (4x)",)
    assert f"<h2>Assumed, not recorded</h2><ul><li>{words} (4×)</li></ul>" in backtest_page(told, summary)
    recorded = backtest(6, acts=())
    assert "Assumed" not in backtest_page(recorded, summary_of(recorded, 1.0))


def test_text_from_data_is_harmless() -> None:
    evil = '<script>alert("x")</script><img src=http://evil onerror=alert(1)>$\\frac{1}{0}$ & "'
    told = backtest(30, reason=evil, problem=evil, missing=(5,))
    page = backtest_page(told, summary_of(told, 1.0), names={POOL: evil})
    elements = Elements(page)
    assert "script" not in {tag for tag, _ in elements.found}
    assert len([tag for tag, _ in elements.found if tag == "img"]) == len(CAPTIONS)
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page
    assert page.count(evil) == 0


def test_text_in_a_figure_is_no_formula_and_has_only_letters_its_font_knows() -> None:
    assert plain("a $x_1$ b") == r"a \$x_1\$ b"
    assert plain("__hidden") == "hidden"
    assert plain("水 pool") == "? pool"
    assert len(plain("x" * 500)) == 60


def test_the_same_backtest_gives_the_same_bytes(
    epochs: list[BacktestEpoch], summary: BacktestSummary, figures: dict[str, bytes], page: str
) -> None:
    assert backtest_figures(iter(epochs)) == figures
    assert backtest_page(iter(epochs), summary) == page


def test_a_missing_epoch_is_a_gap_and_not_a_straight_line(epochs: list[BacktestEpoch]) -> None:
    report = report_of_backtest(epochs)
    for quantity in (lambda one: one.nav_usd, lambda one: one.price, lambda one: one.hodl_usd):
        drawn = line_of(report, quantity)
        assert np.flatnonzero(np.isnan(drawn.value)).tolist() == [10, 11]
    absent = replace(report, epochs=tuple(one for number, one in enumerate(report.epochs) if number not in (30, 31)))
    drawn = line_of(absent, lambda one: one.nav_usd)
    assert np.flatnonzero(np.isnan(drawn.value)).tolist() == [10, 11, 30, 31]
    assert drawn.at.size == 40


def test_ranges_are_not_drawn_across_a_gap(epochs: list[BacktestEpoch]) -> None:
    bands = bands_of(report_of_backtest(epochs))
    first = [(band.from_at, band.to_at) for band in bands if band.lower == 1_910.0]
    assert first == [
        (START + 3 * EPOCH_LENGTH, START + 10 * EPOCH_LENGTH),
        (START + 12 * EPOCH_LENGTH, START + 21 * EPOCH_LENGTH),
    ]
    second = [(band.from_at, band.to_at) for band in bands if band.lower == 1_920.0]
    assert second == [(START + 21 * EPOCH_LENGTH, START + 40 * EPOCH_LENGTH)]


def long_line(count: int) -> Line:
    random = np.random.default_rng(7)
    at = np.datetime64("2026-01-01T00:00", "s") + np.arange(count) * np.timedelta64(900, "s")
    return Line(at=at, value=np.cumsum(random.normal(size=count)))


def test_a_long_line_is_thinned_without_losing_its_extremes_or_its_gaps() -> None:
    line = long_line(35_064)
    line.value[20_000] = 1e6
    line.value[9_000:9_003] = np.nan
    shown = thinned(line)
    assert shown.value.size <= 1.3 * MOST_POINTS
    assert np.nanmax(shown.value) == 1e6
    assert np.nanmin(shown.value) == np.nanmin(line.value)
    assert shown.at[0] == line.at[0]
    assert shown.at[-1] == line.at[-1]
    gone = shown.at[np.isnan(shown.value)]
    assert gone.size >= 1
    assert set(gone) <= set(line.at[9_000:9_003])
    assert np.all(np.diff(shown.at.astype(np.int64)) > 0)


def test_a_long_area_keeps_its_gaps_too() -> None:
    line = long_line(35_064)
    line.value[9_000] = np.nan
    shown = coarse(line)
    assert shown.value.size == MOST_POINTS
    assert np.isnan(shown.value).sum() == 1


def test_the_bars_add_up_to_the_change_of_the_value(epochs: list[BacktestEpoch], summary: BacktestSummary) -> None:
    bars = bars_of(report_of_backtest(epochs))
    assert bars[-1].total
    assert bars[-1].usd == pytest.approx(summary.nav_end - summary.nav_start, abs=1e-9)
    assert "not split" not in {bar.name for bar in bars}
    assert {bar.name: bar.usd for bar in bars}["LVR"] == pytest.approx(-summary.lvr_usd)


def test_what_no_part_explains_is_a_bar_of_its_own(epochs: list[BacktestEpoch]) -> None:
    report = replace(report_of_backtest(epochs), nav_start_usd=9_990.0)
    bars = {bar.name: bar.usd for bar in bars_of(report)}
    assert bars["not split"] == pytest.approx(10.0, abs=1e-9)
    assert bars["change\nof NAV"] == pytest.approx((report.nav_end_usd or 0.0) - 9_990.0, abs=1e-9)


def steady(count: int, *, unknown: Sequence[int] = ()) -> Report:
    """Epochs that earn 0.5 USD on 1,000 USD each, half of it lost by LVR, and expect 30 % a year."""
    rows = tuple(
        ReportEpoch(
            at=START + number * EPOCH_LENGTH,
            price=1.0,
            nav_usd=1_000.0,
            hodl_usd=1_000.0,
            capital_usd=1_000.0,
            parts=None if number in unknown else PnlParts(fees_usd=0.3, rewards_usd=0.2, lvr_usd=0.25),
            placed=(),
            kind=DecisionKind.HOLD,
            expected_apr=0.3,
        )
        for number in range(count)
    )
    return Report(pair="A-B", title="steady", epochs=rows, nav_start_usd=1_000.0, totals=PnlParts())


def test_income_per_year_is_what_came_in_the_window_over_the_mean_value() -> None:
    income = income_of(steady(400))
    assert income.window == timedelta(days=1)
    apr = 0.5 / 1_000.0 * SECONDS_PER_YEAR / EPOCH_LENGTH.total_seconds()
    known = ~np.isnan(income.fees.value)
    assert np.flatnonzero(known)[0] == 24
    assert income.fees.value[known] == pytest.approx(apr)
    assert income.net.value[known] == pytest.approx(apr / 2.0)
    assert income.expected.value[known] == pytest.approx(0.3)


def test_income_of_a_window_with_unknown_parts_is_unknown() -> None:
    income = income_of(steady(90, unknown=(40,)))
    assert income.window == timedelta(hours=2)
    assert np.flatnonzero(np.isnan(income.fees.value)).tolist() == [0, 1, *range(40, 48)]


def test_an_action_is_told_with_what_it_cost_and_what_came_until_the_next(epochs: list[BacktestEpoch]) -> None:
    first, second = report_of_backtest(epochs).acted
    assert (first.at, second.at) == (START + 2 * EPOCH_LENGTH, START + 20 * EPOCH_LENGTH)
    assert (first.expected_gain_usd, first.expected_cost_usd) == (5.0, 0.5)
    assert first.outcome == second.outcome == "carried out"
    assert first.paid_usd == second.paid_usd == pytest.approx(0.5)
    # Carried out an epoch later, it earns from there until the next one is: 18 epochs, those of the gap included.
    assert first.until_at == START + 21 * EPOCH_LENGTH
    assert first.earned_usd == pytest.approx(18 * 0.75)
    assert second.until_at == START + 39 * EPOCH_LENGTH
    assert second.earned_usd == pytest.approx(18 * 0.75)


def test_an_action_that_is_still_waiting_at_the_end_says_so() -> None:
    (last,) = report_of_backtest(backtest(12, acts=(11,))).acted
    assert last.outcome == "still to be carried out"
    assert last.paid_usd is None
    assert last.until_at is None


def test_decisions_are_counted_by_what_decided(page: str) -> None:
    cells = re.findall(r'<tr><td data-label="decision">(.*?)</td><td data-label="decided by">(.*?)</td>', page)
    assert ("HOLD", "gate") in cells
    assert ("HOLD", "market not recorded") in cells
    assert ("RS", "gate") in cells


def test_a_code_location_that_only_lists_its_assets_loads_no_drawing() -> None:
    heavy = ("matplotlib", "PIL", "scipy", "polars")
    told = f"import sys, alm_assets.reports; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
