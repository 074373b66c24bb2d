from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.candles import ConsensusRules, consensus, converted
from alm_core.model.candles import MINUTE_MS, CandleSeries, MinuteQuality
from alm_tests.core.candles.markets import PRICES, candles, flat, venue

ETH_USDT = candles({1: (3000.0, 3010.0, 2990.0, 3006.0, 4.0), 2: (3006.0, 3006.0, 3000.0, 3001.0, 5.0)})
USDC_USDT = candles({1: (1.0, 1.1, 0.7, 0.75, 9.0), 2: flat(1.25, 9.0), 3: flat(1.0)})


def test_every_price_is_divided_by_the_basis_close_of_its_minute() -> None:
    found = converted(ETH_USDT, USDC_USDT, divide=True)
    assert found.open.tolist() == [3000.0 / 0.75, 3006.0 / 1.25]
    assert found.high.tolist() == [3010.0 / 0.75, 3006.0 / 1.25]
    assert found.low.tolist() == [2990.0 / 0.75, 3000.0 / 1.25]
    assert found.close.tolist() == [3006.0 / 0.75, 3001.0 / 1.25]
    assert found.volume.tolist() == [4.0, 5.0]


def test_or_multiplied_by_it() -> None:
    assert converted(ETH_USDT, USDC_USDT, divide=False).close.tolist() == [3006.0 * 0.75, 3001.0 * 1.25]


def test_a_minute_without_a_basis_is_left_out() -> None:
    found = converted(ETH_USDT, USDC_USDT.rows(slice(1, None)), divide=True)
    assert found.ts_ms.tolist() == [2 * MINUTE_MS]
    assert len(converted(ETH_USDT, CandleSeries.empty(), divide=True)) == 0


def test_marks_and_quality_are_those_of_the_series() -> None:
    quality = MinuteQuality(used=np.array([1, 3]), vetoed=np.array([0, 4]), spread_bps=np.array([0.5, 2.0]))
    marked = replace(ETH_USDT, filled=np.array([False, True]), quality=quality)
    found = converted(marked, USDC_USDT.rows(slice(1, None)), divide=True)
    assert found.filled.tolist() == [True]
    assert found.quality is not None
    assert (found.quality.used.tolist(), found.quality.vetoed.tolist()) == ([3], [4])


def test_venues_in_two_quote_currencies_agree_once_converted() -> None:
    in_usdt, in_usdc = flat(3000.0), flat(3000.0 / 0.999)
    basis = candles({1: flat(0.999)})
    apart = [venue("binance", {1: in_usdt}), venue("okx", {1: in_usdt}), venue("gate", {1: in_usdc})]
    together = [replace(each, series=converted(each.series, basis, divide=True)) for each in apart[:2]]
    found = consensus([*together, apart[2]], ConsensusRules(tolerance_bps=0.001))
    assert found.tallies["gate"].used == 1
    assert consensus(apart, ConsensusRules(tolerance_bps=0.001)).tallies["gate"].outlier == 1


@given(
    prices=st.lists(st.floats(1e-6, 1e6), min_size=4, max_size=4),
    basis=st.floats(0.01, 100.0),
    divide=st.booleans(),
)
def test_high_and_low_enclose_open_and_close_whatever_the_rounding(
    prices: list[float], basis: float, divide: bool
) -> None:
    low, opened, close, high = sorted(prices)
    series = candles({1: (opened, high, low, close, 1.0)})
    found = converted(series, candles({1: flat(basis)}), divide=divide)
    back = converted(found, candles({1: flat(basis)}), divide=not divide)
    for name in PRICES:
        assert getattr(back, name)[0] == pytest.approx(getattr(series, name)[0], rel=1e-14)
