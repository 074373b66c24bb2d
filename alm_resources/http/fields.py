"""Fields of JSON answers, read strictly: what cannot be a figure is refused by name, what is unknown stays unknown."""

import math
import re
from decimal import Decimal
from typing import Annotated, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from alm_core.model.errors import BadAnswer

# No price, volume or their quotient comes near; a float holds all of them and what is divided by them.
MAX_EXPONENT = 100
_DECIMAL = re.compile(r"-?[0-9]{1,120}(\.[0-9]{1,120})?([eE][+-]?[0-9]{1,4})?")

_Kind = TypeVar("_Kind", bound=BaseModel)


class Answer(BaseModel):
    """Part of an answer; fields nobody asked about are ignored."""

    # A refused body does not end up in a traceback.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def _decimal(value: object) -> Decimal:
    # Decimal() alone also takes "NaN", "1_0", spaces and digits of other scripts.
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        raise ValueError("must be a decimal number in a string")
    number = Decimal(value)
    if number.is_zero():
        return Decimal(0)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("is out of range")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError only
    # The parser reads 1e999 as infinity; a long integer does not fit a float.
    if isinstance(value, int) and value.bit_length() > 300:
        raise ValueError("is out of range")
    number = float(value)
    if not math.isfinite(number) or abs(number) >= 10.0**MAX_EXPONENT:
        raise ValueError("is out of range")
    return number + 0.0


Figure = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0)]
"""Decimal string, not negative."""
Price = Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0)]
"""Decimal string above zero."""
Number = Annotated[float, BeforeValidator(_number), Field(ge=0)]
"""JSON number, finite, not negative."""


def read_answer(source: str, kind: type[_Kind], body: object) -> _Kind:
    """Read a body.

    Raises
    ------
    BadAnswer
        Naming the first field that is wrong and what it holds.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(printable(str(part)) for part in first["loc"]) or "body"
        raise BadAnswer(source, f"{path} = {shown(first['input'])}: {first['msg']}") from error


def shown(value: object) -> str:
    """Text of a value for a message, short and printable whatever it is."""
    if isinstance(value, str):
        return f"'{printable(value)}'"
    if isinstance(value, dict | list):
        return f"{type(cast('object', value)).__name__} of {len(cast('list[object]', value))}"
    # Python refuses to print integers of more than 4300 digits.
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    return repr(value) if value is None or isinstance(value, int | float) else type(value).__name__


def printable(text: str, length: int = 80) -> str:
    """Start of a text; half of a surrogate pair, or a NUL, would break whoever writes the message down."""
    return text[:length].encode("unicode_escape").decode("ascii")
