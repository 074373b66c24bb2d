"""Faults of candle rows that both exchanges share: column 0 is the open time, column 4 the close."""

from typing import Any

from alm_localnet.servers.faults import Fault


def spoil(rows: list[list[Any]], fault: Fault | None) -> list[list[Any]]:
    """Return the rows as a faulty exchange would send them."""
    if fault is None or not rows:
        return rows
    middle = len(rows) // 2
    match fault.kind:
        case "nan_candle":
            return [[*row[:4], "NaN", *row[5:]] if index == middle else row for index, row in enumerate(rows)]
        case "negative_price":
            return [
                [row[0], *(f"-{price}" for price in row[1:5]), *row[5:]] if index == middle else row
                for index, row in enumerate(rows)
            ]
        case "reversed_order":
            return rows[::-1]
        case "gap":
            return rows[:middle] + rows[middle + 3 :]
        case "empty":
            return []
        case _:
            return rows
