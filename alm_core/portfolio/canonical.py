"""One text for one value: deterministic JSON of the core's dataclasses, and its hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import cast

from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces; floats as ``repr``, integers exact, times in UTC.

    Raises
    ------
    InvalidInput
        If a value has no canonical form (NaN, infinity, a naive time, an unknown type).

    Examples
    --------
    >>> canonical_json({"b": (1, 2.5), "a": None})
    '{"a":null,"b":[1,2.5]}'
    """
    try:
        return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as problem:
        raise InvalidInput(f"no canonical form: {problem}") from problem


def canonical_hash(*values: object) -> str:
    """Return the SHA-256 of the canonical JSON of the values, as hex.

    A market snapshot stands in it as its own hash: the same one is in the past of 96 epochs and is hashed once.

    Raises
    ------
    InvalidInput
        As :func:`canonical_json`.
    """
    return _sha256(canonical_json([_plain(value, digested=True) for value in values]))


class _Same:
    """Stands for a value in a cache by identity: comparing snapshots would cost more than is saved."""

    __slots__ = ("value",)

    def __init__(self, value: MarketSnapshot) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


@lru_cache(maxsize=512)
def _snapshot_sha256(snapshot: _Same) -> str:
    return _sha256(canonical_json(snapshot.value))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object, *, digested: bool = False) -> object:
    if digested and isinstance(value, MarketSnapshot):
        return _snapshot_sha256(_Same(value))
    if value is None or isinstance(value, str | bool | int | float):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput(f"time {value.isoformat()} has no time zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), digested=digested) for field in fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return {str(key): _plain(item, digested=digested) for key, item in items.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, digested=digested) for item in cast("list[object]", value)]
    raise InvalidInput(f"no canonical form of {type(value).__name__}")
