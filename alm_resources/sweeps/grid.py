"""Grid files: TOML that says what a sweep goes through. Schema: docs/how-to/sweep.md."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TypeVar, cast

from alm_core.model.backtest import VenueConfig
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.model.sweeps import SweepGrid
from alm_resources.registry import Registry
from alm_resources.registry.natives import native_sources
from alm_resources.sweeps.values import listed, one_of_kind, shown
from alm_resources.sweeps.windows import windows_from

MAX_CELLS = 50_000
MAX_YIELD_WINDOW = 366 * 96
MAX_CHAIN_DIGITS = 18
SECTIONS = ("pairs", "policies", "windows", "capital_usd", "quote_usd", "native_usd", "venue", "strategy", "range")
RECORDED = "recorded"
"""Capital that begins with the holdings recorded at the first epoch."""

_Value = TypeVar("_Value")
_Config = TypeVar("_Config", VenueConfig, StrategyConfig, RangeParams)


def read_grid(
    path: Path, strategy: StrategyConfig, limits: LimitsConfig, registry: Registry | None = None
) -> SweepGrid:
    """Read a grid file.

    Parameters
    ----------
    path
        TOML file.
    strategy, limits
        What holds where the grid says nothing: those of the configuration.
    registry
        Tells which closes price native coins for snapshots read afterwards; without one, only the grid does.

    Raises
    ------
    ConfigError
        Naming file, key and value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"grid {path}: {error}") from error
    return grid_from_text(text, str(path), strategy, limits, registry)


def grid_from_text(
    text: str, where: str, strategy: StrategyConfig, limits: LimitsConfig, registry: Registry | None = None
) -> SweepGrid:
    """Return the grid of a file's text; ``where`` names it in messages.

    Raises
    ------
    ConfigError
        Naming ``where``, key and value.
    """
    try:
        table = tomllib.loads(text)
    # Numbers of thousands of digits are ValueErrors, as TOML errors are.
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"grid {where}: {error}") from error
    return grid_from_table(table, where, strategy, limits, registry)


def grid_from_table(
    table: Mapping[str, object],
    where: str,
    strategy: StrategyConfig,
    limits: LimitsConfig,
    registry: Registry | None = None,
) -> SweepGrid:
    """Return the grid of a parsed file.

    Raises
    ------
    ConfigError
        Naming ``where``, key and value; also if there are more than ``MAX_CELLS`` combinations.
    """
    for name in table:
        if name not in SECTIONS:
            raise ConfigError(f"{where}: unknown key {shown(name)}; known are {', '.join(SECTIONS)}")
    pairs, policies = _names(table, "pairs", where), _policies(table, where)
    windows = windows_from(table.get("windows"), where)
    capitals = _capitals(table.get("capital_usd", 10_000.0), where)
    axes = {name: _axes(table.get(name, {}), name, kind, where) for name, kind in _KINDS.items()}
    varied = [name for name, values in (("pairs", pairs), ("policies", policies), ("windows", windows)) if values[1:]]
    varied += ["capital_usd"] if capitals[1:] else []
    varied += [f"{name}.{key}" for name, one in axes.items() for key, values in one.items() if values[1:]]
    count = len(pairs) * len(policies) * len(windows) * len(capitals)
    for one in axes.values():
        for values in one.values():
            count *= len(values)
    if count > MAX_CELLS:
        raise ConfigError(f"{where}: {count} combinations; at most {MAX_CELLS} make a sweep")
    return SweepGrid(
        pairs=pairs,
        policies=policies,
        windows=windows,
        capitals_usd=capitals,
        venues=_combined(VenueConfig(), axes["venue"]),
        strategies=_combined(strategy, axes["strategy"]),
        ranges=_ranges(axes["range"], where),
        limits=limits,
        quote_usd=_price(table["quote_usd"], f"{where}: quote_usd") if "quote_usd" in table else None,
        native_usd=_natives(table.get("native_usd", {}), where),
        native_from={} if registry is None else {pair: native_sources(registry, pair) for pair in pairs},
        varied=tuple(varied),
    )


_KINDS: dict[str, type[VenueConfig] | type[StrategyConfig] | type[RangeParams]] = {
    "venue": VenueConfig,
    "strategy": StrategyConfig,
    "range": RangeParams,
}
Axes = dict[str, tuple[object, ...]]


def _names(table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    if key not in table:
        raise ConfigError(f"{where}: {key} is missing")
    at = f"{where}: {key}"
    return tuple(cast(str, one_of_kind(value, str, at)) for value in listed(table[key], at))


def _policies(table: Mapping[str, object], where: str) -> tuple[str, ...]:
    from alm_core.backtest.deciders import decider_named

    names = _names(table, "policies", where)
    for name in names:
        try:
            decider_named(name)
        except InvalidInput as error:
            raise ConfigError(f"{where}: policies = {shown(name)}: {error}") from error
    return names


def _capitals(value: object, where: str) -> tuple[float | None, ...]:
    at = f"{where}: capital_usd"
    found: list[float | None] = []
    for one in listed(value, at):
        usd = None if one == RECORDED else cast(float, one_of_kind(one, float, at))
        if usd is not None and not usd > 0:
            raise ConfigError(f"{at} = {usd}: must be positive, or {RECORDED!r}")
        found.append(usd)
    return _once(found, at)


def _price(value: object, at: str) -> float:
    usd = cast(float, one_of_kind(value, float, at))
    if not usd > 0:
        raise ConfigError(f"{at} = {usd}: must be more than 0")
    return usd


def _natives(value: object, where: str) -> tuple[tuple[int, float], ...]:
    """Return USD per native coin by chain."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: native_usd = {shown(value)}: must be a table, [native_usd]")
    found: dict[int, float] = {}
    for key, usd in cast("dict[str, object]", value).items():
        if not (key.isascii() and key.isdigit() and len(key) <= MAX_CHAIN_DIGITS):
            raise ConfigError(f"{where}: native_usd.{key:.80}: must be a chain id, e.g. 137 = 0.45")
        found[int(key)] = _price(usd, f"{where}: native_usd.{key}")
    return tuple(sorted(found.items()))


def _axes(section: object, name: str, kind: type, where: str) -> Axes:
    """Return the values of every key of a section, each checked against the field of its name."""
    from typing import get_type_hints

    if not isinstance(section, dict):
        raise ConfigError(f"{where}: {name} = {shown(section)}: must be a table, [{name}]")
    hints, found = get_type_hints(kind), Axes()
    for key, value in cast("dict[str, object]", section).items():
        if key not in hints:
            raise ConfigError(f"{where}: unknown key {name}.{key:.80}; known are {', '.join(sorted(hints))}")
        if (name, key) == ("strategy", "policy"):
            raise ConfigError(f"{where}: strategy.policy = {shown(value)}: name it in policies")
        at = f"{where}: {name}.{key}"
        checked = [one_of_kind(one, hints[key], at, signed=name == "range") for one in listed(value, at)]
        _refuse_out_of_bounds(key, checked, at)
        found[key] = _once(checked, at)
    return found


def _once(values: Sequence[_Value], at: str) -> tuple[_Value, ...]:
    if len(set(values)) != len(values):
        raise ConfigError(f"{at} = {shown(list(values))}: a value is listed twice")
    return tuple(values)


def _refuse_out_of_bounds(key: str, values: Sequence[object], at: str) -> None:
    ceilings = {"yield_window_epochs": MAX_YIELD_WINDOW, "failure_frac": 1.0}
    for value in values:
        if key in ceilings and isinstance(value, int | float) and value > ceilings[key]:
            raise ConfigError(f"{at} = {value}: must be at most {ceilings[key]}")


def _combined(start: _Config, axes: Axes) -> tuple[_Config, ...]:
    """Return a configuration with every combination of the values of its axes."""
    return tuple(replace(start, **dict(zip(axes, values, strict=True))) for values in product(*axes.values()))


def _ranges(axes: Axes, where: str) -> tuple[RangeParams | None, ...]:
    from alm_core.ranges.range import check_params

    if not axes:
        return (None,)
    found = _combined(RangeParams(), axes)
    for params in found:
        try:
            check_params(params)
        except InvalidInput as error:
            raise ConfigError(f"{where}: [range] {params}: {error}") from error
    return found
