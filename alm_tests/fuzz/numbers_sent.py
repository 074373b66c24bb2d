"""Which numbers a body holds: a parser may leave some out, but makes none up."""

from contextlib import suppress

_KEPT = bytes(code if code in b"0123456789.-+eE" else 32 for code in range(256))


def numbers_in(body: bytes) -> set[float]:
    """Every run of digits in a body that is a number."""
    found: set[float] = set()
    for word in body.translate(_KEPT).split():
        with suppress(ValueError):
            found.add(float(word))
    return found
