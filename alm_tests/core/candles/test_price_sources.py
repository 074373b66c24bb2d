"""How many exchanges a price needs, by the limit as it is set."""

import pytest

from alm_core.candles import ConsensusRules, consensus
from alm_core.model.config import LimitsConfig
from alm_tests.core.candles.markets import flat, venue

RULES = ConsensusRules(min_sources=LimitsConfig().min_price_sources)
NAMES = ("binance", "okx", "gate")


@pytest.mark.control("min_price_sources", "fires")
@pytest.mark.control("min_price_sources", "passes")
def test_three_exchanges_make_a_price_and_two_do_not() -> None:
    venues = [venue(name, {1: flat(2000.0), 2: flat(2001.0)}) for name in NAMES]
    assert len(consensus(venues, RULES).series) == 2
    two = consensus(venues[:2], RULES)
    assert len(two.series) == 0
    assert two.no_consensus[0].reason.endswith("3 are needed")
