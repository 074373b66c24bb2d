"""Venues that lie, freeze, lag, stay away or have holes, against a truth that is known."""

from dataclasses import replace

import numpy as np
import pytest

from alm_core.candles import Consensus, ConsensusRules, VenueSeries, consensus, converted_venue
from alm_core.model.candles import EXCHANGES, CandleSeries, FloatArray, mask_of
from alm_core.model.errors import InvalidInput
from alm_tests.core.candles.markets import (
    PRICES,
    at_prices,
    candles,
    flat,
    frozen,
    honest,
    replaced,
    scaled,
    venue,
    without,
)
from alm_tests.core.forces.tapes import walk

FAST = walk(1.0)
"""A day at 6 bp a minute."""
CALM = walk(1.0, sigma_minute=0.5e-4, price=1.0, seed=7)
"""A day at half a basis point a minute."""
OFFSETS_BPS = (100.0, 30.0, 8.0, 3.0, -3.0, -8.0)


def errors_bps(found: Consensus, truth: CandleSeries) -> FloatArray:
    """Largest error of the four prices of each minute that has consensus."""
    rows = np.searchsorted(truth.ts_ms, found.series.ts_ms)
    off = [np.abs(getattr(found.series, name) / getattr(truth, name)[rows] - 1) * 1e4 for name in PRICES]
    return np.maximum.reduce(off)


def assert_true_or_explained(found: Consensus, truth: CandleSeries, bound_bps: float = 2.0) -> None:
    assert errors_bps(found, truth).max(initial=0.0) <= bound_bps
    assert len(found.series) + sum(each.minutes for each in found.no_consensus) == len(truth)
    assert all(each.reason for each in found.no_consensus)


@pytest.mark.parametrize("truth", [FAST, CALM], ids=["fast", "calm"])
@pytest.mark.parametrize("liar", ["binance", "bitget"], ids=["heaviest", "lightest"])
@pytest.mark.parametrize("offset_bps", OFFSETS_BPS)
def test_one_liar_among_six_moves_no_price_by_more_than_2_bp(truth: CandleSeries, liar: str, offset_bps: float) -> None:
    venues = honest(truth)
    lie = scaled(venues[EXCHANGES.index(liar)].series, 1 + offset_bps * 1e-4)
    found = consensus(replaced(venues, **{liar: lie}))
    assert_true_or_explained(found, truth)
    assert len(found.series) == len(truth)
    if offset_bps == 100.0:
        assert found.tallies[liar].outlier == len(truth)


@pytest.mark.parametrize("liar", ["binance", "gate"])
def test_a_liar_that_drifts_away_slowly_is_held_by_the_clip_and_then_left_out(liar: str) -> None:
    venues = honest(FAST)
    drift = 1 + np.linspace(0.0, 200e-4, len(FAST))
    found = consensus(replaced(venues, **{liar: scaled(venues[EXCHANGES.index(liar)].series, drift)}))
    assert_true_or_explained(found, FAST)
    used = found.series.quality.used & mask_of([liar]) != 0 if found.series.quality else np.empty(0)
    assert used[:40].all()
    assert not used[-700:].any()


@pytest.mark.parametrize("truth", [FAST, CALM], ids=["fast", "calm"])
@pytest.mark.parametrize("offset_bps", OFFSETS_BPS)
def test_a_liar_a_frozen_an_absent_and_a_gappy_venue_among_six_leave_2_bp_or_a_reason(
    truth: CandleSeries, offset_bps: float
) -> None:
    venues = {each.venue: each.series for each in honest(truth)}
    holes = np.random.default_rng(11).random(len(truth)) < 0.3
    found = consensus(
        replaced(
            honest(truth),
            binance=scaled(venues["binance"], 1 + offset_bps * 1e-4),
            okx=frozen(venues["okx"], 300, len(truth)),
            mexc=CandleSeries.empty(),
            gate=without(venues["gate"], holes),
        )
    )
    assert_true_or_explained(found, truth)
    assert len(found.series) > 0.95 * len(truth)
    assert found.tallies["mexc"].missing == len(truth)
    assert found.tallies["gate"].missing == np.count_nonzero(holes)
    assert len(truth) - 300 >= found.tallies["okx"].frozen > 0.95 * (len(truth) - 300)


def test_two_liars_that_agree_among_four_leave_nothing_but_reasons() -> None:
    venues = honest(FAST, (0.4, 0.25, 0.2, 0.15))
    lies = {each.venue: scaled(each.series, 1.01) for each in venues[:2]}
    found = consensus(replaced(venues, **lies))
    assert len(found.series) == 0
    assert sum(each.minutes for each in found.no_consensus) == len(FAST)
    assert all("2 of 4 agree, 3 are needed" in each.reason for each in found.no_consensus)


def test_two_liars_within_the_tolerance_among_four_move_prices_by_half_the_lie_and_the_noise_at_most() -> None:
    venues = honest(FAST, (0.4, 0.25, 0.2, 0.15))
    lies = {each.venue: scaled(each.series, 1 + 8e-4) for each in venues[:2]}
    found = consensus(replaced(venues, **lies))
    assert_true_or_explained(found, FAST, bound_bps=8.0 / 2 + 1.0 + 1.0)


def test_a_liar_in_the_high_only_moves_the_high_by_no_more_than_the_clip() -> None:
    venues = honest(FAST)
    wick = at_prices(venues[0].series, {"high": venues[0].series.high * 1.05})
    lied, told = consensus(replaced(venues, binance=wick)), consensus(venues)
    assert_true_or_explained(lied, FAST)
    assert lied.tallies["binance"].used == len(FAST)
    for name in ("open", "low", "close"):
        assert getattr(lied.series, name).tobytes() == getattr(told.series, name).tobytes()


def test_a_venue_one_minute_late_does_not_matter() -> None:
    venues = honest(FAST)
    own = venues[0].series
    late = replace(own.rows(slice(0, -1)), ts_ms=own.ts_ms[1:])
    found = consensus(replaced(venues, binance=late))
    assert_true_or_explained(found, FAST)
    assert found.tallies["binance"].outlier > 100


@pytest.mark.parametrize("count", [3, 4, 5])
def test_three_or_more_honest_venues_agree_in_every_minute(count: int) -> None:
    found = consensus(honest(FAST)[:count])
    assert_true_or_explained(found, FAST)
    assert found.no_consensus == ()


def test_a_frozen_venue_is_vetoed_from_where_it_froze_until_it_moves_again() -> None:
    venues = honest(FAST)
    found = consensus(replaced(venues, bybit=frozen(venues[1].series, 100, 160)))
    quality = found.series.quality
    assert quality is not None
    vetoed = np.flatnonzero(quality.vetoed & mask_of(["bybit"]))
    assert vetoed.tolist() == list(range(100, 160))
    assert found.tallies["bybit"].frozen == 60


def test_a_venue_frozen_shorter_than_the_rule_is_judged_by_its_prices_alone() -> None:
    venues = honest(FAST)
    found = consensus(replaced(venues, bybit=frozen(venues[1].series, 100, 104)))
    assert found.tallies["bybit"].frozen == 0
    assert_true_or_explained(found, FAST)


def test_an_hour_without_a_move_on_any_venue_is_an_hour_of_consensus() -> None:
    hour = {minute: flat(1.0) for minute in range(60)}
    found = consensus([venue(name, hour) for name in EXCHANGES])
    assert len(found.series) == 60
    assert all((each.frozen, each.used) == (0, 60) for each in found.tallies.values())


def test_a_tick_of_the_others_below_the_rule_freezes_nobody() -> None:
    still = {minute: flat(1.0) for minute in range(60)}
    ticking = {minute: flat(1.0001 if minute % 3 else 1.0) for minute in range(60)}
    found = consensus([venue("binance", ticking), venue("okx", ticking), venue("mexc", still)])
    assert found.tallies["mexc"].used == 60


def test_the_last_to_move_after_a_quiet_hour_was_not_frozen_all_the_hour() -> None:
    quiet = {minute: flat(1.0) for minute in range(60)}
    first = quiet | {minute: flat(0.9993) for minute in range(60, 70)}
    last = quiet | {60: flat(1.0)} | {minute: flat(0.9993) for minute in range(61, 70)}
    found = consensus([venue("binance", first), venue("bybit", first), venue("okx", first), venue("mexc", last)])
    assert found.tallies["mexc"].frozen == ConsensusRules().frozen_minutes + 1
    assert found.series.close[55:62].tolist() == [1.0] * 5 + [0.9993] * 2
    assert found.no_consensus == ()


def test_a_frozen_venue_whose_others_are_absent_is_not_called_frozen() -> None:
    alone = {minute: flat(1.0) for minute in range(60)}
    found = consensus([venue("okx", alone), venue("gate", {})], ConsensusRules(min_sources=1))
    assert found.tallies["okx"].used == 60


def test_the_reason_names_frozen_venues() -> None:
    moving = {minute: flat(100.0 + minute) for minute in range(20)}
    still = {minute: flat(100.0) for minute in range(20)}
    two = consensus([venue("okx", moving), venue("mexc", still)])
    assert [(each.minutes, each.reason) for each in two.no_consensus] == [
        (20, "only okx has these minutes, 2 are needed; mexc frozen")
    ]
    other = {minute: flat(150.0 + minute) for minute in range(20)}
    three = consensus([venue("okx", moving), venue("gate", other), venue("mexc", still)])
    assert three.no_consensus[0].reason == (
        "okx 100 and gate 150 disagree by more than 10 bp: 1 of 2 agree, 2 are needed; mexc frozen "
        "(first of 20 minutes)"
    )
    gone = {minute: candle for minute, candle in moving.items() if minute < 19}
    left = consensus([venue("okx", gone), venue("mexc", still)], ConsensusRules(min_sources=1))
    assert left.no_consensus[-1].reason == "only mexc, frozen, has the minute, 1 are needed"


def test_flat_candles_far_apart_are_trades_and_not_a_freeze() -> None:
    moving = {minute: flat(100.0 + minute / 100) for minute in range(60)}
    rare = {minute: flat(100.0) for minute in range(0, 60, 6)}
    found = consensus([VenueSeries(venue="okx", weight=1.0, series=candles(moving)), venue("mexc", rare)])
    assert found.tallies["mexc"].frozen == 0


def test_a_frozen_venue_is_seen_in_its_own_currency_when_the_basis_moves() -> None:
    """Converted, a price that stands still moves with the basis and is no flat candle any more."""
    truth = FAST
    minutes = np.arange(len(truth))
    basis = scaled(truth, 1.0 / truth.close * (1.0 + 3e-5 * np.sin(minutes)))
    quoted = honest(scaled(truth, basis.close))
    stuck = replaced(quoted, binance=frozen(quoted[0].series, 40, 90))
    found = consensus([converted_venue(each, basis, divide=True) for each in stuck])
    inside = (found.series.ts_ms >= truth.ts_ms[45]) & (found.series.ts_ms < truth.ts_ms[90])
    assert found.series.quality is not None
    assert (found.series.quality.vetoed[inside] & mask_of(["binance"]) > 0).all()
    assert_true_or_explained(found, truth)


def test_standing_still_while_only_the_basis_moves_is_not_frozen() -> None:
    still = {minute: flat(3000.0) for minute in range(60)}
    basis = candles({minute: flat(1.0 + 3e-4 * (minute % 7)) for minute in range(60)})
    venues = [converted_venue(venue(name, still), basis, divide=True) for name in EXCHANGES[:3]]
    found = consensus(venues)
    assert found.no_consensus == ()
    assert all(tally.frozen == 0 for tally in found.tallies.values())


def test_quoted_minutes_must_be_those_of_the_series() -> None:
    one = venue("okx", {1: flat(1.0), 2: flat(1.0)})
    with pytest.raises(InvalidInput, match="okx as quoted and as converted"):
        consensus([replace(one, quoted=one.series.rows(slice(1)))])
