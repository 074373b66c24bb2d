"""Values of a grid file: of the kind a field has, finite, and told in messages whatever they are."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from alm_core.model.errors import ConfigError

MAX_INT = 2**31 - 1
SHOWN = 80


def shown(value: object) -> str:
    """Return a value as a message may carry it."""
    try:
        text = repr(value)
    # Python writes no integers of thousands of digits, and no lists a thousand deep.
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def listed(value: object, at: str) -> Sequence[object]:
    """Return the values of a key: a list is an axis, anything else its only value.

    Raises
    ------
    ConfigError
        If the list is empty or has a text twice.
    """
    if not isinstance(value, list):
        return (value,)
    values = cast("list[object]", value)
    if not values:
        raise ConfigError(f"{at} = []: has no value")
    for place, one in enumerate(values):
        if isinstance(one, str) and one in values[:place]:
            raise ConfigError(f"{at} = {shown(values)}: {shown(one)} is listed twice")
    return values


def one_of_kind(value: object, kind: Any, at: str, *, signed: bool = False) -> object:
    """Return a value as its field holds it; a duration is a number of seconds or an ISO 8601 text.

    Parameters
    ----------
    value, kind
        What the file says, and the type of the field.
    at
        File and key, for the message.
    signed
        Whether it may be negative.

    Raises
    ------
    ConfigError
        If it is of another type, not finite, out of bounds, or negative where that has no meaning.
    """
    from pydantic import TypeAdapter, ValidationError

    lax = kind is timedelta and isinstance(value, int | float | str) and not isinstance(value, bool)
    try:
        found: object = TypeAdapter(kind).validate_python(value, strict=not lax)
    except (ValidationError, OverflowError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ConfigError(f"{at} = {shown(value)}: {detail}") from error
    if not _usable(found, signed=signed):
        sign = "" if signed else " and not negative"
        raise ConfigError(f"{at} = {shown(value)}: must be finite{sign}, integers at most {MAX_INT}")
    return found


def _usable(value: object, *, signed: bool) -> bool:
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, int):
        return (-MAX_INT if signed else 0) <= number <= MAX_INT
    if isinstance(number, float):
        return math.isfinite(number) and (signed or number >= 0)
    return True
