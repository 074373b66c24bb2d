from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import BadAnswer
from alm_resources.geckoterminal.answers import read_pools, read_token_prices
from alm_tests.resources.geckoterminal.test_client import NOW, answer_for, weth_pool
from alm_tests.resources.http.bodies import hostile, junk, mutated, outcome, short, sound_or_refused

POOL = weth_pool()
PRICES = {"data": {"attributes": {"token_prices": {POOL.base.address: "2700.79", POOL.quote.address: None}}}}


@given(body=mutated({"data": [answer_for(POOL)]}) | hostile | junk)
@settings(max_examples=800)
def test_a_body_gone_wrong_gives_sound_figures_or_a_bad_answer(body: Any) -> None:
    found = outcome(lambda: read_pools(body, {POOL.address.lower(): POOL}, NOW))
    assert short(found) if isinstance(found, BadAnswer) else all(map(sound_or_refused, found.values()))


@given(body=mutated(PRICES) | st.fixed_dictionaries({"data": hostile | junk}))
@settings(max_examples=300)
def test_token_prices_gone_wrong_are_above_zero_or_a_bad_answer(body: Any) -> None:
    found = outcome(lambda: read_token_prices(body))
    assert short(found) if isinstance(found, BadAnswer) else all(0 < price < 1e101 for price in found.values())
