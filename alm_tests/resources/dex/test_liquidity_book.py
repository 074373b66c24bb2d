"""Liquidity Book without a node: what plans encode, which bins are found, what answers are refused."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.math.bin_parts import MOST_BINS_OPENED, MOST_PARTS
from alm_core.math.bin_ranges import bin_of_place, place_at_sqrt_price_x96, place_of_bin, ticks_of_places
from alm_core.math.bins import ID_SHIFT, MAX_ID, sqrt_price_x128
from alm_core.math.liquidity import price_interval
from alm_core.math.tick import tick_at_sqrt_price_x96
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.dex_ports import PriceInterval, ReadsInTwoSteps
from alm_core.model.errors import BadAnswer, InvalidInput, PoolNotFound
from alm_core.model.market import ActiveBin, BinShare, Block, PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.dex.liquidity_book import LiquidityBookAdapter, LiquidityBookV20Adapter, abi
from alm_resources.dex.liquidity_book.abi import V20, V21, Layout
from alm_resources.dex.liquidity_book.minima import places_of_interval
from alm_resources.dex.liquidity_book.plans import MOST_BINS_CLOSED
from alm_resources.dex.liquidity_book.pools import BINS_EACH_SIDE
from alm_resources.history.payload import payload_of, value_from_payload
from alm_tests.resources.dex.fakes import OWNER, make_block, make_pool

STEP = 25
DEADLINE = datetime(2026, 11, 22, 1, tzinfo=UTC)
BOOK, BOOK20 = LiquidityBookAdapter(), LiquidityBookV20Adapter()
PAIR = "0x" + "bb" * 20


def pair(family: str = "liquidity_book") -> Pool:
    return replace(make_pool(address=PAIR, tick_spacing=1), family=family, fee_pips=None, bin_step=STEP)


def state_at(place: int, *, token0_is_x: bool, reserves: tuple[int, int] = (10**12, 10**21)) -> PoolState:
    bin_id = bin_of_place(place, token0_is_x=token0_is_x)
    price = sqrt_price_x128(bin_id, STEP, token0_is_x=token0_is_x) >> 32
    return PoolState(
        pool=pair(),
        block=make_block(),
        sqrt_price_x96=price,
        tick=tick_at_sqrt_price_x96(price),
        liquidity=10**18,
        fee_pips=2_000,
        fee_growth_global0_x128=None,
        fee_growth_global1_x128=None,
        active_bin=ActiveBin(
            bin_id=bin_id,
            token0_is_x=token0_is_x,
            reserve0=reserves[0],
            reserve1=reserves[1],
            most_fee_pips=6_000,
        ),
    )


def position_over(state: PoolState, places: range) -> Position:
    assert state.active_bin is not None
    order = state.active_bin.token0_is_x
    bins = sorted(
        (
            BinShare(bin_id=bin_of_place(place, token0_is_x=order), shares=1_000 + index, amount0=10**6, amount1=10**9)
            for index, place in enumerate(places)
        ),
        key=lambda share: share.bin_id,
    )
    lower, upper = ticks_of_places(STEP, places)
    return Position(
        pool_id=state.pool.pool_id,
        token_id=int(PAIR, 16),
        tick_lower=lower,
        tick_upper=upper,
        liquidity=10**15,
        amount0=10**6 * len(places),
        amount1=10**9 * len(places),
        fees0=0,
        fees1=0,
        shares=sum(share.shares for share in bins),
        bins=tuple(bins),
    )


def arguments(layout: Layout, tx: UnsignedTransaction) -> dict[str, Any]:
    """Arguments of an ``addLiquidity``, by name."""
    function = layout.add_liquidity
    data = bytes.fromhex(tx.data[2:])
    assert data[:4] == function.selector
    (values,) = decode(function.inputs, data[4:])
    names = ["tokenX", "tokenY", "binStep", "amountX", "amountY", "amountXMin", "amountYMin", "activeIdDesired"]
    names += ["idSlippage", "deltaIds", "distributionX", "distributionY", "to"]
    names += [] if layout.fees_apart else ["refundTo"]
    return dict(zip([*names, "deadline"], values, strict=True))


def opening(
    adapter: LiquidityBookAdapter | LiquidityBookV20Adapter, state: PoolState, places: range, half_width: float = 0.003
) -> UnsignedTransaction:
    interval = price_interval(state.sqrt_price_x96, half_width)
    amounts = 10**12, int(10**12 * (state.sqrt_price_x96 / 2**96) ** 2)
    return adapter.plan_open(state, *ticks_of_places(STEP, places), *amounts, interval, OWNER, DEADLINE)


@pytest.mark.parametrize("adapter", [BOOK, BOOK20])
@pytest.mark.parametrize("token0_is_x", [True, False])
def test_an_open_goes_to_the_bins_of_its_range_in_the_pairs_order(
    adapter: LiquidityBookAdapter | LiquidityBookV20Adapter, token0_is_x: bool
) -> None:
    state = state_at(8_000, token0_is_x=token0_is_x)
    tx = opening(adapter, state, range(7_990, 8_016))
    found = arguments(adapter.layout, tx)
    tokens = state.pool.token0.address.lower(), state.pool.token1.address.lower()
    assert (found["tokenX"], found["tokenY"]) == (tokens if token0_is_x else tokens[::-1])
    ids = [found["activeIdDesired"] + delta for delta in found["deltaIds"]]
    assert [place_of_bin(bin_id, token0_is_x=token0_is_x) for bin_id in ids] == list(range(7_990, 8_016))
    for name, side in (("distributionX", 1), ("distributionY", -1)):
        assert sum(found[name]) == 10**18
        parts = zip(found[name], found["deltaIds"], strict=True)
        assert all((part > 0) == (delta * side >= 0) for part, delta in parts)
    assert found["to"] == OWNER.lower()
    assert found.get("refundTo", OWNER.lower()) == OWNER.lower()
    assert found["deadline"] == int(DEADLINE.timestamp())
    # The interval reaches one bin to each side.
    assert found["idSlippage"] == 1
    assert (tx.action, tx.opens_position, tx.liquidity_events_from) == (Action.OPEN, True, PAIR)
    taken = [-bound.min_delta for bound in tx.bounds]
    least = [-bound.max_delta for bound in tx.bounds]
    amounts = (found["amountX"], found["amountY"]), (found["amountXMin"], found["amountYMin"])
    assert amounts == ((tuple(taken), tuple(least)) if token0_is_x else (tuple(taken[::-1]), tuple(least[::-1])))


def test_the_shape_keeps_the_centre_and_the_bias_of_the_range() -> None:
    state = state_at(0, token0_is_x=True)
    for places in (range(-3, 30), range(5, 12), range(-12, -5)):
        found = arguments(V21, opening(BOOK, state, places))
        assert found["deltaIds"] == tuple(places)
        assert (sum(found["distributionX"]) > 0) == (places.stop > 0)
        assert (sum(found["distributionY"]) > 0) == (places.start <= 0)


@pytest.mark.parametrize(("half_width", "slippage"), [(0.0, 0), (0.001, 0), (0.002, 1), (0.01, 4)])
def test_ids_may_slip_as_far_as_the_interval_reaches(half_width: float, slippage: int) -> None:
    found = arguments(V21, opening(BOOK, state_at(0, token0_is_x=True), range(-5, 6), half_width))
    assert found["idSlippage"] == slippage


def test_minima_leave_room_for_rounding_and_in_two_zero_for_the_fee_of_the_active_bin() -> None:
    state = state_at(0, token0_is_x=True)
    modern, old = (arguments(adapter.layout, opening(adapter, state, range(-5, 6))) for adapter in (BOOK, BOOK20))
    for name in ("amountX", "amountY"):
        assert 0 < modern[name] - modern[f"{name}Min"] <= modern[name] // 10**6 + 22
        active = old[f"distribution{name[-1]}"][5] * old[name] // 10**18
        least_fee = active * 6_000 // 10**6
        assert least_fee <= old[name] - old[f"{name}Min"] <= 2 * least_fee + old[name] // 10**5


def test_bins_that_the_interval_may_reach_promise_nothing_and_others_their_one_token() -> None:
    state = state_at(0, token0_is_x=False)
    interval = price_interval(state.sqrt_price_x96, 0.004)
    tx = BOOK.plan_close(state, position_over(state, range(-6, 5)), interval, OWNER, DEADLINE)
    # Two bins to each side may be crossed: of places -6 to 4 that leaves four below and two above.
    assert [bound.min_delta for bound in tx.bounds] == [2 * 10**6 - 2 - 22, 4 * 10**9 - 4_000 - 22]
    assert tx.closes_token_id == int(PAIR, 16)
    values = decode(abi.REMOVE_LIQUIDITY.inputs, bytes.fromhex(tx.data[10:]))
    assert (values[3], values[4]) == (4 * 10**9 - 4_000 - 22, 2 * 10**6 - 2 - 22)
    assert list(values[5]) == sorted(values[5])


@given(stake=st.integers(1, 40_000), count=st.integers(1, MOST_BINS_CLOSED))
def test_a_part_of_every_bin_sums_to_exactly_the_stake(stake: int, count: int) -> None:
    state = state_at(0, token0_is_x=True)
    position = position_over(state, range(-3, count - 3))
    if stake >= position.stake:
        with pytest.raises(InvalidInput, match="no part"):
            BOOK.plan_remove(state, position, stake, _interval(state), OWNER, DEADLINE)
        return
    tx = BOOK.plan_remove(state, position, stake, _interval(state), OWNER, DEADLINE)
    values = decode(abi.REMOVE_LIQUIDITY.inputs, bytes.fromhex(tx.data[10:]))
    shares = {share.bin_id: share.shares for share in position.bins}
    assert sum(values[6]) == stake
    assert all(0 < burned <= shares[bin_id] for bin_id, burned in zip(values[5], values[6], strict=True))


def test_a_part_that_pays_nothing_in_a_bin_leaves_that_bin() -> None:
    """``LBPair.burn`` reverts for such a bin (``LBPair__ZeroAmountsOut``), and with it for all others."""
    state = state_at(0, token0_is_x=True)
    position = position_over(state, range(-3, 4))
    dust = replace(position.bins[-1], amount0=8, amount1=0)
    position = replace(position, bins=(*position.bins[:-1], dust))
    tx = BOOK.plan_remove(state, position, position.stake // 20, _interval(state), OWNER, DEADLINE)
    values = decode(abi.REMOVE_LIQUIDITY.inputs, bytes.fromhex(tx.data[10:]))
    assert list(values[5]) == [share.bin_id for share in position.bins[:-1]]
    one = replace(position, bins=(dust,), shares=dust.shares)
    with pytest.raises(InvalidInput, match="pays nothing in any bin"):
        BOOK.plan_remove(state, one, one.stake // 20, _interval(state), OWNER, DEADLINE)


def test_a_part_that_a_swap_may_turn_into_nothing_leaves_that_bin() -> None:
    # A unit of token0 is worth two hundred of token1 there.
    state = state_at(2122, token0_is_x=True)
    position = position_over(state, range(2120, 2125))
    active = next(share for share in position.bins if share.bin_id == bin_of_place(2122, token0_is_x=True))
    bins = tuple(replace(share, amount0=0, amount1=150) if share is active else share for share in position.bins)
    position = replace(position, bins=bins)
    removing = BOOK.plan_remove(state, position, position.stake - 1, _interval(state), OWNER, DEADLINE)
    closing = BOOK.plan_close(state, position, _interval(state), OWNER, DEADLINE)
    for tx in (removing, closing):
        values = decode(abi.REMOVE_LIQUIDITY.inputs, bytes.fromhex(tx.data[10:]))
        assert active.bin_id not in values[5]
        assert len(values[5]) == 4
        assert tx.closes_token_id is None
    last = replace(position, bins=tuple(share for share in bins if share.bin_id == active.bin_id))
    assert BOOK.plan_close(state, last, _interval(state), OWNER, DEADLINE).closes_token_id == position.token_id


@given(
    place=st.integers(-20_000, 20_000),
    half_width=st.floats(0, 0.03),
    part=st.floats(0, 1),
    token0_is_x=st.booleans(),
)
def test_wherever_in_the_interval_the_price_goes_the_pairs_bin_is_within_the_slippage(
    place: int, half_width: float, part: float, token0_is_x: bool
) -> None:
    state = state_at(place, token0_is_x=token0_is_x)
    interval = price_interval(state.sqrt_price_x96, half_width)
    lowest, highest = places_of_interval(state, interval)
    price = interval.sqrt_lower_x96 + int(part * (interval.sqrt_upper_x96 - interval.sqrt_lower_x96))
    assert lowest <= place_at_sqrt_price_x96(STEP, price) <= highest


def _interval(state: PoolState) -> PriceInterval:
    return price_interval(state.sqrt_price_x96, 0.003)


def test_a_close_takes_the_lowest_bins_first_and_is_last_only_when_nothing_is_left() -> None:
    state = state_at(0, token0_is_x=True)
    large = position_over(state, range(-70, 70))
    first = BOOK.plan_close(state, large, _interval(state), OWNER, DEADLINE)
    values = decode(abi.REMOVE_LIQUIDITY.inputs, bytes.fromhex(first.data[10:]))
    assert list(values[5]) == [share.bin_id for share in large.bins[:MOST_BINS_CLOSED]]
    assert first.closes_token_id is None
    owed = replace(position_over(state, range(3)), fees0=5)
    assert BOOK20.plan_close(state, owed, _interval(state), OWNER, DEADLINE).closes_token_id is None
    fees_only = replace(owed, bins=(), shares=0, amount0=0, amount1=0)
    last = BOOK20.plan_close(state, fees_only, _interval(state), OWNER, DEADLINE)
    assert (last.to, last.action, last.closes_token_id) == (PAIR, Action.CLOSE, int(PAIR, 16))
    assert decode(abi.COLLECT_FEES.inputs, bytes.fromhex(last.data[10:])) == (OWNER.lower(), ())


def test_fees_are_collected_only_where_they_lie_apart() -> None:
    state = state_at(0, token0_is_x=True)
    position = position_over(state, range(-3, 4))
    assert (BOOK.collects_fees, BOOK20.collects_fees) == (False, True)
    with pytest.raises(InvalidInput, match="stay in its bins"):
        BOOK.plan_collect(state, position, OWNER)
    tx = BOOK20.plan_collect(state, position, OWNER)
    assert decode(abi.COLLECT_FEES.inputs, bytes.fromhex(tx.data[10:])) == (
        OWNER.lower(),
        tuple(share.bin_id for share in position.bins),
    )


@given(first=st.integers(-2_000, 2_000), count=st.integers(1, MOST_PARTS * MOST_BINS_OPENED))
def test_parts_cover_a_range_without_gap_and_none_is_too_large(first: int, count: int) -> None:
    ticks = ticks_of_places(STEP, range(first, first + count))
    parts = BOOK.parts(pair(), *ticks)
    assert len(parts) == -(-count // MOST_BINS_OPENED)
    assert (parts[0][0], parts[-1][1]) == ticks
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    state = state_at(first + count // 2, token0_is_x=True)
    for lower, upper in parts:
        bins = arguments(V21, BOOK.plan_open(state, lower, upper, 10**30, 10**30, _interval(state), OWNER, DEADLINE))[
            "deltaIds"
        ]
        assert len(bins) <= MOST_BINS_OPENED


def test_what_no_plan_can_do_is_refused_with_its_size() -> None:
    state = state_at(0, token0_is_x=True)
    with pytest.raises(InvalidInput, match=r"481 bins.*more than 480"):
        BOOK.parts(pair(), *ticks_of_places(STEP, range(481)))
    with pytest.raises(InvalidInput, match="61 bins"):
        opening(BOOK, state, range(61))
    with pytest.raises(InvalidInput, match="not edges"):
        BOOK.parts(pair(), 0, 25)
    with pytest.raises(InvalidInput, match="121 bins"):
        BOOK.plan_add(state, position_over(state, range(121)), 1, 1, _interval(state), OWNER, DEADLINE)
    other = replace(position_over(state, range(3)), pool_id="1:0x00")
    with pytest.raises(InvalidInput, match="not in"):
        BOOK.plan_close(state, other, _interval(state), OWNER, DEADLINE)
    with pytest.raises(InvalidInput, match="no active bin"):
        opening(BOOK, replace(state, active_bin=None), range(3))
    with pytest.raises(InvalidInput, match="no time zone"):
        BOOK.plan_close(state, position_over(state, range(3)), _interval(state), OWNER, DEADLINE.replace(tzinfo=None))


def test_the_router_is_let_burn_bins_and_then_no_longer() -> None:
    for adapter, name in ((BOOK, "approveForAll(address,bool)"), (BOOK20, "setApprovalForAll(address,bool)")):
        pool = pair()
        (grant,) = adapter.removing_grants(pool, OWNER)
        for tx, approved in ((grant.give, True), (grant.revoke, False)):
            expected = keccak(text=name)[:4] + encode(["address", "bool"], [pool.position_manager, approved])
            assert (tx.to, tx.data, tx.spender) == (PAIR, "0x" + expected.hex(), pool.position_manager)
        assert grant.remaining.target == PAIR


class Tree:
    """A pair that knows which bins are not empty and what a wallet has of them; counts requests."""

    def __init__(self, layout: Layout, bins: Sequence[int], held: dict[int, int]) -> None:
        self.layout, self.bins, self.held = layout, sorted(bins), held
        self.requests = 0

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        self.requests += 1
        return tuple(self.answer(call.data) for call in calls)

    def answer(self, data: bytes) -> CallResult:
        fixed = {
            abi.GET_BIN.selector: ok(["uint256", "uint256"], 10**6, 10**6),
            abi.TOTAL_SUPPLY.selector: ok(["uint256"], 10**9),
            abi.PENDING_FEES.selector: ok(["uint256", "uint256"], 0, 0),
        }
        if data[:4] in fixed:
            return fixed[data[:4]]
        if data[:4] == self.layout.next_bin.selector:
            return self.next_bin(*decode(self.layout.next_bin.inputs, data[4:]))
        return self.balances(*decode(abi.BALANCE_OF_BATCH.inputs, data[4:]))

    def next_bin(self, *arguments: Any) -> CallResult:
        bin_id, below = arguments if self.layout.fees_apart else arguments[::-1]
        index = bisect_left(self.bins, bin_id) - 1 if below else bisect_right(self.bins, bin_id)
        if 0 <= index < len(self.bins):
            return ok(["uint24"], self.bins[index])
        if self.layout.fees_apart:
            return CallResult(succeeded=False, data=bytes(keccak(text="TreeMath__ErrorDepthSearch()")[:4]))
        return ok(["uint24"], MAX_ID if below else 0)

    def balances(self, owners: Sequence[str], ids: Sequence[int]) -> CallResult:
        return ok(["uint256[]"], [self.held.get(bin_id, 0) for bin_id in ids])


def ok(types: list[str], *values: Any) -> CallResult:
    return CallResult(succeeded=True, data=encode(types, values))


def found_bins(layout: Layout, tree: Tree, active: int) -> list[int]:
    adapter = BOOK20 if layout.fees_apart else BOOK
    state = state_at(active - ID_SHIFT, token0_is_x=True)
    positions = adapter.read_positions(tree, [state], OWNER, make_block())  # type: ignore[arg-type]
    return [share.bin_id for position in positions for share in position.bins]


near = st.integers(ID_SHIFT - 600, ID_SHIFT + 600)
anywhere = st.integers(ID_SHIFT - 30_000, ID_SHIFT + 30_000)


@settings(max_examples=30, deadline=None)
@given(
    layout=st.sampled_from([V20, V21]),
    bins=st.sets(st.one_of(near, anywhere), max_size=6),
    ours=st.sets(st.one_of(near, anywhere), max_size=3),
    active=near,
)
def test_every_bin_of_ours_is_found_wherever_it_lies(
    layout: Layout, bins: set[int], ours: set[int], active: int
) -> None:
    tree = Tree(layout, [*(bins | ours)], dict.fromkeys(ours, 10**6))
    assert found_bins(layout, tree, active) == sorted(ours)


def test_bins_around_the_price_take_few_requests() -> None:
    tree = Tree(V21, range(ID_SHIFT - 400, ID_SHIFT + 400), dict.fromkeys(range(ID_SHIFT - 9, ID_SHIFT + 9), 10**6))
    assert len(found_bins(V21, tree, ID_SHIFT)) == 18
    assert tree.requests == 3


class Dumb(Tree):
    """A pair that says nothing about bins."""

    def answer(self, data: bytes) -> CallResult:
        return CallResult(succeeded=False, data=b"")


class Liar(Tree):
    """A pair that has fewer balances than it was asked for."""

    def balances(self, owners: Sequence[str], ids: Sequence[int]) -> CallResult:
        return ok(["uint256[]"], [1] * (len(ids) - 1))


class Endless(Tree):
    """A pair that always has another bin."""

    def next_bin(self, *arguments: Any) -> CallResult:
        bin_id, below = arguments if self.layout.fees_apart else arguments[::-1]
        return ok(["uint24"], bin_id - 1 if below else bin_id + 1)


@pytest.mark.parametrize(
    ("kind", "message"), [(Dumb, "next bin"), (Liar, "255 balances of 256"), (Endless, "more than 1500 pages")]
)
def test_a_pair_that_does_not_tell_all_bins_is_not_one_without_position(kind: type[Tree], message: str) -> None:
    with pytest.raises(BadAnswer, match=message):
        found_bins(V21, kind(V21, [ID_SHIFT], {}), ID_SHIFT)


def test_shares_that_pay_nothing_are_no_position() -> None:
    tree = Tree(V21, [ID_SHIFT], {ID_SHIFT: 1})
    assert found_bins(V21, tree, ID_SHIFT) == []


def test_pairs_are_asked_in_step() -> None:
    tree = Tree(V21, range(ID_SHIFT - 100, ID_SHIFT + 100), {ID_SHIFT + 3: 10**6})
    states = [
        replace(state_at(place, token0_is_x=True), pool=replace(pair(), address="0x" + f"{place:040x}"))
        for place in (1, 2, 3)
    ]
    assert len(BOOK.read_positions(tree, states, OWNER, make_block())) == 3  # type: ignore[arg-type]
    assert tree.requests == 3


def first_answers(pool: Pool, active: int, hooks: bytes = bytes(32)) -> list[CallResult]:
    address = ["address"]
    return [
        ok(address, pool.token0.address),
        ok(address, pool.token1.address),
        ok(address, pool.factory),
        ok(["uint16"], STEP),
        ok(["uint24"], active),
        ok(list(abi.GET_STATIC_FEES.outputs), 8_000, 30, 600, 5_000, 7_500, 2_000, 300_000),
        ok(list(abi.GET_VARIABLE_FEES.outputs), 0, 0, active, 0),
        ok(address, pool.factory),
        ok(["uint16", "address", "bool", "bool"], STEP, pool.address, True, False),
        ok(["uint8"], pool.token0.decimals),
        ok(["uint8"], pool.token1.decimals),
        CallResult(succeeded=True, data=hooks),
    ]


def bin_answers(active: int, most: int = MAX_ID) -> list[CallResult]:
    """The active bin, then those around it from low to high; then the shares of each in the same order."""
    around = [one for one in range(active - BINS_EACH_SIDE, min(most, active + BINS_EACH_SIDE) + 1) if one != active]
    reserves = [ok(["uint256", "uint256"], 5, 7), *(ok(["uint256", "uint256"], one, 0) for one in around)]
    return [*reserves, *(ok(["uint256"], 2 * one) for one in (active, *around))]


@pytest.mark.parametrize("token0_is_x", [True, False])
def test_a_pair_is_read_in_two_steps(token0_is_x: bool) -> None:
    pool, active = pair(), ID_SHIFT + 9
    assert isinstance(BOOK, ReadsInTwoSteps)
    answers = first_answers(pool, active)
    if not token0_is_x:
        answers[:2] = answers[1], answers[0]
    calls = BOOK.further_calls(pool, answers)
    assert calls[0].data == abi.GET_BIN.data(active)
    assert len(calls) == 2 * (2 * BINS_EACH_SIDE + 1) <= 50, "two pairs fit into one request"
    further = bin_answers(active)
    state = BOOK.read_pool(pool, [*answers, *further], make_block())
    assert state.active_bin is not None
    assert (state.active_bin.reserve0, state.active_bin.reserve1) == ((5, 7) if token0_is_x else (7, 5))
    assert state.fee_pips == 2_000
    ids = range(active - BINS_EACH_SIDE, active + BINS_EACH_SIDE + 1)
    assert [(one.bin_id, one.supply) for one in state.bins] == [(one, 2 * one) for one in ids]
    others = [one for one in state.bins if one.bin_id != active]
    assert {
        (one.reserve0, one.reserve1) == ((one.bin_id, 0) if token0_is_x else (0, one.bin_id)) for one in others
    } == {True}
    for cut in (0, 1, len(further) - 1):
        with pytest.raises(BadAnswer, match="were not read"):
            BOOK.read_pool(pool, [*answers, *further[:cut]], make_block())


def test_bins_end_with_the_ids() -> None:
    calls = BOOK.further_calls(pair(), first_answers(pair(), MAX_ID))
    assert [call.data for call in calls[: BINS_EACH_SIDE + 1]] == [
        abi.GET_BIN.data(MAX_ID),
        *(abi.GET_BIN.data(MAX_ID - BINS_EACH_SIDE + place) for place in range(BINS_EACH_SIDE)),
    ]
    assert len(calls) == 2 * (BINS_EACH_SIDE + 1)


def test_a_state_that_was_recorded_before_bins_were_has_none() -> None:
    state = state_at(0, token0_is_x=True)
    old = json.loads(payload_of(state))
    assert old.pop("bins") == []
    assert value_from_payload(PoolState, json.dumps(old), "history") == state


def test_a_pair_with_hooks_is_refused_and_one_before_hooks_is_not() -> None:
    pool, more = pair(), bin_answers(ID_SHIFT)
    hooked = [*first_answers(pool, ID_SHIFT, b"\0" * 12 + b"\x11" * 20), *more]
    with pytest.raises(PoolNotFound, match="hooks"):
        BOOK.read_pool(pool, hooked, make_block())
    old = first_answers(pool, ID_SHIFT)
    old[-1] = CallResult(succeeded=False, data=b"")
    assert BOOK.read_pool(pool, [*old, *more], make_block()).pool == pool


@pytest.mark.parametrize("place", range(12))
def test_a_contract_that_is_no_pair_is_not_found(place: int) -> None:
    pool = pair()
    answers = first_answers(pool, ID_SHIFT)
    answers[place] = CallResult(succeeded=True, data=b"\x01")
    if place < 11:
        further = bin_answers(ID_SHIFT) if BOOK.further_calls(pool, answers) else []
        with pytest.raises(PoolNotFound):
            BOOK.read_pool(pool, [*answers, *further], make_block())


def test_an_active_bin_beyond_all_prices_is_refused() -> None:
    pool = pair()
    answers = [*first_answers(pool, MAX_ID), *bin_answers(MAX_ID)]
    with pytest.raises(PoolNotFound, match="beyond any price"):
        BOOK.read_pool(pool, answers, make_block())
