"""Bodies that are almost right: JSON broken in its values, its shape and its bytes.

A case is a number. The same number gives the same body in every run and on every machine.
"""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Path = tuple[str | int, ...]
Change = Callable[[random.Random, Any], Any]

_RAW = "\u0001raw"
_TWICE = "\u0001twice"
# Texts that are put into the JSON as they are: not all of them are JSON, and no value of Python is written so.
RAW_TEXTS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-400",
    "-0",
    "-0.0",
    "0x10",
    "01",
    "1_000",
    ".5",
    "5.",
    "+1",
    "9" * 5000,
    "-" + "9" * 5000,
    "1." + "9" * 5000,
    "0." + "0" * 400 + "1",
    "[" * 300 + "]" * 300,
    '{"a":' * 300 + "1" + "}" * 300,
    "[" * 20_000,
    "undefined",
    "None",
    "True",
    "'1'",
    "",
    ",",
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\x00"',
    '"\\u0000"',
    '"\\u0661\\u0662\\u0663"',
    '"\u00a01"',
)
NUMBER_TEXTS = (
    *("", " ", "abc", "NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf", "1e999", "1e308", "1e309", "1e-320"),
    *("1e-400", "-1", "-0", "0", "0.0", "00", "+1", " 1 ", "1\n", "1,5", "1_000", "0x10", "1e5", "1E+5", "1.5.5"),
    *("\u0661\u0662\u0663", "\uff11\uff12", "true", "null", "9" * 400, "9" * 5000, "0." + "0" * 400 + "1", "1e", "-"),
    *("0.30000000000000004", "123456789012345678901234567890", "1e999999999999", "1/2", "$1", "1%", "\x00", "\ud800"),
)
NUMBERS = (
    *(0, -1, 1, 2, 59, 60, 1000, 60_000, 2**31, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**128, -(2**63)),
    *(10**18, 10**30, 0.5, -0.5, 1e-9, 1e300, 1e308, -1e308, 1e-320, 1.0),
)
HEX_TEXTS = (
    *("0x", "0x0", "0x00", "0x1", "0X1", "x", "0xg", "0x-1", "0x 1", "-0x1", "0x1.8", "1", "0b1", "0x_1", "0x1_0"),
    *("0x" + "f" * 64, "0x" + "f" * 65, "0x1" + "0" * 64, "0x" + "0" * 64, "0x" + "00" * 20, "0x" + "0" * 5000),
    *("0x\uff11", "0x" + "f" * 16, "0x7fffffffffffffff", "0x3b9aca00", "0x" + "ab" * 33, "latest", "0x0\n", "\n0x0"),
)
STRINGS = (
    *("", " ", "0", "x", "null", "true", "\x00", "\ud800", "\u202e", "\U0001f4a9", "a" * 2000, "../../etc/passwd"),
    *("<html>", "%s%n", "{}", "[]", "'", '"', "\\", "\r\n", "NaN", "0x" + "00" * 20, "2026-11-22T00:00:00Z"),
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, [1, 2, 3], {"a": {"b": []}}, "", 0, -1)
WHOLE_BODIES = (
    *(b"", b" ", b"\n", b"null", b"true", b"0", b"-1", b'""', b"[]", b"{}", b"[null]", b"[[]]", b"[{}]", b'{"":""}'),
    *(b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", b"Too Many Requests", b"error code: 1015"),
    *(b"\xef\xbb\xbf[]", b"\xff\xfe[\x00]\x00", b"\x1f\x8b\x08\x00", b"\x00" * 64, b"\xc3\x28", b"[" * 50_000),
    *(b"[" * 900 + b"]" * 900, b'{"a":' * 50_000, b"NaN", b"Infinity", b"9" * 5000, b'{"data":null}', b'{"data":[]}'),
    *(b'{"data":{}}', b'{"result":null}', b'{"result":{}}', b'{"errors":[{"status":"404"}]}', b'{"code":"50011"}'),
    *(b'{"error":{"code":-32000,"message":"x"}}', b'{"error":"x"}', b'{"error":[]}', b'{"error":{"code":"x"}}'),
)

WORDS = tuple(
    (number % 2**256).to_bytes(32, "big")
    for number in (
        *(0, 1, 2, 31, 32, 33, 64, 96, 255, 256, 1000, 2**16, 2**24, 2**31, 2**32, 2**40, 2**53, 2**63, 2**64, 2**96),
        *(2**127, 2**128, 2**159, 2**160, 2**255, -1, -2, -32, -887_272, -887_273, 887_272, 887_273, -(2**23), 2**23),
        *(4_295_128_738, 4_295_128_739, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342),
    )
)


class Seed:
    """A right body, and every place in it where it can be broken."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.body = json.dumps(value).encode()
        self.paths = list(_paths(value, ()))


def broken_body(rng: random.Random, seed: Seed) -> bytes:
    """Body with one to a few faults; now and then it is left as it is, or nothing of it is left."""
    chance = rng.random()
    if chance < 0.02:
        return rng.choice(WHOLE_BODIES)
    if chance < 0.04:
        return seed.body
    body = seed.body if chance < 0.14 else _text_of(broken_value(rng, seed), rng)
    return broken_bytes(rng, body) if chance < 0.24 else body


def broken_value(rng: random.Random, seed: Seed) -> Any:
    """Value with one to four places changed; raw texts stand in it as marked strings."""
    value = seed.value
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        value = _changed(value, rng.choice(seed.paths), rng)
    return value


def broken_bytes(rng: random.Random, body: bytes) -> bytes:
    """Bytes with some of them cut, flipped, doubled, moved or put in."""
    at, to = sorted((rng.randrange(len(body) + 1), rng.randrange(len(body) + 1)))
    kind = rng.randrange(9)
    if kind == 0:
        return body[:at]
    if kind == 1:
        return body[:at] + body[min(to, at + 8) :]
    if kind == 2:
        return body[:to] + body[at:to] + body[to:]
    if kind == 3:
        return b"\xef\xbb\xbf" + body
    if kind == 4:
        return body + rng.choice((b"\x00", b",", b"]", b"}", b" ", b"\n", body, b"<!-- -->"))
    if kind == 5:
        return body[:at] + rng.choice((b"NaN", b"-", b"9" * 5000, b'"', b"\\", b"{", b"[", b"\xff", b"e")) + body[at:]
    flipped = bytearray(body)
    for _ in range(rng.randrange(1, 5)):
        if flipped:
            flipped[rng.randrange(len(flipped))] = rng.choice(b'0123456789-+.eE"\\,:[]{}xX\x00\xff \n')
    return bytes(flipped)


def changed_leaf(rng: random.Random, value: Any) -> Any:
    """Value of the same sort that should not be there, or of quite another sort."""
    chance = rng.random()
    if chance < 0.1:
        return rng.choice(OTHERS)
    if chance < 0.2:
        return f"{_RAW}{rng.randrange(len(RAW_TEXTS))}"
    if isinstance(value, bool) or value is None:
        return rng.choice(OTHERS)
    if isinstance(value, int | float):
        return _changed_number(rng, value)
    return _changed_text(rng, value) if isinstance(value, str) else value


def _changed_number(rng: random.Random, value: float) -> Any:
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return -value
    if kind == 2:
        return value + rng.choice((1, -1, 0.5, 1000, 60, -60, 60_000, -60_000, 120_000, 86_400_000))
    if kind == 3:
        return str(value)
    return value * rng.choice((10, 1000, 0.001, 1.02, 0.5, 1e12))


def _changed_text(rng: random.Random, value: str) -> Any:
    if value[:2] == "0x":
        return _changed_hex(rng, value)
    if not value[:1].isdigit():
        return rng.choice((rng.choice(STRINGS), value.upper(), value.lower(), value[:-1], value * 2, [value]))
    kind = rng.randrange(6)
    if kind == 0:
        return "-" + value
    if kind == 1:
        return value[: rng.randrange(len(value))]
    if kind == 2:
        return value.replace(".", "", 1) if "." in value else _shifted_time(rng, value)
    if kind == 3:
        return _as_number(value)
    return rng.choice(NUMBER_TEXTS)


def _shifted_time(rng: random.Random, value: str) -> str:
    step = rng.choice((1, -1, 60, -60, 1000, 60_000, -60_000, 120_000))
    return str(int(value) + step) if value.isdecimal() and len(value) < 30 else value + "0"


def _as_number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return 7


def _changed_hex(rng: random.Random, value: str) -> str:
    kind = rng.randrange(7)
    at = rng.randrange(2, len(value) + 1)
    if kind == 0:
        return rng.choice(HEX_TEXTS)
    if kind == 1:
        return value[:at]
    if kind == 2:
        return value[:at] + rng.choice("0123456789abcdefABCDEFgxG \n-_") + value[at + 1 :]
    if kind == 3:
        return value[:at] + rng.choice("0f") + value[at:]
    if kind == 4:
        return rng.choice((value.upper(), value[2:], " " + value, value + "0" * 64, value + "\x00"))
    word = 2 + 64 * rng.randrange(1 + len(value) // 64)
    return value[:word] + rng.choice(("f" * 64, "0" * 64, "0" * 63 + "1", "8" + "0" * 63)) + value[word + 64 :]


def _changed(value: Any, path: Path, rng: random.Random) -> Any:
    if not path:
        return _changed_node(rng, value)
    key, rest = path[0], path[1:]
    if isinstance(value, dict) and key in value:
        fields = dict(value)
        if rest or rng.random() < 0.7:
            fields[key] = _changed(value[key], rest, rng)
        else:
            _change_field(fields, str(key), rng)
        return fields
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        rows = list(value)
        rows[key] = _changed(value[key], rest, rng)
        return rows
    return value


def _change_field(fields: dict[str, Any], key: str, rng: random.Random) -> None:
    kind = rng.randrange(4)
    if kind == 0:
        del fields[key]
    elif kind == 1:
        fields[_TWICE + key] = changed_leaf(rng, fields[key])
    elif kind == 2:
        fields[key.upper() if key.islower() else key.lower()] = fields.pop(key)
    else:
        fields["surprise"] = fields[key]


def _changed_node(rng: random.Random, value: Any) -> Any:
    if isinstance(value, list):
        return _changed_list(rng, value) if rng.random() < 0.85 else rng.choice(OTHERS)
    if isinstance(value, dict):
        return rng.choice((*OTHERS, [value], list(value.values()), {**value, "surprise": 1}))
    return changed_leaf(rng, value)


def _changed_list(rng: random.Random, rows: list[Any]) -> Any:
    kind, copy = rng.randrange(9), list(rows)
    if kind == 0 or not copy:
        return [*copy, rng.choice(OTHERS)]
    at, to = rng.randrange(len(copy)), rng.randrange(len(copy))
    if kind == 1:
        del copy[at]
    elif kind == 2:
        copy.insert(to, copy[at])
    elif kind == 3:
        copy[at], copy[to] = copy[to], copy[at]
    elif kind == 4:
        copy.reverse()
    elif kind == 5:
        rng.shuffle(copy)
    elif kind == 6:
        return copy[:at]
    elif kind == 7:
        return copy * rng.choice((2, 3, 20))
    else:
        return {str(index): row for index, row in enumerate(copy)}
    return copy


def _text_of(value: Any, rng: random.Random) -> bytes:
    text = json.dumps(value, ensure_ascii=rng.random() < 0.9)
    return with_raw_texts(text).encode("utf-8", errors="surrogatepass")


def with_raw_texts(text: str) -> str:
    """Put the raw texts where the marked strings stand."""
    if "u0001" in text:
        for number, raw in enumerate(RAW_TEXTS):
            text = text.replace(f'"\\u0001raw{number}"', raw)
        text = text.replace("\\u0001twice", "")
    return text


def _paths(value: Any, path: Path) -> list[Path]:
    found = [path]
    children: Sequence[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, child in children:
        found += _paths(child, (*path, key))
    return found


def broken_words(rng: random.Random, data: bytes) -> bytes:
    """Return data of a contract with some of its 32-byte words changed, moved, cut or put in."""
    words = [data[start : start + 32] for start in range(0, len(data), 32)]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        at = rng.randrange(len(words)) if words else 0
        kind = rng.randrange(7)
        if kind == 0 or not words:
            words.insert(at, rng.choice(WORDS))
        elif kind == 1:
            words[at] = rng.choice(WORDS)
        elif kind == 2:
            moved = int.from_bytes(words[at], "big") + rng.choice((1, -1, 31, 32, -32, 64, 2**20))
            words[at] = (moved % 2**256).to_bytes(32, "big")
        elif kind == 3:
            del words[at]
        elif kind == 4:
            words = words[:at]
        elif kind == 5:
            words[at] = words[rng.randrange(len(words))]
        else:
            words[at] = bytes(rng.randrange(256) ^ byte if rng.random() < 0.05 else byte for byte in words[at])
    joined = b"".join(words)
    return joined[: rng.randrange(len(joined) + 1)] if rng.random() < 0.05 else joined


def broken_file(rng: random.Random, content: bytes) -> bytes:
    """Binary file with bytes flipped, zeroed, cut, doubled or moved."""
    broken = bytearray(content)
    kind = rng.randrange(8)
    at = rng.randrange(len(broken))
    if kind == 0:
        return bytes(broken[:at])
    if kind == 1:
        broken[at : at + rng.choice((1, 4, 64, 512))] = bytes(rng.choice((0, 4, 64)))
    elif kind == 2:
        broken[at:at] = broken[: rng.randrange(1, 64)]
    elif kind == 3:
        return bytes(broken[at:])
    else:
        # The last bytes of a Parquet file say what the others mean.
        first = max(0, len(broken) - 700) if kind > 5 else 0
        for _ in range(rng.choice((1, 1, 2, 4, 16))):
            broken[rng.randrange(first, len(broken))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(broken)
