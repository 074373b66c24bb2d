"""The bodies themselves: the same in every run, of many kinds, and a parser that breaks is told by case and body."""

import json
import os
import random
from pathlib import Path

import pytest

from alm_tests.fuzz.harness import Broken, Check, MakeBody, fuzz, fuzz_apart
from alm_tests.fuzz.kline_seeds import BODIES
from alm_tests.fuzz.mutation import Seed, broken_body, broken_file, broken_words

SEED = Seed(BODIES["bybit"][0])


def dying(_root: Path) -> tuple[MakeBody, Check]:
    """A check that ends its process."""

    def check(_body: bytes) -> bool:
        os.abort()

    return lambda _rng: b"deadly", check


def test_a_case_is_the_same_body_in_every_run() -> None:
    assert [broken_body(random.Random(case), SEED) for case in range(200)] == [
        broken_body(random.Random(case), Seed(BODIES["bybit"][0])) for case in range(200)
    ]


def test_bodies_are_of_many_kinds() -> None:
    bodies = [broken_body(random.Random(case), SEED) for case in range(4000)]
    assert len(set(bodies)) > 3000
    assert b"" in bodies
    for kind in (b"NaN", b"Infinity", b"null", b"\xef\xbb\xbf", b"9" * 5000, b"[" * 900, b"<html>", b"\\ud800"):
        assert any(kind in body for body in bodies), kind
    texts = [body for body in bodies if _is_json(body)]
    assert 0.5 < len(texts) / len(bodies) < 0.95
    pairs = [json.loads(body, object_pairs_hook=list) for body in texts]
    assert any(isinstance(top, list) and len({str(p[0]) for p in top if p}) < len(top) for top in pairs)


def test_files_and_words_are_changed() -> None:
    content = bytes(range(256)) * 8
    assert len({broken_file(random.Random(case), content) for case in range(100)}) > 90
    assert len({broken_words(random.Random(case), content) for case in range(100)}) > 60


def test_a_parser_that_breaks_is_told_with_case_and_body() -> None:
    def check(body: bytes) -> bool:
        raise KeyError(len(body))

    with pytest.raises(Broken, match=r"ALM_FUZZ_CASE=\d+ runs it again\): builtins\.KeyError: 3\nbody: b'abc'"):
        fuzz("three bytes", lambda _rng: b"abc", check)


def test_what_a_parser_says_when_it_breaks_can_be_told_by_a_worker() -> None:
    def check(_body: bytes) -> bool:
        raise ValueError("\ud800")

    with pytest.raises(Broken, match=r"ValueError: \\ud800") as broken:
        fuzz("surrogate", lambda _rng: b"abc", check)
    assert str(broken.value).isascii()
    assert broken.value.__suppress_context__


def test_a_parser_that_never_ends_is_told() -> None:
    def check(_body: bytes) -> bool:
        while True:
            pass

    with pytest.raises(Broken, match="TookTooLong: more than 5 s of CPU"):
        fuzz("endless", lambda _rng: b"abc", check)


def test_a_parser_that_ends_its_process_is_told(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"the process died, exit code -6\nbody: b'deadly'"):
        fuzz_apart("deadly", dying, tmp_path)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
