"""Grid files: what they mean, and that a bad one is an error that names file, key and value before anything runs."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.backtest import VenueConfig
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.errors import ConfigError
from alm_core.model.signals import RangeParams
from alm_core.model.sweeps import SweepGrid
from alm_core.sweeps.cells import cell_count, cells_of
from alm_resources.sweeps.grid import MAX_CELLS, SECTIONS, grid_from_table, grid_from_text, read_grid

BASE = StrategyConfig(max_positions=2)
SMALL = 'pairs = "WETH-USDC"\npolicies = "hodl"\nwindows = {first = 2026-01-01, last = 2026-01-05}\n'


def grid_or_reason(made: Callable[[], SweepGrid]) -> SweepGrid | str:
    """The grid, or the message of the only error that a bad one may be."""
    try:
        return made()
    except ConfigError as error:
        return str(error)


def parsed(text: str) -> SweepGrid:
    return grid_from_text(text, "my.toml", BASE, LimitsConfig())


def test_lists_are_axes_and_everything_else_is_fixed() -> None:
    grid = parsed(
        """
        pairs = ["WETH-USDC", "USDC-USDT"]
        policies = ["default", "wide"]
        capital_usd = [1000, "recorded"]
        windows = [{first = 2026-01-01, last = 2026-01-05}, {first = "2026-02-01", last = "2026-02-01"}]
        [venue]
        latency_epochs = 0
        seed = [0, 1, 2]
        [strategy]
        min_hold = ["PT6H", 43200]
        lvr_weight = [0, 0.5]
        optimize = false
        [range]
        base_max_frac = [0.02, 0.04]
        """
    )
    assert cell_count(grid) == len(cells_of(grid)) == 2 * 2 * 2 * 2 * 3 * 4 * 2
    assert grid.capitals_usd == (1000.0, None)
    assert grid.venues[1] == VenueConfig(latency_epochs=0, seed=1)
    assert {(one.min_hold, one.lvr_weight) for one in grid.strategies} == {
        (timedelta(hours=hours), weight) for hours in (6, 12) for weight in (0.0, 0.5)
    }
    assert all(one.max_positions == 2 and not one.optimize for one in grid.strategies), "the rest is as configured"
    assert grid.ranges[1] == RangeParams(base_max_frac=0.04)
    assert [one.name for one in grid.windows] == ["2026-01-01..2026-01-05", "2026-02-01..2026-02-01"]
    assert grid.varied == (
        "pairs",
        "policies",
        "windows",
        "capital_usd",
        "venue.seed",
        "strategy.min_hold",
        "strategy.lvr_weight",
        "range.base_max_frac",
    )


def test_without_axes_a_grid_has_one_cell_as_it_is_configured() -> None:
    (cell,) = cells_of(parsed(SMALL))
    assert (cell.strategy, cell.venue, cell.capital_usd, cell.range_params) == (BASE, VenueConfig(), 10_000.0, None)
    assert cell.window.first_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert cell.window.end_at == datetime(2026, 1, 6, tzinfo=UTC)


@given(length=st.integers(1, 40), step=st.integers(1, 40), days=st.integers(1, 120))
def test_rolling_windows_are_as_long_and_as_far_apart_as_told_and_none_ends_later(
    length: int, step: int, days: int
) -> None:
    last = date(2026, 1, 1) + timedelta(days=days - 1)
    table = {
        "pairs": "A-B",
        "policies": "hodl",
        "windows": {"first": date(2026, 1, 1), "last": last, "length_days": length, "step_days": step},
    }
    if length > days:
        with pytest.raises(ConfigError, match=f"no window of {length} days fits"):
            grid_from_table(table, "my.toml", BASE, LimitsConfig())
        return
    windows = grid_from_table(table, "my.toml", BASE, LimitsConfig()).windows
    assert {one.end_at - one.first_at for one in windows} == {timedelta(days=length)}
    assert {after.first_at - one.first_at for one, after in pairwise(windows)} <= {timedelta(days=step)}
    end_at = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    assert windows[-1].end_at <= end_at < windows[-1].end_at + timedelta(days=step)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pairs = [", "grid my.toml: "),
        ('policies = "hodl"', "my.toml: pairs is missing"),
        ('pairs = "A-B"', "my.toml: policies is missing"),
        ('pairs = "A-B"\npolicies = "hodl"', "my.toml: windows is missing"),
        (SMALL + "strategies = 1", "my.toml: unknown key 'strategies'; known are pairs, "),
        (SMALL.replace('"hodl"', '"hold"'), "my.toml: policies = 'hold': policy 'hold' is not known; there are: "),
        (SMALL.replace('"hodl"', "[]"), "my.toml: policies = []: has no value"),
        (SMALL.replace('"hodl"', '["hodl", "hodl"]'), "'hodl' is listed twice"),
        (SMALL.replace('"WETH-USDC"', "7"), "my.toml: pairs = 7: Input should be a valid string"),
        (SMALL + "[strategy]\nmin_holt = 1", "my.toml: unknown key strategy.min_holt; known are amortize_days, "),
        (SMALL + '[strategy]\nlvr_weight = "0.5"', "my.toml: strategy.lvr_weight = '0.5': Input should be a valid num"),
        (SMALL + "[strategy]\nlvr_weight = [0.5, true]", "my.toml: strategy.lvr_weight = True: Input should be a"),
        (SMALL + "[strategy]\nlvr_weight = nan", "my.toml: strategy.lvr_weight = nan: must be finite and not negative"),
        (SMALL + "[strategy]\nlvr_weight = [0.5, 0.50]", "my.toml: strategy.lvr_weight = [0.5, 0.5]: a value is liste"),
        (SMALL + "[strategy]\nmax_positions = 1.5", "my.toml: strategy.max_positions = 1.5: Input should be a valid"),
        (SMALL + "[strategy]\noptimize = 1", "my.toml: strategy.optimize = 1: Input should be a valid boolean"),
        (SMALL + '[strategy]\nmin_hold = "soon"', "my.toml: strategy.min_hold = 'soon': Input should be a valid timed"),
        (SMALL + '[strategy]\nmin_hold = "-PT1H"', "my.toml: strategy.min_hold = '-PT1H': must be finite and not neg"),
        (SMALL + '[strategy]\npolicy = "seed"', "my.toml: strategy.policy = 'seed': name it in policies"),
        (SMALL + "[strategy]\nyield_window_epochs = 999999", "strategy.yield_window_epochs = 999999: must be at most"),
        (SMALL + "[venue]\nfailure_frac = 1.5", "my.toml: venue.failure_frac = 1.5: must be at most 1"),
        (SMALL + "[venue]\nlatency_epochs = -1", "my.toml: venue.latency_epochs = -1: must be finite and not negative"),
        (SMALL + "[range]\nbase_max_frac = -0.5", "my.toml: [range] RangeParams(base_min_frac=0.0005, base_max_frac="),
        (
            SMALL.replace("10000", "0") + "capital_usd = 0",
            "my.toml: capital_usd = 0.0: must be positive, or 'recorded'",
        ),
        (SMALL + "quote_usd = 0", "my.toml: quote_usd = 0.0: must be more than 0"),
        (SMALL + "quote_usd = [1.0]", "my.toml: quote_usd = [1.0]: Input should be a valid number"),
        (SMALL + "native_usd = 3", "my.toml: native_usd = 3: must be a table, [native_usd]"),
        (SMALL + "native_usd = {polygon = 0.45}", "my.toml: native_usd.polygon: must be a chain id, e.g. 137 = 0.45"),
        (SMALL + "native_usd = {137 = -1.0}", "my.toml: native_usd.137 = -1.0: must be finite and not negative"),
        (SMALL + 'capital_usd = "all"', "my.toml: capital_usd = 'all': Input should be a valid number"),
        (SMALL + "venue = 3", "my.toml: venue = 3: must be a table, [venue]"),
        (
            SMALL.replace("last = 2026-01-05", "last = 2025-12-31"),
            "windows: last 2025-12-31 is before first 2026-01-01",
        ),
        (SMALL.replace("last = 2026-01-05", "to = 3"), "my.toml: unknown key windows.'to'; known are first, last"),
        (SMALL.replace(", last = 2026-01-05", ""), "my.toml: windows.last is missing"),
        (SMALL.replace("2026-01-05", "2026-01-05T00:00:00Z"), "is not a day from 2015 to 2200"),
        (
            SMALL.replace("2026-01-05", "9999-12-31"),
            "my.toml: windows.last = datetime.date(9999, 12, 31): is not a day",
        ),
        (SMALL.replace("2026-01-05", '"tomorrow"'), "my.toml: windows.last = 'tomorrow': is not a day, e.g."),
        (SMALL.replace("2026-01-05}", "2026-01-05, length_days = 0}"), "windows.length_days = 0: must be at least 1"),
        (
            SMALL + f"[venue]\nseed = {list(range(MAX_CELLS + 1))}",
            f"my.toml: {MAX_CELLS + 1} combinations; at most {MAX_CELLS} make a sweep",
        ),
    ],
)
def test_a_bad_grid_is_named_by_file_key_and_value(text: str, named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parsed(text)
    assert named in str(raised.value)
    assert len(str(raised.value)) < 1_000


def test_a_file_that_is_no_text_or_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    for content in (None, b"\xff\xfe"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError, match=str(file)):
            read_grid(file, BASE, LimitsConfig())


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**4_400),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.sampled_from(["hodl", "wide", "WETH-USDC", "PT1H", "recorded", "2026-01-01", 0.5, 1, 2]),
)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))
fields = st.sampled_from(
    ["min_hold", "lvr_weight", "optimize", "max_positions", "seed", "failure_frac", "base_max_frac"]
)
sections = st.dictionaries(fields, anything, max_size=2)
windows = st.fixed_dictionaries(
    {"first": st.dates(date(2025, 12, 1), date(2026, 2, 1)), "last": st.dates() | st.just(date(2026, 2, 1))},
    optional={"length_days": anything, "step_days": anything},
)
good = {"pairs": "WETH-USDC", "policies": "hodl", "windows": {"first": date(2026, 1, 1), "last": date(2026, 1, 5)}}


@settings(max_examples=400)
@given(
    table=st.one_of(
        st.dictionaries(st.sampled_from(SECTIONS) | st.text(max_size=6), anything, max_size=4),
        st.tuples(st.sampled_from(SECTIONS), anything | sections | windows).map(lambda one: good | {one[0]: one[1]}),
    )
)
def test_whatever_a_grid_says_it_is_a_grid_or_a_named_error(table: dict[str, object]) -> None:
    grid = grid_or_reason(lambda: grid_from_table(table, "my.toml", BASE, LimitsConfig()))
    if isinstance(grid, str):
        assert grid.startswith("my.toml: ")
        return
    assert 1 <= cell_count(grid) <= MAX_CELLS
    assert len(set(cells_of(grid)[:100])) == min(100, cell_count(grid))


@settings(max_examples=200)
@given(text=st.text(max_size=60) | st.tuples(st.just(SMALL), st.text(max_size=40)).map("".join))
def test_whatever_text_a_file_has_it_is_a_grid_or_a_named_error(text: str) -> None:
    grid = grid_or_reason(lambda: parsed(text))
    assert isinstance(grid, SweepGrid) or "my.toml" in grid


def test_a_deep_or_endless_value_is_a_named_error() -> None:
    for text in (
        f"{SMALL}a = {'[' * 5_000}",
        f"{SMALL}[venue]\nseed = 0x{'f' * 9_000}",
        f"{SMALL}capital_usd = 1{'0' * 9_000}",
    ):
        with pytest.raises(ConfigError, match=r"my\.toml"):
            parsed(text)
