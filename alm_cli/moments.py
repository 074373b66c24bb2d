"""Days and times of the command line."""

from datetime import date, datetime

from alm_core.model.errors import InvalidInput


def moment_of(option: str, text: str) -> datetime:
    """Return an aware time.

    Raises
    ------
    InvalidInput
        If it is none; names option and value.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{option} {text!r} is not an ISO time, e.g. 2026-11-22T10:30:00Z") from error
    if moment.tzinfo is None:
        raise InvalidInput(f"{option} {text!r} has no time zone; write it with Z")
    return moment


def day_of(option: str, text: str) -> date:
    """Return a day.

    Raises
    ------
    InvalidInput
        If it is none; names option and value.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{option} {text!r} is not a day, e.g. 2026-11-22") from error
