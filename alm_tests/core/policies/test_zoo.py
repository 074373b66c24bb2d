"""Rules of the zoo: they do what their originals do, sell nothing where those do not, and make no money appear."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.backtest.deciders import DECIDERS, POLICIES, decider_named
from alm_core.math.orientation import range_bounds_at_ticks
from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import ConfigError
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.policies.zoo import ZOO
from alm_core.policies.zoo.beefy import INTERVAL
from alm_core.portfolio.valuation import nav_usd, prices_usd
from alm_core.portfolio.yields import pool_yields
from alm_core.shadow.accrual import marked
from alm_core.shadow.paper import Executed, executed
from alm_core.shadow.rivals import RIVALS, Seen
from alm_tests.core.forces.tapes import END_AT, walk
from alm_tests.core.portfolio.scene import PRICE, Scene

UNSOLD = ("beefy_like", "mellow_like", "gamma_like")
RULES = sorted(set(ZOO) - {"hodl"})
ONE_POOL = Scene(fees_usd_day=(20_000.0,), active_usd=(50e6,))
LATER = END_AT + INTERVAL
ORDERS = pytest.mark.parametrize("base_is_token0", [True, False])


def still(price: float) -> CandleSeries:
    """A quarter hour of minutes that stand at a price."""
    series = walk(1, price=price, end_at=END_AT).rows(slice(-15, None))
    return replace(series, **dict.fromkeys(("open", "high", "low", "close"), series.close * 0.0 + price))


def seen_of(
    scene: Scene,
    holdings: tuple[Holdings, ...] | None = None,
    at: datetime = END_AT,
    last_moved_at: datetime | None = None,
    minutes: CandleSeries | None = None,
) -> Seen:
    """What a rule sees of a scene; positions of ``holdings`` are worth what they are at its price."""
    snapshot = scene.snapshot(at)
    if holdings is not None:
        brought = tuple(
            replace(held, positions=tuple(marked(one, snapshot.pool_state(one.pool_id)) for one in held.positions))
            for held in holdings
        )
        snapshot = replace(snapshot, holdings=brought)
    return Seen(
        epoch=Epoch(pair="WETH-USDC", epoch_at=at),
        price=scene.price,
        snapshot=snapshot,
        prices=prices_usd(snapshot, scene.price),
        yields=pool_yields(snapshot, scene.history(), scene.price, 96),
        asset_class="volatile",
        last_moved_at=last_moved_at,
        minutes=still(scene.price) if minutes is None else minutes,
    )


def asked(name: str, seen: Seen) -> tuple[AllocationPlan, Executed]:
    """The plan of a rule, and what carrying it out at once makes of its holdings."""
    plan = ZOO[name](seen)
    return plan, executed(plan, seen.snapshot.holdings, seen.snapshot, seen.prices)


def placed_at(name: str, scene: Scene) -> tuple[Holdings, ...]:
    return asked(name, seen_of(scene))[1].holdings


def bounds_of(holdings: tuple[Holdings, ...], snapshot: MarketSnapshot) -> list[tuple[float, float]]:
    """Price ranges of positions, the one with the most value first."""
    positions = sorted(
        (one for held in holdings for one in held.positions), key=lambda one: one.tick_lower - one.tick_upper
    )
    return [
        range_bounds_at_ticks(snapshot.pool_state(one.pool_id).pool, one.tick_lower, one.tick_upper)
        for one in positions
    ]


def worth(snapshot: MarketSnapshot, holdings: tuple[Holdings, ...], price: float) -> float:
    pools = tuple(state.pool for state in snapshot.pools)
    return nav_usd(replace(snapshot, holdings=holdings), price, pools)


def test_every_name_has_a_decider_and_a_line_that_says_what_it_does() -> None:
    assert set(DECIDERS) == {*POLICIES, *ZOO}
    assert all(DECIDERS.values())
    for name in ZOO:
        decider = decider_named(name)
        assert callable(decider)
        assert decider(seen_of(ONE_POOL)).policy == name
    with pytest.raises(ConfigError, match="'beefy' is not known; there are: default, seed, hodl"):
        decider_named("beefy")


def test_live_shadows_are_the_three_they_were() -> None:
    assert list(RIVALS) == ["hodl", "wide", "tau_reset"]


@given(
    name=st.sampled_from(RULES),
    base=st.floats(0.0, 50.0),
    quote=st.floats(0.0, 100_000.0),
    base_is_token0=st.booleans(),
)
def test_placing_loses_its_swap_and_nothing_else(name: str, base: float, quote: float, base_is_token0: bool) -> None:
    scene = Scene(idle_base=1e-3 + base, idle_quote=1.0 + quote, base_is_token0=base_is_token0)
    seen = seen_of(scene)
    plan, done = asked(name, seen)
    before = worth(seen.snapshot, seen.snapshot.holdings, scene.price)
    assert worth(seen.snapshot, done.holdings, scene.price) == pytest.approx(before - done.swap_usd, abs=1e-4)
    assert plan.decision.kind is DecisionKind.PRA
    if name in UNSOLD:
        # At most what is too little for a position of its own is sold, at a fee of 0.05 % and its price impact.
        assert done.swap_usd <= before * 0.001 * 0.00051 + 1e-6


@ORDERS
@pytest.mark.parametrize(("name", "half"), [("fixed_1", 0.01), ("fixed_5", 0.05), ("fixed_20", 0.2)])
def test_a_fixed_range_has_its_width_and_is_never_left(name: str, half: float, base_is_token0: bool) -> None:
    scene = replace(ONE_POOL, base_is_token0=base_is_token0)
    holdings = placed_at(name, scene)
    ((lower, upper),) = bounds_of(holdings, scene.snapshot())
    assert (lower, upper) == pytest.approx((PRICE * (1 - half), PRICE * (1 + half)), rel=2e-3)
    far = replace(scene, price=PRICE * 1.5)
    assert ZOO[name](seen_of(far, holdings, LATER, END_AT)).decision.kind is DecisionKind.HOLD


@ORDERS
def test_beefy_like_places_a_range_around_the_price_and_its_rest_beside_it(base_is_token0: bool) -> None:
    rich = replace(ONE_POOL, idle_base=1.0, idle_quote=20_000.0, base_is_token0=base_is_token0)
    main, rest = bounds_of(placed_at("beefy_like", rich), rich.snapshot())
    assert main == pytest.approx((PRICE / 1.05, PRICE * 1.05), rel=2e-3)
    assert rest[0] == pytest.approx(main[0], rel=2e-3)
    assert PRICE * 0.997 < rest[1] < PRICE
    poor = replace(ONE_POOL, idle_base=20.0, idle_quote=2_000.0, base_is_token0=base_is_token0)
    main, rest = bounds_of(placed_at("beefy_like", poor), poor.snapshot())
    assert rest[1] == pytest.approx(main[1], rel=2e-3)
    assert PRICE < rest[0] < PRICE * 1.003


def test_beefy_like_moves_only_what_is_old_and_away_from_its_middle_while_the_price_is_calm() -> None:
    holdings = placed_at("beefy_like", ONE_POOL)
    gone = replace(ONE_POOL, price=PRICE * 1.03)
    plan, done = asked("beefy_like", seen_of(gone, holdings, LATER, END_AT))
    assert plan.decision.kind is DecisionKind.RS
    assert bounds_of(done.holdings, gone.snapshot())[0] == pytest.approx(
        (gone.price / 1.05, gone.price * 1.05), rel=2e-3
    )
    young = seen_of(gone, holdings, LATER - timedelta(minutes=15), END_AT)
    near = seen_of(replace(ONE_POOL, price=PRICE * 1.02), holdings, LATER, END_AT)
    wild = seen_of(gone, holdings, LATER, END_AT, minutes=still(gone.price / 1.0045))
    blind = seen_of(gone, holdings, LATER, END_AT, minutes=CandleSeries.empty())
    reasons = [ZOO["beefy_like"](seen).decision.reason for seen in (young, near, wild, blind)]
    assert reasons == [
        "the range is too young",
        "the price is near the middle of the range",
        "the price is away from its recent mean",
        "the price is away from its recent mean",
    ]


@ORDERS
@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_mellow_like_follows_a_price_that_left_no_further_than_needed_and_sells_nothing(
    factor: float, base_is_token0: bool
) -> None:
    scene = replace(ONE_POOL, base_is_token0=base_is_token0)
    holdings = placed_at("mellow_like", scene)
    inside = seen_of(replace(scene, price=PRICE * 1.04), holdings, LATER, END_AT)
    assert ZOO["mellow_like"](inside).decision.kind is DecisionKind.HOLD
    left = replace(scene, price=PRICE * factor)
    plan, done = asked("mellow_like", seen_of(left, holdings, LATER, END_AT))
    assert plan.decision.kind is DecisionKind.RS
    lower, upper = bounds_of(done.holdings, left.snapshot())[0]
    nearest = upper if factor > 1.0 else lower
    assert abs(nearest / left.price - 1.0) < 2e-3
    assert upper / lower == pytest.approx(1.05**2, rel=2e-3)
    assert done.swap_usd < 0.01
    again = seen_of(left, done.holdings, LATER + INTERVAL, LATER)
    assert ZOO["mellow_like"](again).decision.kind is DecisionKind.HOLD


@ORDERS
def test_gamma_like_sets_base_and_limit_anew_beyond_its_threshold(base_is_token0: bool) -> None:
    scene = replace(ONE_POOL, idle_base=1.0, idle_quote=20_000.0, base_is_token0=base_is_token0)
    holdings = placed_at("gamma_like", scene)
    base, limit = bounds_of(holdings, scene.snapshot())
    assert base == pytest.approx((PRICE / 1.1, PRICE * 1.1), rel=2e-3)
    assert limit == pytest.approx((PRICE / 1.02, PRICE), rel=3e-3)
    assert limit[1] < PRICE
    within = seen_of(replace(scene, price=PRICE * 1.045), holdings, LATER, END_AT)
    beyond = seen_of(replace(scene, price=PRICE * 1.055), holdings, LATER, END_AT)
    assert ZOO["gamma_like"](within).decision.kind is DecisionKind.HOLD
    plan, done = asked("gamma_like", beyond)
    assert plan.decision.kind is DecisionKind.RS
    assert bounds_of(done.holdings, beyond.snapshot)[0] == pytest.approx(
        (beyond.price / 1.1, beyond.price * 1.1), rel=2e-3
    )


def test_auto_like_adds_fees_once_two_per_cent_of_them_pay_for_gas() -> None:
    scene = replace(ONE_POOL, idle_base=0.5, idle_quote=1_000.0)
    (held,) = placed_at("auto_like", scene)
    (position,) = held.positions

    def kind(fees_usd: float) -> DecisionKind:
        earned = replace(held, positions=(replace(position, fees1=int(fees_usd * 1e6)),))
        seen = seen_of(scene)
        seen = replace(seen, snapshot=replace(seen.snapshot, holdings=(earned,)))
        return ZOO["auto_like"](seen).decision.kind

    # Collecting, swapping and adding take 959,000 gas here: 0.0211 USD at 0.011 gwei and 2,000 USD.
    gas_usd = (202_000 + 218_000 + 4 * 48_000 + 101_000 + 150_000 + 2 * 48_000) * 0.011e-9 * PRICE
    assert kind(gas_usd * 50 * 0.98) is DecisionKind.HOLD
    assert kind(gas_usd * 50 * 1.02) is DecisionKind.COMPOUND


def test_what_auto_like_compounds_is_added_to_the_position_it_has() -> None:
    scene = replace(ONE_POOL, idle_base=0.5, idle_quote=1_000.0)
    (held,) = placed_at("auto_like", scene)
    (position,) = held.positions
    earned = replace(held, positions=(replace(position, fees0=10**16, fees1=20 * 10**6),))
    seen = seen_of(scene)
    plan, done = asked("auto_like", replace(seen, snapshot=replace(seen.snapshot, holdings=(earned,))))
    assert plan.decision.kind is DecisionKind.COMPOUND
    (after,) = done.holdings[0].positions
    assert after.token_id == position.token_id
    assert after.liquidity > position.liquidity
    assert (after.fees0, after.fees1) == (0, 0)


@pytest.mark.parametrize(("fees_usd_day", "kind"), [(40_000.0, DecisionKind.RS), (10.0, DecisionKind.HOLD)])
def test_auto_like_recentres_only_where_a_day_of_fees_pays_for_it(fees_usd_day: float, kind: DecisionKind) -> None:
    scene = replace(ONE_POOL, fees_usd_day=(fees_usd_day,))
    holdings = placed_at("auto_like", scene)
    left = replace(scene, price=PRICE * 1.1)
    assert ZOO["auto_like"](seen_of(left, holdings, LATER, END_AT)).decision.kind is kind


def test_where_no_pool_is_alive_nothing_is_placed() -> None:
    seen = seen_of(Scene())
    dead = tuple(replace(state, liquidity=0) for state in seen.snapshot.pools)
    seen = replace(seen, snapshot=replace(seen.snapshot, pools=dead), yields={})
    assert {ZOO[name](seen).decision.kind for name in ZOO} == {DecisionKind.HOLD}
