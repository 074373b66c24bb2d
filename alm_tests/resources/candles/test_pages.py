from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.errors import BadAnswer
from alm_resources.candles.pages import RowShape, read_page, series_from_rows
from alm_tests.resources.candles.scene import START_MS, ms

PLAIN = RowShape(positions=(0, 1, 2, 3, 4, 5), time_ms=1)
GATE = RowShape(positions=(0, 5, 3, 4, 2, 6), time_ms=1000)
ROW = [START_MS, "2000.5", "2002", "1999.25", "2001", "3.5"]


def rows(count: int = 5) -> list[list[Any]]:
    return [[START_MS + n * 60_000, *ROW[1:]] for n in range(count)]


def test_numbers_and_decimal_strings_are_the_same() -> None:
    as_text = [[str(value) for value in row] for row in rows()]
    page = read_page("x", rows(), "ascending", PLAIN)
    assert page.tolist() == read_page("x", as_text, "ascending", PLAIN).tolist()
    assert page[2].tolist() == [ms(2), 2000.5, 2002.0, 1999.25, 2001.0, 3.5]


def test_columns_are_taken_from_where_the_exchange_has_them() -> None:
    wire = [[str(START_MS // 1000), "7000", "2001", "2002", "1999.25", "2000.5", "3.5", "true"]]
    assert read_page("gate", wire, "ascending", GATE).tolist() == [[START_MS, 2000.5, 2002.0, 1999.25, 2001.0, 3.5]]


def test_a_time_that_overflows_in_milliseconds_is_refused() -> None:
    wire = [["1e308", "7000", "2001", "2002", "1999.25", "2000.5", "3.5", "true"]]
    with pytest.raises(BadAnswer, match="does not open on a whole minute"):
        read_page("gate", wire, "ascending", GATE)


def test_descending_rows_come_out_ascending() -> None:
    page = read_page("x", rows()[::-1], "descending", PLAIN)
    assert page[:, 0].tolist() == [ms(n) for n in range(5)]
    assert series_from_rows(page).ts_ms.tolist() == [ms(n) for n in range(5)]


def test_a_page_without_rows_is_empty() -> None:
    assert read_page("x", [], "ascending", PLAIN).shape == (0, 6)


BAD_VALUES: list[tuple[int, Any, str]] = [
    (4, "NaN", "close is 'NaN', not a finite number"),
    (2, "Infinity", "high is 'Infinity', not a finite number"),
    (2, float("inf"), "high is inf, not a finite number"),
    (1, None, "open is None, not a finite number"),
    (1, True, "open is True, not a finite number"),
    (1, "", "open is '', not a finite number"),
    (5, "\u0661\u0662", "volume is '\u0661\u0662', not a finite number"),
    (5, "1_0", "volume is '1_0', not a finite number"),
    (5, " 1", "volume is ' 1', not a finite number"),
    (5, "0x1", "volume is '0x1', not a finite number"),
    (3, "low", "low is 'low', not a finite number"),
    (3, ["1"], "low is ['1'], not a finite number"),
    (1, 10**400, "not a finite number"),
    (3, "-1", "low is -1.0, must be positive"),
    (1, "0", "open is 0.0, must be positive"),
    (5, "-0.5", "volume is -0.5, must not be negative"),
    (5, "1e300", "volume is 1e+300, out of range"),
    (5, 1e30, "volume is 1e+30, out of range"),
    (2, 1e308, "high is 1e+308, out of range"),
    (2, "1", "do not enclose open"),
    (3, "2001", "do not enclose open"),
    (0, START_MS + 120_001, f"{START_MS + 120_001} ms does not open on a whole minute"),
    (0, -60_000, "does not open on a whole minute"),
    (0, None, "open time is None"),
    (0, "1e308", "does not open on a whole minute"),
]


@pytest.mark.parametrize(("column", "value", "said"), BAD_VALUES)
def test_one_bad_value_refuses_the_page_and_is_named(column: int, value: Any, said: str) -> None:
    wire = rows()
    wire[2][column] = value
    with pytest.raises(BadAnswer) as refused:
        read_page("binance ETH/USDC", wire, "ascending", PLAIN)
    assert said in str(refused.value)
    assert refused.value.source == "binance ETH/USDC"


def test_a_bad_value_is_named_with_its_minute() -> None:
    wire = rows()
    wire[3][4] = "oops"
    with pytest.raises(BadAnswer, match="minute 2026-11-01T00:03Z: close is 'oops'"):
        read_page("x", wire, "ascending", PLAIN)


@pytest.mark.parametrize("row", ["1234567", {"0": 1}, None, 7, (1, 2, 3, 4, 5, 6)])
def test_a_row_that_is_no_list_is_refused(row: Any) -> None:
    with pytest.raises(BadAnswer, match="no list of values"):
        read_page("x", [*rows(), row], "ascending", PLAIN)


def test_a_row_that_is_too_short_is_refused() -> None:
    with pytest.raises(BadAnswer, match="volume is None"):
        read_page("x", [*rows(), [ms(5), *ROW[1:5]]], "ascending", PLAIN)


@pytest.mark.parametrize(("order", "wire"), [("ascending", rows()[::-1]), ("descending", rows())])
def test_rows_the_other_way_round_are_refused(order: Any, wire: list[Any]) -> None:
    with pytest.raises(BadAnswer, match=f"rows must be {order}"):
        read_page("x", wire, order, PLAIN)


def test_a_minute_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BadAnswer, match="2026-11-01T00:04Z follows 2026-11-01T00:04Z"):
        read_page("x", [*rows(), rows()[-1]], "ascending", PLAIN)


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.floats().map(str), st.lists(st.none())
)
prices = st.floats(min_value=1e-9, max_value=1e12)


@given(st.lists(st.one_of(st.lists(values, max_size=9), values), max_size=6), st.sampled_from([PLAIN, GATE]))
def test_whatever_comes_is_a_bad_answer_or_finite_numbers(wire: list[Any], shape: RowShape) -> None:
    try:
        page = read_page("x", wire, "ascending", shape)
    except BadAnswer:
        return
    assert np.isfinite(page).all()
    assert len(page) == len(wire)


@given(st.lists(st.tuples(prices, prices, st.floats(min_value=0, max_value=1e12)), min_size=1, max_size=20))
def test_a_good_page_is_read_to_the_last_digit(candles: list[tuple[float, float, float]]) -> None:
    wire = [
        [ms(n), repr(opened), repr(max(opened, close)), repr(min(opened, close)), repr(close), repr(volume)]
        for n, (opened, close, volume) in enumerate(candles)
    ]
    page = read_page("x", wire, "ascending", PLAIN)
    assert page[:, 1].tolist() == [opened for opened, _, _ in candles]
    assert page[:, 4].tolist() == [close for _, close, _ in candles]
    assert page[:, 5].tolist() == [volume for _, _, volume in candles]
