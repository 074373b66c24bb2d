"""ABI words of calldata, read by hand: what is cut short or out of place is an error, never a zero."""

from alm_core.model.errors import InvalidInput

WORD = 32


def bytes_of(data: str) -> bytes:
    """Return 0x-hex calldata as bytes.

    Raises
    ------
    InvalidInput
        If it is not hex, or too short for a selector.
    """
    try:
        raw = bytes.fromhex(data.removeprefix("0x"))
    except ValueError as error:
        raise InvalidInput(f"calldata is not hex: {data[:18]}...") from error
    if len(raw) < 4:
        raise InvalidInput(f"calldata of {len(raw)} bytes has no selector")
    return raw


def uint_at(body: bytes, index: int) -> int:
    """Return a word as an unsigned integer; ``InvalidInput`` if the data end before it."""
    word = body[index * WORD : (index + 1) * WORD]
    if len(word) != WORD:
        raise InvalidInput(f"calldata ends before word {index}")
    return int.from_bytes(word, "big")


def address_at(body: bytes, index: int) -> str:
    """Return a word as a lower-case address; ``InvalidInput`` if it has bits above 160."""
    value = uint_at(body, index)
    if value >> 160:
        raise InvalidInput(f"word {index} is not an address: {value:#066x}")
    return f"0x{value:040x}"


def tail_at(body: bytes, index: int) -> bytes:
    """Return the data that the offset in a word points to."""
    offset = uint_at(body, index)
    if offset > len(body):
        raise InvalidInput(f"word {index} points {offset} bytes into {len(body)}")
    return body[offset:]


def bytes_at(body: bytes, index: int) -> bytes:
    """Return the ``bytes`` that the offset in a word points to."""
    tail = tail_at(body, index)
    length = uint_at(tail, 0)
    inner = tail[WORD : WORD + length]
    if len(inner) != length:
        raise InvalidInput(f"{length} bytes at word {index} are cut short")
    return inner


def words_at(body: bytes, index: int) -> tuple[int, ...]:
    """Return the array of static words that the offset in a word points to."""
    tail = tail_at(body, index)
    count = uint_at(tail, 0)
    if count > len(tail) // WORD:
        raise InvalidInput(f"array of {count} entries is longer than its calldata")
    return tuple(uint_at(tail, 1 + entry) for entry in range(count))


def byte_strings_at(body: bytes, index: int) -> tuple[bytes, ...]:
    """Return the ``bytes[]`` that the offset in a word points to."""
    tail = tail_at(body, index)
    count, items = uint_at(tail, 0), tail[WORD:]
    if count > len(items) // WORD:
        raise InvalidInput(f"array of {count} entries is longer than its calldata")
    return tuple(bytes_at(items, entry) for entry in range(count))
