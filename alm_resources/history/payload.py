"""Stored form of a value: canonical JSON that gives back exactly what was written, and flat columns for SQL."""

import json
import re
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from alm_core.model.errors import InvalidInput

T = TypeVar("T")

Scalar = str | int | float | bool | datetime | None
MAX_INT64 = 2**63 - 1
# Infinite numbers and times without a zone pass for values of their types; texts that may hold one are looked at twice.
_SUSPECT = re.compile(r'[0-9][eE]\+?[0-9]{3}|Infinity|NaN|"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]*)?"')


def payload_of(value: object) -> str:
    """Return the canonical JSON of a dataclass: sorted keys, no spaces, exact integers of any size, shortest floats.

    Raises
    ------
    InvalidInput
        If it holds NaN, an infinity, or a value its own type does not allow.
    """
    try:
        plain = _adapter(type(value)).dump_python(value, warnings="error")
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    except (ValueError, TypeError, PydanticSerializationError) as error:
        raise InvalidInput(f"{type(value).__name__} cannot be stored: {error}") from error


def value_from_payload(kind: type[T], payload: str, where: str) -> T:
    """Return the value that :func:`payload_of` wrote.

    Raises
    ------
    InvalidInput
        If the text is not a ``kind``; names ``where`` it was read.
    """
    try:
        value = cast(T, _adapter(kind).validate_json(payload))
        if _SUSPECT.search(payload):
            payload_of(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{where}: not a {kind.__name__}: {field}: {first['msg']}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from error
    return value


def columns_of(value: object) -> dict[str, Scalar]:
    """Return the flat columns of a dataclass: its scalars, those of dataclasses directly inside it, sizes of tuples.

    Integers beyond 64 bits are null here; the payload has them exactly.
    """
    flat: dict[str, Scalar] = {}
    for name, inner in _items(value):
        if is_dataclass(inner):
            flat.update({f"{name}_{key}": _scalar(v) for key, v in _items(inner) if _is_scalar(v)})
        elif isinstance(inner, tuple):
            flat[f"{name}_count"] = len(cast(tuple[object, ...], inner))
        elif _is_scalar(inner):
            flat[name] = _scalar(inner)
    return flat


@lru_cache(maxsize=64)
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _plain(value: object) -> str | float:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value).__name__} has no stored form")


def _items(value: object) -> list[tuple[str, object]]:
    return [(field.name, getattr(value, field.name)) for field in fields(cast(Any, value))]


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | datetime)


def _scalar(value: object) -> Scalar:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, int) and abs(value) > MAX_INT64:
        return None
    return cast(Scalar, value)
