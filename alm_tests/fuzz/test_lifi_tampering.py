"""Each field of a quote and its calldata, tampered with thousands of times: none is accepted, no right one refused."""

import os
import random
import zlib
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer
from alm_resources.lifi.answers import SwapRequest, check_step, read_step
from alm_resources.lifi.bridging import bridge_quote, check_bridge
from alm_tests.fuzz.quote_fields import Answer, all_fields, right_answers

QUOTES_IN_CI, QUOTES_IN_FUZZ = 500, 10_000
"""Of each field."""
QUOTES = int(os.environ.get("ALM_FUZZ_QUOTES", QUOTES_IN_FUZZ if "ALM_FUZZ_CASES" in os.environ else QUOTES_IN_CI))
RIGHT_QUOTES = max(1_000, QUOTES)
SEED = int(os.environ.get("ALM_FUZZ_SEED", "0"))
FIELDS = all_fields()

pytestmark = pytest.mark.timeout(120 + QUOTES // 50)


def refusal(answer: Answer, asked: SwapRequest) -> str | None:
    """Why an answer is refused; ``None`` where it would be signed."""
    try:
        step = read_step(answer)
        if asked.crosses:
            bridge_quote(check_bridge(step, asked), asked)
        else:
            check_step(step, asked)
    except BadAnswer as error:
        return str(error)
    return None


@pytest.mark.control("quote_tampered", "fires")
@pytest.mark.parametrize("name", FIELDS)
def test_no_tampered_field_is_ever_accepted(name: str, record_property: Any) -> None:
    field = FIELDS[name]
    rng = random.Random(SEED + zlib.crc32(name.encode()))
    for number in range(QUOTES):
        answer = field.tampered(rng)
        reason = refusal(answer, field.asked)
        assert reason is not None, (number, name, answer)
        assert reason.startswith("lifi: ")
        assert reason.isprintable()
    record_property("fuzz", {"field": name, "refused": QUOTES, "accepted": 0})


@pytest.mark.control("quote_tampered", "passes")
def test_no_right_quote_is_ever_refused(record_property: Any) -> None:
    rng = random.Random(SEED)
    checked = 0
    while checked < RIGHT_QUOTES:
        for asked, answer in right_answers(rng):
            assert refusal(answer, asked) is None, (asked, answer)
            checked += 1
    record_property("fuzz", {"right quotes": checked, "refused": 0})


def test_every_field_has_a_right_answer_beside_its_tampered_ones() -> None:
    rng = random.Random(1)
    assert all(refusal(answer, asked) is None for asked, answer in right_answers(rng))
    assert len(FIELDS) > 80
