"""One text for one value: deterministic JSON of the core's dataclasses, and its hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import cast

from alm_core.model.errors import InvalidInput


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
    """Return the SHA-256 of the canonical JSON of the values, as hex."""
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | bool | int | float):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput(f"time {value.isoformat()} has no time zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return {str(key): _plain(item) for key, item in items.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in cast("list[object]", value)]
    raise InvalidInput(f"no canonical form of {type(value).__name__}")
