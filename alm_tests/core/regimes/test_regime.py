"""Regimes: every state is reached, entered at once and left slowly; nothing flaps, and worse is never milder."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.pools import AssetClass
from alm_core.model.signals import Regime, RegimeState
from alm_core.regimes.measures import RegimeFigures
from alm_core.regimes.regime import is_worse, next_regime
from alm_core.regimes.thresholds import CALM_EPOCHS, SEVERITY, TRIGGERS, WIDEN_FACTOR, Trigger, severity
from alm_tests.core.regimes.markets import EPOCH, figures, later, market, reading

NORMAL, WIDEN, SUPPRESS, STOP_ADDING, EXIT = SEVERITY
CALM = RegimeFigures(
    volatility_ratio=0.0,
    displacement_ratio=0.0,
    volume_ratio=0.0,
    drawdown_frac=0.0,
    depeg_frac=0.0,
    quote_depeg_frac=0.0,
    lasting_quote_depeg_frac=0.0,
    quote_is_stable=True,
)
ALL = [(asset_class, trigger) for asset_class, found in TRIGGERS.items() for trigger in found]
CLASSES: tuple[AssetClass, ...] = ("stable", "volatile")


def with_figure(trigger: Trigger, value: float | None) -> RegimeFigures:
    return replace(CALM, **{trigger.figure: value})


def played(seen: Sequence[RegimeFigures], asset_class: AssetClass = "volatile") -> list[Regime]:
    """Regimes of consecutive epochs from a normal one on."""
    regimes = [Regime()]
    for number, one in enumerate(seen):
        regimes.append(next_regime(regimes[-1], one, later(number), asset_class))
    return regimes[1:]


def states(regimes: Sequence[Regime]) -> list[RegimeState]:
    return [regime.state for regime in regimes]


def test_states_are_ordered_by_severity() -> None:
    assert [str(state) for state in SEVERITY] == ["normal", "widen", "suppress", "stop_adding", "exit"]
    # As texts they sort differently.
    assert is_worse(EXIT, STOP_ADDING)
    assert not is_worse(NORMAL, WIDEN)


@pytest.mark.parametrize(
    ("asset_class", "state", "found"),
    [
        ("volatile", NORMAL, figures(market(), past=(reading(1, 1.0),))),
        ("volatile", WIDEN, figures(market(last_volume=6.0))),
        ("volatile", SUPPRESS, figures(market(last_hour_range=3.0))),
        ("volatile", SUPPRESS, figures(market(last_close=1.03))),
        ("volatile", SUPPRESS, figures(market(last_close=0.97))),
        ("volatile", STOP_ADDING, figures(market(last_close=0.84))),
        ("volatile", EXIT, figures(market(last_close=0.69))),
        ("volatile", STOP_ADDING, figures(market(), quote_usd=0.985)),
        ("volatile", EXIT, figures(market(), quote_usd=0.96, past=(reading(1, 0.965),))),
        ("volatile", STOP_ADDING, figures(market(), quote_usd=0.96, past=(reading(1, 0.999),))),
        ("stable", NORMAL, figures(market(price=0.999, half_range_frac=5e-5), asset_class="stable")),
        ("stable", WIDEN, figures(market(price=1.0, half_range_frac=5e-5, last_volume=6.0), asset_class="stable")),
        ("stable", SUPPRESS, figures(market(price=1.0, half_range_frac=5e-5, last_hour_range=9), asset_class="stable")),
        ("stable", SUPPRESS, figures(market(price=1.0, half_range_frac=5e-5, last_close=1.004), asset_class="stable")),
        ("stable", STOP_ADDING, figures(market(price=0.994, half_range_frac=5e-5), asset_class="stable")),
        ("stable", STOP_ADDING, figures(market(price=1.006, half_range_frac=5e-5), asset_class="stable")),
        ("stable", EXIT, figures(market(price=0.979, half_range_frac=5e-5), asset_class="stable")),
    ],
)
def test_each_state_is_reached_from_candles_and_quote_price(
    asset_class: AssetClass, state: RegimeState, found: RegimeFigures
) -> None:
    regime = next_regime(Regime(), found, EPOCH, asset_class)
    assert regime.state is state
    assert regime.since_at == (None if state is NORMAL else EPOCH.epoch_at)
    assert regime.widen_factor == (WIDEN_FACTOR if state is WIDEN else 1.0)
    assert regime.calm_epochs == 0


@pytest.mark.parametrize(("asset_class", "trigger"), ALL)
def test_a_state_is_entered_at_its_threshold_and_not_just_below(asset_class: AssetClass, trigger: Trigger) -> None:
    assert trigger.leave < trigger.enter
    at = next_regime(Regime(), with_figure(trigger, trigger.enter), EPOCH, asset_class)
    assert at.state is trigger.state
    assert trigger.figure in at.reason
    below = next_regime(Regime(), with_figure(trigger, trigger.enter * (1 - 1e-9)), EPOCH, asset_class)
    assert severity(below.state) < severity(trigger.state)


def test_a_worse_state_is_entered_at_once_from_any_milder_one() -> None:
    for state in SEVERITY[:-1]:
        before = Regime(state=state, since_at=EPOCH.epoch_at, calm_epochs=2)
        found = next_regime(before, replace(CALM, drawdown_frac=0.5), later(3), "volatile")
        assert (found.state, found.since_at, found.calm_epochs) == (EXIT, later(3).epoch_at, 0)


@pytest.mark.parametrize(("asset_class", "trigger"), ALL)
def test_a_state_is_left_only_after_calm_epochs_in_a_row(asset_class: AssetClass, trigger: Trigger) -> None:
    needed = CALM_EPOCHS[trigger.state]
    entering, calm = with_figure(trigger, trigger.enter), with_figure(trigger, trigger.leave * 0.99)
    between = with_figure(trigger, trigger.leave)
    held = played([entering, *[calm] * (needed - 1), between, *[calm] * (needed - 1)], asset_class)
    assert set(states(held)) == {trigger.state}
    assert held[needed].calm_epochs == 0
    assert {regime.since_at for regime in held} == {EPOCH.epoch_at}
    left = next_regime(held[-1], calm, later(2 * needed), asset_class)
    assert severity(left.state) == severity(trigger.state) - 1
    assert left.since_at == later(2 * needed).epoch_at


def test_suppression_lasts_four_epochs_at_least() -> None:
    seen = played([replace(CALM, volatility_ratio=9.0), *[CALM] * 8])
    assert states(seen)[:4] == [SUPPRESS] * 4
    assert SUPPRESS not in states(seen)[4:]


def test_an_exit_is_left_step_by_step() -> None:
    total = sum(CALM_EPOCHS.values())
    seen = states(played([replace(CALM, drawdown_frac=0.5), *[CALM] * (total + 1)]))
    expected = [state for state in reversed(SEVERITY[1:]) for _ in range(CALM_EPOCHS[state])]
    assert seen[:total] == expected
    assert set(seen[total:]) == {NORMAL}


@pytest.mark.parametrize(("asset_class", "trigger"), ALL)
def test_an_unknown_figure_enters_nothing_and_counts_as_no_calm(asset_class: AssetClass, trigger: Trigger) -> None:
    unknown = with_figure(trigger, None)
    normal = next_regime(Regime(), unknown, EPOCH, asset_class)
    assert (normal.state, normal.reason) == (NORMAL, f"unknown: {trigger.figure}")
    needed = CALM_EPOCHS[trigger.state]
    held = played([with_figure(trigger, trigger.enter), *[CALM] * (needed - 1), unknown, *[CALM] * 2], asset_class)
    assert set(states(held)) == {trigger.state}
    assert f"{trigger.figure} is unknown" in held[needed].reason
    assert held[needed].calm_epochs == 0
    assert held[-1].calm_epochs == min(2, needed)


def test_a_figure_that_asks_for_less_does_not_hold_a_worse_state() -> None:
    busy = replace(CALM, volume_ratio=9.0)
    unknown = replace(CALM, volume_ratio=None)
    for seen in (busy, unknown):
        left = states(played([replace(CALM, volatility_ratio=2.0), *[seen] * 20]))
        assert left == [*[SUPPRESS] * 4, *[WIDEN] * 17]


def test_a_figure_that_nearly_asks_for_worse_holds_a_milder_state() -> None:
    nearly = replace(CALM, volatility_ratio=0.9)
    assert set(states(played([replace(CALM, volume_ratio=9.0), *[nearly] * 20]))) == {WIDEN}


def test_what_does_not_apply_to_a_pair_neither_worries_nor_holds() -> None:
    broken = replace(CALM, depeg_frac=0.5, drawdown_frac=0.0, quote_depeg_frac=0.9, lasting_quote_depeg_frac=None)
    bare = replace(broken, quote_is_stable=False)
    assert next_regime(Regime(), bare, EPOCH, "volatile") == Regime()
    suppressed = Regime(state=SUPPRESS, since_at=EPOCH.epoch_at, calm_epochs=3)
    assert next_regime(suppressed, bare, EPOCH, "volatile").state is WIDEN
    assert next_regime(Regime(), replace(CALM, drawdown_frac=0.9), EPOCH, "stable").state is NORMAL


@pytest.mark.parametrize(("asset_class", "trigger"), ALL)
def test_a_figure_that_swings_around_its_threshold_does_not_toggle(asset_class: AssetClass, trigger: Trigger) -> None:
    over, under = with_figure(trigger, trigger.enter * 1.01), with_figure(trigger, trigger.leave * 0.5)
    seen = states(played([over, under] * 50, asset_class))
    assert set(seen) == {trigger.state}


levels = st.sampled_from([0.0, 0.5, 0.69, 0.7, 0.8, 0.99, 1.0, 1.5, 4.0])
"""Multiples of thresholds, so that hypothesis lands on both sides of each."""


@st.composite
def some_figures(draw: st.DrawFn, *, unknown: bool = True) -> RegimeFigures:
    def drawn(enter: float) -> float | None:
        if unknown and draw(st.integers(0, 9)) == 0:
            return None
        return enter * draw(levels)

    return RegimeFigures(
        volatility_ratio=drawn(1.0),
        displacement_ratio=drawn(1.0),
        volume_ratio=drawn(5.0),
        drawdown_frac=drawn(0.15),
        depeg_frac=drawn(0.005),
        quote_depeg_frac=drawn(0.01),
        lasting_quote_depeg_frac=drawn(0.03),
        quote_is_stable=True,
    )


@settings(max_examples=100, deadline=None)
@given(seen=st.lists(some_figures(), max_size=60), asset_class=st.sampled_from(CLASSES))
def test_the_state_falls_one_step_at_a_time_after_its_calm_epochs(
    seen: list[RegimeFigures], asset_class: AssetClass
) -> None:
    regimes = played(seen, asset_class)
    entered = 0
    for number in range(1, len(regimes)):
        before, now = regimes[number - 1], regimes[number]
        if now.state is before.state:
            continue
        if severity(now.state) < severity(before.state):
            needed = CALM_EPOCHS[before.state]
            assert severity(before.state) - severity(now.state) == 1
            assert number - entered >= needed
            relevant = [t for t in TRIGGERS[asset_class] if severity(t.state) >= severity(before.state)]
            assert all(t.is_calm(one) for t in relevant for one in seen[number - needed + 1 : number + 1])
        entered = number


@settings(max_examples=150, deadline=None)
@given(data=st.data(), asset_class=st.sampled_from(CLASSES))
def test_worse_figures_never_give_a_milder_state(data: st.DataObject, asset_class: AssetClass) -> None:
    milder = data.draw(st.lists(some_figures(unknown=False), max_size=60))
    worse = [
        replace(
            one,
            **{
                name: getattr(one, name) * data.draw(st.sampled_from([1.0, 1.0, 1.0, 1.4, 5.0]))
                for name in ("volatility_ratio", "displacement_ratio", "volume_ratio", "drawdown_frac", "depeg_frac")
            },
        )
        for one in milder
    ]
    pairs = zip(played(milder, asset_class), played(worse, asset_class), strict=True)
    assert all(severity(bad.state) >= severity(good.state) for good, bad in pairs)
