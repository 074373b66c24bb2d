"""Windows of a grid file: days listed one by one, or a window that rolls over a longer time."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

from alm_core.model.errors import ConfigError
from alm_core.model.sweeps import SweepWindow
from alm_resources.sweeps.values import one_of_kind, shown

FIRST_YEAR, LAST_YEAR = 2015, 2200
MAX_WINDOWS = 10_000
_ROLLING = ("first", "last", "length_days", "step_days")


def windows_from(value: object, where: str) -> tuple[SweepWindow, ...]:
    """Return the windows of a grid.

    Parameters
    ----------
    value
        A list of tables with ``first`` and ``last``, both days included, or one table with a rule: windows of
        ``length_days`` from ``first`` on, each ``step_days`` (default ``length_days``) after the one before, as long as
        they end by ``last``.
    where
        The file, for messages.

    Raises
    ------
    ConfigError
        Naming file, key and value.
    """
    if value is None:
        raise ConfigError(f"{where}: windows is missing")
    if isinstance(value, dict):
        return _rolled(cast("Mapping[str, object]", value), where)
    tables = cast("list[object]", value) if isinstance(value, list) else []
    if not tables:
        raise ConfigError(f"{where}: windows = {shown(cast(object, value))}: must be a table or a list of tables")
    if len(tables) > MAX_WINDOWS:
        raise ConfigError(f"{where}: {len(tables)} windows; at most {MAX_WINDOWS} make a sweep")
    found: list[SweepWindow] = []
    for number, one in enumerate(tables):
        window = _window(one, where, f"windows[{number}]")
        if window in found:
            raise ConfigError(f"{where}: windows[{number}] = {window.name}: is listed twice")
        found.append(window)
    return tuple(found)


def _window(value: object, where: str, key: str) -> SweepWindow:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {key} = {shown(value)}: must be a table with first and last")
    table = cast("Mapping[str, object]", value)
    _refuse_unknown(table, ("first", "last"), where, key)
    return _of_days(_day(table, "first", where, key), _day(table, "last", where, key), where, key)


def _rolled(table: Mapping[str, object], where: str) -> tuple[SweepWindow, ...]:
    if "length_days" not in table:
        return (_window(table, where, "windows"),)
    _refuse_unknown(table, _ROLLING, where, "windows")
    first, last = (_day(table, key, where, "windows") for key in ("first", "last"))
    length = _count(table["length_days"], f"{where}: windows.length_days")
    step = _count(table.get("step_days", length), f"{where}: windows.step_days")
    count = ((last - first).days + 1 - length) // step + 1
    if count < 1:
        raise ConfigError(f"{where}: windows: no window of {length} days fits from {first} to {last}")
    if count > MAX_WINDOWS:
        raise ConfigError(f"{where}: windows: {count} windows; at most {MAX_WINDOWS} make a sweep")
    starts = [first + timedelta(days=number * step) for number in range(count)]
    return tuple(_of_days(start, start + timedelta(days=length - 1), where, "windows") for start in starts)


def _refuse_unknown(table: Mapping[str, object], known: tuple[str, ...], where: str, key: str) -> None:
    for name in table:
        if name not in known:
            raise ConfigError(f"{where}: unknown key {key}.{shown(name)}; known are {', '.join(known)}")


def _day(table: Mapping[str, object], name: str, where: str, key: str) -> date:
    at = f"{where}: {key}.{name}"
    if name not in table:
        raise ConfigError(f"{at} is missing")
    value = table[name]
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(f"{at} = {shown(value)}: is not a day, e.g. 2026-01-31") from error
    # A datetime is a date to Python; a window has whole days.
    if type(value) is not date or not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ConfigError(f"{at} = {shown(value)}: is not a day from {FIRST_YEAR} to {LAST_YEAR}")
    return value


def _count(value: object, at: str) -> int:
    count = cast(int, one_of_kind(value, int, at))
    if count < 1:
        raise ConfigError(f"{at} = {count}: must be at least 1")
    return count


def _of_days(first: date, last: date, where: str, key: str) -> SweepWindow:
    if last < first:
        raise ConfigError(f"{where}: {key}: last {last} is before first {first}")
    after = last + timedelta(days=1)
    return SweepWindow(first_at=datetime.combine(first, time(), UTC), end_at=datetime.combine(after, time(), UTC))
