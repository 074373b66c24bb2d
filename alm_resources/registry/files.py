"""Registry files: read, laid over each other and checked, every complaint with its file."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from alm_core.model.errors import ConfigError
from alm_resources.registry.entries import Entry, MetaEntry

Key = tuple[str, ...]
Table = dict[str, Any]

BUILT_IN_FILES = ("chains", "tokens", "dexes", "pools", "pairs", "services")

# What makes an entry of a list the same entry in an overlay.
IDENTITY: dict[str, tuple[str, ...]] = {
    "tokens": ("chain", "address"),
    "dexes": ("id",),
    "pools": ("chain", "address"),
    "pairs": ("id",),
    "sources": ("pair", "exchange"),
}

_Entry = TypeVar("_Entry", bound=Entry)
_ADDRESS = re.compile(r"""(\w+://)(?:[^/@\s'"]*@)?([^/?\s'"]*)[^\s'"]*""")


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry before validation, with the file it came from."""

    origin: str
    where: str
    value: Table

    @property
    def place(self) -> str:
        """File and entry, for messages."""
        return f"{self.origin}: {self.where}"

    def read_as(self, kind: type[_Entry]) -> _Entry:
        """Validate.

        Raises
        ------
        ConfigError
            Naming file, entry, key and value.
        """
        try:
            return kind.model_validate(self.value)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"]) or "entry"
            message = f"{self.origin}: {self.where}: {path} = {_shown(first['input'])}: {first['msg']}"
            raise ConfigError(message) from None  # the other error shows every value, addresses with keys too


def _shown(value: object) -> str:
    """Return a value for a message; addresses of services end with their host, for what follows is often a key."""
    return _ADDRESS.sub(r"\1\2", repr(value))


@dataclass(frozen=True, slots=True)
class RawRegistry:
    """All entries by section and identity."""

    sections: dict[str, dict[Key, RawEntry]] = field(default_factory=dict[str, dict[Key, RawEntry]])

    def entries(self, section: str) -> Iterator[tuple[Key, RawEntry]]:
        """Entries of a section in file order."""
        yield from self.sections.get(section, {}).items()


def wallet_entry(origin: str, content: object) -> RawEntry:
    """Return ``[wallet]``; what somebody wrote in its place is never shown, it may be a key."""
    if not isinstance(content, dict):
        raise ConfigError(f"{origin}: wallet: must be a table, [wallet] (what stands there is not shown)")
    return RawEntry(origin, "[wallet]", cast("Table", content))


def refused(raw: RawEntry, key: str, value: object, why: str) -> ConfigError:
    """Return the error that refuses one value of an entry."""
    return ConfigError(f"{raw.place}: {key} = {value!r}: {why}")


def read_raw(overlay: Path | None) -> RawRegistry:
    """Read the built-in files and, if given, an overlay on top or instead of them.

    Raises
    ------
    ConfigError
        If a file cannot be read, or holds an entry twice.
    """
    if overlay is None:
        return _built_in()
    tables = _parse(str(overlay), _text_of(overlay))
    meta = RawEntry(str(overlay), "[meta]", tables.pop("meta", {})).read_as(MetaEntry)
    raw = RawRegistry() if meta.mode == "replace" else _built_in()
    _add_tables(raw, str(overlay), tables)
    return raw


def _built_in() -> RawRegistry:
    raw = RawRegistry()
    folder = files("alm_resources.registry") / "data"
    for name in BUILT_IN_FILES:
        origin = f"built-in registry {name}.toml"
        _add_tables(raw, origin, _parse(origin, (folder / f"{name}.toml").read_text(encoding="utf-8")))
    return raw


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"registry {path}: cannot be read: {error}") from error


def _parse(origin: str, text: str) -> Table:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{origin}: not TOML: {error}") from error


def _add_tables(raw: RawRegistry, origin: str, tables: Mapping[str, object]) -> None:
    for section, content in tables.items():
        if section == "services":
            _add(raw, section, (), RawEntry(origin, "[services]", _table(origin, section, content)))
        elif section == "wallet":
            _add(raw, section, (), wallet_entry(origin, content))
        elif section == "chains":
            for chain_id, chain in _table(origin, section, content).items():
                where = f"[chains.{chain_id}]"
                _add(raw, section, (chain_id,), RawEntry(origin, where, _table(origin, where, chain)))
        elif section in IDENTITY:
            _add_list(raw, origin, section, content)
        else:
            raise ConfigError(f"{origin}: unknown section [{section}]")


def _add_list(raw: RawRegistry, origin: str, section: str, content: object) -> None:
    if not isinstance(content, list):
        raise ConfigError(f"{origin}: {section} = {content!r}: must be a list of tables, [[{section}]]")
    seen: set[Key] = set()
    for number, item in enumerate(cast("list[object]", content)):
        where = f"[[{section}]] number {number + 1}"
        entry = RawEntry(origin, where, _table(origin, where, item))
        key = _key(entry, section)
        if key in seen:
            raise ConfigError(f"{origin}: {where}: {' '.join(key)} is listed twice")
        seen.add(key)
        _add(raw, section, key, entry)


def _key(entry: RawEntry, section: str) -> Key:
    for name in IDENTITY[section]:
        if name not in entry.value:
            raise ConfigError(f"{entry.origin}: {entry.where}: {name} is missing")
    # Addresses differ in case only by checksum: two spellings are one entry.
    return tuple(str(entry.value[name]).lower() for name in IDENTITY[section])


def _add(raw: RawRegistry, section: str, key: Key, entry: RawEntry) -> None:
    entries = raw.sections.setdefault(section, {})
    before = entries.get(key)
    value = entry.value if before is None else _overlaid(before.value, entry.value)
    entries[key] = RawEntry(entry.origin, entry.where, value)


def _overlaid(below: Table, above: Table) -> Table:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[name] = _overlaid(cast("Table", old), cast("Table", value))
        else:
            merged[name] = value
    return merged


def _table(origin: str, where: str, content: object) -> Table:
    if not isinstance(content, dict):
        raise ConfigError(f"{origin}: {where} = {content!r}: must be a table")
    return cast("Table", content)
