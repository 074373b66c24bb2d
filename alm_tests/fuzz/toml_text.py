"""TOML of values, right and broken."""

import json
import random
from typing import Any

from alm_tests.fuzz.mutation import Seed, broken_bytes, broken_value, with_raw_texts


def toml_of(tables: dict[str, Any]) -> bytes:
    """Text of tables, each on one line."""
    lines = [f"{json.dumps(key)} = {_inline(value)}" for key, value in tables.items()]
    return ("\n".join(lines) + "\n").encode("utf-8", errors="surrogatepass")


def broken_toml(rng: random.Random, seed: Seed) -> bytes:
    """Text of a value with some places changed, and now and then of its bytes."""
    value = broken_value(rng, seed)
    text = toml_of(value) if isinstance(value, dict) else json.dumps(value).encode()
    text = with_raw_texts(text.decode("utf-8", errors="surrogatepass")).encode("utf-8", errors="surrogatepass")
    return broken_bytes(rng, text) if rng.random() < 0.05 else text


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(one) for one in value) + "]"
    # TOML has no null; what it has instead for numbers is worth a try.
    return "nan" if value is None else json.dumps(value)
