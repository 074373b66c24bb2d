"""The market process: reproducible, enclosing its own candles, and statistically what it says it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_localnet.market.bars import MINUTES_PER_DAY, MINUTES_PER_YEAR, Bars
from alm_localnet.market.generated import GeneratedPath
from alm_localnet.market.noise import normals, uniforms

FIRST = 29_000_000


def volatile(seed: int = 7) -> GeneratedPath:
    return GeneratedPath(
        seed=seed, name="WETH-USDC", volatile=True, price=3000.0, base_units_per_minute=60.0, first_minute=FIRST
    )


def stable(seed: int = 7) -> GeneratedPath:
    return GeneratedPath(
        seed=seed, name="USDC-USDT", volatile=False, price=1.0, base_units_per_minute=1e5, first_minute=FIRST
    )


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 3 * MINUTES_PER_DAY - 1), wide=st.booleans())
def test_a_minute_is_the_same_whatever_was_asked_before(cut: int, wide: bool) -> None:
    end = FIRST + 3 * MINUTES_PER_DAY
    whole = volatile().bars(FIRST, end)
    path = volatile() if wide else stable()
    expected = whole if wide else stable().bars(FIRST, end)
    late = path.bars(FIRST + cut, end)
    early = path.bars(FIRST, FIRST + cut)
    assert np.array_equal(np.concatenate([early.close, late.close]), expected.close)
    assert np.array_equal(np.concatenate([early.volume, late.volume]), expected.volume)


def test_another_seed_is_another_market() -> None:
    assert not np.array_equal(volatile(1).bars(FIRST, FIRST + 60).close, volatile(2).bars(FIRST, FIRST + 60).close)


@pytest.mark.parametrize("path", [volatile(), stable()], ids=["volatile", "stable"])
def test_candles_enclose_their_prices_and_join_without_gaps(path: GeneratedPath) -> None:
    bars = path.bars(FIRST, FIRST + 5 * MINUTES_PER_DAY)
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (bars.volume > 0).all()
    assert np.allclose(bars.open[1:], bars.close[:-1], rtol=1e-12)
    assert (np.diff(bars.minute) == 1).all()


def _annual_sigma(bars: Bars) -> float:
    return float(np.diff(np.log(bars.close)).std() * np.sqrt(MINUTES_PER_YEAR))


def test_ether_is_as_volatile_as_its_regimes_and_its_ranges_agree() -> None:
    bars = volatile().bars(FIRST, FIRST + 40 * MINUTES_PER_DAY)
    parkinson = float(np.sqrt((np.log(bars.high / bars.low) ** 2).mean() / (4 * np.log(2))) * np.sqrt(MINUTES_PER_YEAR))
    assert 0.35 < _annual_sigma(bars) < 1.1
    assert parkinson == pytest.approx(_annual_sigma(bars), rel=0.15)


def test_volatility_changes_between_regimes() -> None:
    bars = volatile().bars(FIRST, FIRST + 40 * MINUTES_PER_DAY)
    by_hour = np.diff(np.log(bars.close), prepend=np.log(bars.open[0])).reshape(-1, 60).std(axis=1)
    assert np.quantile(by_hour, 0.95) > 2 * np.quantile(by_hour, 0.2)


def test_stables_return_to_one_and_stray_only_in_depegs() -> None:
    deviation = np.log(stable().bars(FIRST, FIRST + 200 * MINUTES_PER_DAY).close)
    assert np.median(np.abs(deviation)) < 0.0006
    assert abs(float(np.median(deviation))) < 0.0002
    assert 0.0015 < np.abs(deviation).max() < 0.02


def test_asking_before_the_beginning_names_the_beginning() -> None:
    with pytest.raises(InvalidInput, match=str(FIRST)):
        volatile().bars(FIRST - 1, FIRST + 1)


def test_noise_is_uniform_and_normal() -> None:
    counters = np.arange(200_000)
    flat, bell = uniforms(3, "a", counters), normals(3, "a", counters)
    assert flat.mean() == pytest.approx(0.5, abs=0.005)
    assert flat.var() == pytest.approx(1 / 12, rel=0.01)
    assert abs(float(np.corrcoef(flat[1:], flat[:-1])[0, 1])) < 0.01
    assert bell.mean() == pytest.approx(0.0, abs=0.01)
    assert bell.std() == pytest.approx(1.0, rel=0.01)
