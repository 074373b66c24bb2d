"""Paper books: they conserve value, earn what the pools paid, and a silent source costs them nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.shadow import ShadowBook, ShadowEpoch
from alm_core.policies.default import DefaultPolicy
from alm_core.portfolio.valuation import nav_usd, prices_usd
from alm_core.shadow.accrual import carried
from alm_core.shadow.paper import executed, paper_snapshot
from alm_core.shadow.rivals import RESET_HALF_WIDTH, RIVALS, Seen
from alm_core.shadow.shadow import ShadowInputs, shadow_epoch
from alm_core.simulation.paper_wallet import in_tokens
from alm_tests.core.forces.tapes import END_AT, walk
from alm_tests.core.portfolio.scene import Scene

QUARTER = timedelta(minutes=15)
SCENE = Scene(idle_base=5.0, idle_quote=10_000.0, positions=((7, 0, 1900.0, 2100.0, 8_000.0),))


def inputs_at(
    scene: Scene, at: datetime, previous: ShadowEpoch | None, earlier: dict[datetime, MarketSnapshot]
) -> ShadowInputs:
    series = walk(2, price=scene.price, end_at=at)
    price = float(series.close[-1])
    return ShadowInputs(
        epoch=Epoch(pair="WETH-USDC", epoch_at=at),
        candles=series,
        signals=replace(scene.signals, epoch_at=at, price=price),
        snapshot=replace(scene, price=price).snapshot(at),
        past_snapshots=tuple(replace(scene, price=price).snapshot(at - QUARTER * back) for back in range(8, 0, -1)),
        strategy=StrategyConfig(optimize=False),
        limits=LimitsConfig(),
        previous=previous,
        earlier=earlier,
    )


def book(found: ShadowEpoch, policy: str) -> ShadowBook:
    known = found.book(policy)
    assert known is not None
    return known


def worth(snapshot: MarketSnapshot, price: float) -> float:
    return nav_usd(snapshot, price, tuple(state.pool for state in snapshot.pools))


def first(scene: Scene = SCENE) -> tuple[ShadowInputs, ShadowEpoch]:
    inputs = inputs_at(scene, END_AT, None, {})
    return inputs, shadow_epoch(inputs, {"default": DefaultPolicy()})


def test_every_policy_begins_with_our_holdings_and_gets_a_book() -> None:
    inputs, found = first()
    assert [one.policy for one in found.books] == [*RIVALS, "default"]
    assert found.problems == ()
    ours = worth(inputs.snapshot, inputs.signals.price)
    assert book(found, "hodl").nav_usd == pytest.approx(ours, rel=1e-9)
    assert book(found, "hodl").kind is DecisionKind.HOLD
    for name in ("wide", "tau_reset"):
        one = book(found, name)
        assert one.kind is DecisionKind.PRA
        assert one.nav_usd == pytest.approx(ours - one.gas_usd - one.swap_usd, rel=1e-6)
        assert one.gas_usd > 0
        assert len(one.holdings[0].positions) == 1


@given(base=st.floats(0.0, 50.0), quote=st.floats(0.0, 100_000.0), base_is_token0=st.booleans())
def test_carrying_out_a_plan_loses_exactly_its_swap(base: float, quote: float, base_is_token0: bool) -> None:
    scene = Scene(idle_base=1e-3 + base, idle_quote=1.0 + quote, base_is_token0=base_is_token0)
    _, found = first(scene)
    inputs = inputs_at(scene, END_AT, None, {})
    before = worth(inputs.snapshot, inputs.signals.price)
    for name in ("wide", "tau_reset"):
        one = book(found, name)
        after = worth(paper_snapshot(inputs.snapshot, one.holdings), inputs.signals.price)
        # What rounds away is raw units of a 6-decimal token.
        assert after == pytest.approx(before - one.swap_usd, abs=1e-4)
        assert one.swap_usd >= 0


def test_a_paper_position_shares_what_the_pools_paid_with_others() -> None:
    inputs, found = first()
    holdings = book(found, "wide").holdings
    later = replace(SCENE, price=inputs.signals.price).snapshot(END_AT + QUARTER)
    prices = prices_usd(later, inputs.signals.price)
    earned = carried(holdings, inputs.snapshot, later, CandleSeries.empty(), prices)
    (position,) = holdings[0].positions
    state = inputs.snapshot.pool_state(position.pool_id)
    number = [one.pool_id for one in SCENE.pools].index(position.pool_id)
    ours = SCENE.position(*SCENE.positions[0]).liquidity if number == 0 else 0
    paid = SCENE.fees_usd_day[number] / 96
    share = position.liquidity / (state.liquidity - ours + position.liquidity)
    assert earned.fees_usd == pytest.approx(paid * share, rel=1e-3)
    assert earned.holdings[0].positions[0].fees0 + earned.holdings[0].positions[0].fees1 > 0


def test_minutes_out_of_range_earn_nothing() -> None:
    # A real position of ours would be in the pool in some of the minutes only, and the same fee be another growth.
    scene = replace(SCENE, positions=())
    inputs, found = first(scene)
    holdings = book(found, "tau_reset").holdings
    later = replace(scene, price=inputs.signals.price).snapshot(END_AT + QUARTER)
    prices = prices_usd(later, inputs.signals.price)
    inside = walk(1, price=inputs.signals.price, sigma_minute=1e-6).rows(slice(-10, None))
    far = replace(inside, **{name: getattr(inside, name) * 1.5 for name in ("open", "high", "low", "close")})
    half = CandleSeries.joined([replace(far, ts_ms=far.ts_ms - 600_000), inside])
    whole, nothing, some = (
        carried(holdings, inputs.snapshot, later, minutes, prices).fees_usd for minutes in (inside, far, half)
    )
    assert nothing == 0
    assert some == pytest.approx(whole / 2, rel=1e-6)


def test_the_reset_moves_only_after_the_price_has_left_its_range() -> None:
    inputs, found = first()
    earlier = {END_AT: inputs.snapshot}
    near = replace(SCENE, price=SCENE.price * (1 + 0.5 * RESET_HALF_WIDTH["volatile"]))
    far = replace(SCENE, price=SCENE.price * (1 + 2.0 * RESET_HALF_WIDTH["volatile"]))
    stays, moves = (
        book(shadow_epoch(inputs_at(scene, END_AT + QUARTER, found, earlier), {}), "tau_reset") for scene in (near, far)
    )
    assert (stays.kind, stays.moves) == (DecisionKind.HOLD, 1)
    assert (moves.kind, moves.moves) == (DecisionKind.RS, 2)
    assert moves.swap_usd > book(found, "tau_reset").swap_usd
    assert len(moves.holdings[0].positions) == 1


def test_a_source_that_does_not_answer_delays_the_fees_and_loses_none() -> None:
    inputs, found = first()
    doubtful = inputs_at(SCENE, END_AT + QUARTER, found, {END_AT: inputs.snapshot})
    problem = SourceProblem(source="rpc", detail="no answer")
    silent = shadow_epoch(replace(doubtful, snapshot=replace(doubtful.snapshot, problems=(problem,))), {})
    assert silent.problems == ("rpc: no answer",)
    assert all(one.nav_usd is None and one.as_of_at == END_AT for one in silent.books)
    after = inputs_at(SCENE, END_AT + 2 * QUARTER, silent, {END_AT: inputs.snapshot})
    late = book(shadow_epoch(after, {}), "wide")
    heard = shadow_epoch(doubtful, {})
    straight = inputs_at(SCENE, END_AT + 2 * QUARTER, heard, {END_AT + QUARTER: doubtful.snapshot})
    assert late.fees_usd == pytest.approx(book(shadow_epoch(straight, {}), "wide").fees_usd, rel=0.02)
    assert late.fees_usd > 0


def test_a_book_whose_snapshot_is_gone_says_so_and_keeps_what_it_held() -> None:
    _, found = first()
    lost = shadow_epoch(inputs_at(SCENE, END_AT + QUARTER, found, {}), {})
    assert all("is not stored any more" in problem for problem in lost.problems)
    assert book(lost, "wide").holdings == book(found, "wide").holdings
    assert book(lost, "wide").nav_usd is None


def test_paper_positions_are_in_the_pools_instead_of_ours() -> None:
    snapshot = SCENE.snapshot()
    bare = paper_snapshot(snapshot, in_tokens(snapshot))
    ours = SCENE.position(*SCENE.positions[0])
    assert bare.pools[0].liquidity == snapshot.pools[0].liquidity - ours.liquidity
    again = paper_snapshot(bare, snapshot.holdings)
    assert [state.liquidity for state in again.pools] == [state.liquidity for state in snapshot.pools]


def test_the_same_inputs_give_the_same_books() -> None:
    assert first()[1] == first()[1]


def test_nothing_is_executed_for_a_plan_that_moves_nothing() -> None:
    inputs, found = first()
    holdings = book(found, "wide").holdings
    hold = RIVALS["hodl"]
    prices = prices_usd(inputs.snapshot, inputs.signals.price)
    seen = Seen(
        epoch=inputs.epoch,
        price=inputs.signals.price,
        snapshot=inputs.snapshot,
        prices=prices,
        yields={},
        asset_class="volatile",
    )
    done = executed(hold(seen), holdings, inputs.snapshot, prices)
    assert done.holdings == holdings
    assert np.isclose(done.gas_usd + done.swap_usd, 0.0, atol=0)
