"""Liquidity Book 2.0, 2.1 and 2.2 on a node: both orders of X and Y, every range, every rounding."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alm_core.math.bin_parts import MOST_BINS_OPENED
from alm_core.math.bin_ranges import (
    edge_at_or_above,
    edge_at_or_below,
    place_at_sqrt_price_x96,
    place_of_bin,
    places_of_range,
    ticks_of_places,
)
from alm_core.math.bin_shares import amounts_for_shares, composition_fees, shares_for_amounts
from alm_core.math.bins import ID_SHIFT, bin_at_price, price_at_bin
from alm_core.math.liquidity import amounts_for_liquidity, price_interval
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.model.dex_ports import DexAdapter, PriceInterval
from alm_core.model.errors import InvalidInput, PoolNotFound, TransactionWouldRevert
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import Receipt
from alm_localnet.contracts import calldata, install, selector
from alm_localnet.dexes.dex import LocalDex, PoolKey
from alm_localnet.dexes.liquidity_book import LocalLiquidityBook, LocalLiquidityBookV20
from alm_localnet.dexes.v3_shape import topic
from alm_resources.dex.liquidity_book import LiquidityBookAdapter, LiquidityBookV20Adapter
from alm_resources.dex.liquidity_book.plans import MOST_BINS_CLOSED
from alm_tests.chain.dex_chain import DexChain
from alm_tests.chain.families.v3_shaped import contracts_of

USD, ETH, BTC, PROBE = ("0x" + f"{digit}0".ljust(39, "0") + digit for digit in "1234")
STEP = 10
PRICES = {"usd_eth": 5 * 10**8, "eth_btc": 0.04}
HALF_WIDTH = 0.003


@dataclass
class Book:
    """A chain with pairs of 6 and 18, and of 18 and 18 decimals."""

    chain: DexChain
    usd: Token
    eth: Token
    btc: Token
    adapter: DexAdapter

    def pair(self, name: str, step: int = STEP) -> Pool:
        """Return a new pair with liquidity around its price; each bin step gives one pair of two tokens."""
        tokens = (self.usd, self.eth) if name == "usd_eth" else (self.eth, self.btc)
        key = PoolKey(token0=tokens[0].address, token1=tokens[1].address, bin_step=step)
        pool = self.chain.pool(*tokens, key, int(PRICES[name] ** 0.5 * Q96))
        state = self.chain.state(pool)
        places = range(self.place(state) - 30, self.place(state) + 31)
        self.chain.provide(pool, *ticks_of_places(step, places), 10**19)
        return pool

    def place(self, state: PoolState) -> int:
        assert state.active_bin is not None
        return place_of_bin(state.active_bin.bin_id, token0_is_x=state.active_bin.token0_is_x)

    def around(self, state: PoolState, below: int, above: int) -> tuple[int, int]:
        """Ticks of the bins from so many below the active one to so many above; negative for beyond it."""
        place = self.place(state)
        return ticks_of_places(state.pool.bin_step or 0, range(place - below, place + above + 1))

    def amounts(self, state: PoolState) -> tuple[int, int]:
        """About equal values of both tokens."""
        return 10**12, int(10**12 * (state.sqrt_price_x96 / Q96) ** 2)

    def interval(self, state: PoolState) -> PriceInterval:
        return price_interval(state.sqrt_price_x96, HALF_WIDTH)

    def open(self, pool: Pool, below: int, above: int, state: PoolState | None = None) -> Receipt:
        state = state or self.chain.state(pool)
        amounts, ticks = self.amounts(state), self.around(state, below, above)
        tx = self.adapter.plan_open(
            *(state, *ticks, *amounts, self.interval(state), self.chain.wallet, self.chain.deadline())
        )
        grants = self.adapter.placing_grants(pool, self.chain.wallet, *amounts, self.chain.deadline())
        return self.chain.place(grants, tx)

    def position(self, pool: Pool) -> Position:
        (position,) = self.chain.positions(pool)
        return position

    def remove(self, pool: Pool, stake: int) -> Receipt:
        state = self.chain.state(pool)
        tx = self.adapter.plan_remove(
            *(state, self.position(pool), stake, self.interval(state), self.chain.wallet, self.chain.deadline())
        )
        return self.chain.place(self.adapter.removing_grants(pool, self.chain.wallet), tx)

    def close(self, pool: Pool, position: Position | None = None) -> Receipt:
        state = self.chain.state(pool)
        tx = self.adapter.plan_close(
            *(state, position or self.position(pool), self.interval(state), self.chain.wallet, self.chain.deadline())
        )
        return self.chain.place(self.adapter.removing_grants(pool, self.chain.wallet), tx)

    def close_all(self, pool: Pool) -> int:
        """Close until nothing is left and return how many transactions that took."""
        count = 0
        while found := self.chain.positions(pool):
            self.close(pool, found[0])
            count += 1
        return count

    def trade(self, pool: Pool) -> None:
        """Through some bins down, through more up, and back near the first."""
        start = self.chain.state(pool).sqrt_price_x96
        for thousandths in (996, 1_007, 1_001):
            self.chain.move_price(pool, start * thousandths // 1_000)

    def asked(self, to: str, signature: str, *values: Any, output: str) -> Any:
        data = "0x" + calldata(signature, *values).hex()
        return decode([output], bytes.fromhex(self.chain.rpc.call("eth_call", {"to": to, "data": data}, "latest")[2:]))[
            0
        ]


VERSIONS: dict[str, tuple[LocalDex, DexAdapter, str]] = {
    "2.2": (LocalLiquidityBook(), LiquidityBookAdapter(), "joe-v2.2"),
    "2.1 turned": (LocalLiquidityBook(x_is_token0=False, tells_hooks=False), LiquidityBookAdapter(), "joe-v2.1"),
    "2.0 turned": (LocalLiquidityBookV20(), LiquidityBookV20Adapter(), "joe-v2"),
}


@pytest.fixture(scope="module", params=VERSIONS)
def standing_book(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    dex, adapter, deployment = VERSIONS[request.param]
    chain = DexChain(tmp_path_factory.mktemp("book"), dex, adapter, contracts_of(deployment, 43114), 43114)
    try:
        usd, eth, btc = chain.token(USD, "USD", 6), chain.token(ETH, "ETH", 18), chain.token(BTC, "BTC", 18)
        yield Book(chain, usd, eth, btc, adapter)
    finally:
        chain.stop()


@pytest.fixture
def book(standing_book: Book) -> Iterator[Book]:
    """The chain, as it was, for every test."""
    kept = standing_book.chain.rpc.call("evm_snapshot")
    yield standing_book
    standing_book.chain.rpc.call("evm_revert", kept)


def delta(before: tuple[int, int], after: tuple[int, int]) -> tuple[int, int]:
    return after[0] - before[0], after[1] - before[1]


def with_transaction(book: Book, pool: Pool, act: Any) -> tuple[int, int]:
    before = book.chain.balances(pool)
    act()
    return delta(before, book.chain.balances(pool))


@pytest.mark.parametrize("name", PRICES)
def test_a_pair_is_read_as_its_contracts_tell_it(book: Book, name: str) -> None:
    pool = book.pair(name)
    book.trade(pool)
    state = book.chain.state(pool)
    active = state.active_bin
    assert active is not None
    assert active.token0_is_x == book.chain.dex.x_is_token0  # type: ignore[attr-defined]
    x, y = book.asked(pool.address, "getBin(uint24)", active.bin_id, output="(uint256,uint256)")
    assert (active.reserve0, active.reserve1) == ((x, y) if active.token0_is_x else (y, x))
    assert state.sqrt_price_x96 == pytest.approx(PRICES[name] ** 0.5 * Q96, rel=3 * STEP / 10_000)
    assert edge_at_or_below(STEP, state.tick) <= state.tick < edge_at_or_above(STEP, state.tick + 1)
    assert place_at_sqrt_price_x96(STEP, state.sqrt_price_x96) == book.place(state)
    # Base fee of the preset, and the volatility of the trades on top.
    assert 1_000 < state.fee_pips <= active.most_fee_pips
    assert state.protocol_fee_frac0 == state.protocol_fee_frac1 == 0.1
    assert state.liquidity == pytest.approx(10**19, rel=0.02)


def test_the_fee_told_is_what_the_next_swap_pays(book: Book) -> None:
    pool = book.pair("eth_btc")
    book.trade(pool)
    state = book.chain.state(pool)
    amount = 10**14
    receipts = book.chain.rpc.call("eth_blockNumber")
    book.chain.swap(pool, amount, zero_for_one=True)
    logs = book.chain.rpc.call(
        "eth_getLogs",
        {"fromBlock": hex(int(receipts, 16) + 1), **book.chain.dex.log_filter(book.chain.contracts, [pool.address])},
    )
    (log,) = logs
    moved = book.chain.dex.swapped_amounts(pool.address, log)
    assert moved is not None
    assert moved[0] == amount
    words = [int(log["data"][2 + 64 * index : 66 + 64 * index], 16) for index in range((len(log["data"]) - 2) // 64)]
    fees = words[-1] if len(log["topics"]) == 4 else sum(divmod(words[-2], 2**128))
    assert fees == pytest.approx(amount * state.fee_pips / 10**6, rel=2e-3)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("factory", "0x" + "77" * 20, "factory"),
        ("position_manager", "0x" + "77" * 20, "actory"),
        ("bin_step", 20, "bin step is 10, registry says 20"),
        ("address", "0x" + "77" * 20, "no liquidity_book"),
    ],
)
def test_a_pair_that_is_not_the_registrys_is_refused(book: Book, field: str, value: Any, message: str) -> None:
    pool = replace(book.pair("usd_eth"), **{field: value})
    with pytest.raises(PoolNotFound, match=message):
        book.chain.state(pool)


def test_other_tokens_and_decimals_are_refused(book: Book) -> None:
    pool = book.pair("usd_eth")
    with pytest.raises(PoolNotFound, match="tokens are"):
        book.chain.state(replace(pool, token1=book.btc))
    with pytest.raises(PoolNotFound, match="decimals of ETH"):
        book.chain.state(replace(pool, token1=replace(book.eth, decimals=8)))


@pytest.mark.parametrize(
    ("name", "below", "above"), [("usd_eth", 12, 12), ("eth_btc", -3, 12), ("usd_eth", 12, -3), ("eth_btc", 0, 0)]
)
def test_a_position_lives_its_whole_life_to_the_wei(book: Book, name: str, below: int, above: int) -> None:
    live(book, name, below, above)


def test_a_position_in_two_zero_lives_as_well_where_token0_is_x(tmp_path: Path) -> None:
    dex = LocalLiquidityBookV20(x_is_token0=True)
    chain = DexChain(tmp_path, dex, LiquidityBookV20Adapter(), contracts_of("joe-v2", 43114), 43114)
    try:
        usd, eth, btc = chain.token(USD, "USD", 6), chain.token(ETH, "ETH", 18), chain.token(BTC, "BTC", 18)
        live(Book(chain, usd, eth, btc, chain.adapter), "usd_eth", 4, 9)
    finally:
        chain.stop()


def live(book: Book, name: str, below: int, above: int) -> None:
    pool = book.pair(name)
    assert book.chain.positions(pool) == ()
    opened_at = book.chain.state(pool)
    quote = book.adapter.quote_liquidity(opened_at, *book.around(opened_at, below, above), *book.amounts(opened_at))
    spent = with_transaction(book, pool, lambda: book.open(pool, below, above))
    position = book.position(pool)
    assert (position.tick_lower, position.tick_upper) == book.around(opened_at, below, above)
    assert position.liquidity == pytest.approx(quote.liquidity, rel=1e-6)
    for used, quoted, held in zip(
        spent, (quote.amount0, quote.amount1), (position.amount0, position.amount1), strict=True
    ):
        # What is not taken is the rounding of each bin; a share of 2.0 is a whole unit of Y, one way or the other.
        assert 0 <= used + quoted <= 2 * len(position.bins)
        assert abs(quoted - held) <= 2 * len(position.bins) + quoted // 10**6

    state = book.chain.state(pool)
    amounts = book.amounts(state)
    tx = book.adapter.plan_add(
        *(state, position, *amounts, book.interval(state), book.chain.wallet, book.chain.deadline())
    )
    book.chain.place(book.adapter.placing_grants(pool, book.chain.wallet, *amounts, book.chain.deadline()), tx)
    added = book.position(pool)
    assert (added.tick_lower, added.tick_upper) == (position.tick_lower, position.tick_upper)
    assert added.stake > position.stake

    book.trade(pool)
    traded = book.position(pool)
    assert traded.stake == added.stake
    part = traded.stake // 3
    paid = with_transaction(book, pool, lambda: book.remove(pool, part))
    owed = left = book.position(pool)
    assert left.stake == traded.stake - part
    for got, had in zip(paid, (traded.amount0, traded.amount1), strict=True):
        assert got == pytest.approx(had / 3, rel=1e-6, abs=2 * len(position.bins))

    paid = with_transaction(book, pool, lambda: book.close_all(pool))
    assert paid == (owed.amount0 + owed.fees0, owed.amount1 + owed.fees1)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.9])
def test_what_v3_needs_at_the_price_told_fills_the_bins_and_leaves_nothing_over(book: Book, part: float) -> None:
    pool = book.pair("eth_btc", step=1)
    before = book.chain.state(pool).active_bin
    assert before is not None
    book.chain.swap(pool, int(before.reserve1 * part / PRICES["eth_btc"]), zero_for_one=True)
    state = book.chain.state(pool)
    assert state.active_bin is not None
    assert state.active_bin.bin_id == before.bin_id
    ticks = book.around(state, 2, 3)
    lower, upper = sqrt_price_x96_at_tick(ticks[0]), sqrt_price_x96_at_tick(ticks[1])
    needs = amounts_for_liquidity(state.sqrt_price_x96, lower, upper, 10**18, round_up=True)
    quote = book.adapter.quote_liquidity(state, *ticks, *needs)
    assert quote.liquidity == pytest.approx(10**18, rel=1e-3)
    for used, needed in zip((quote.amount0, quote.amount1), needs, strict=True):
        assert used == pytest.approx(needed, rel=1e-3)


def test_fees_are_in_the_bins_or_collected_apart_to_the_wei(book: Book) -> None:
    pool = book.pair("usd_eth")
    book.open(pool, 10, 10)
    before = book.position(pool)
    book.trade(pool)
    after = book.position(pool)
    state = book.chain.state(pool)
    price = (state.sqrt_price_x96 / Q96) ** 2
    assert after.amount0 * price + after.amount1 + after.fees0 * price + after.fees1 > (
        before.amount0 * price + before.amount1
    )
    if not book.adapter.collects_fees:  # type: ignore[attr-defined]
        assert (after.fees0, after.fees1) == (0, 0)
        with pytest.raises(InvalidInput, match="stay in its bins"):
            book.adapter.plan_collect(state, after, book.chain.wallet)
        return
    assert min(after.fees0, after.fees1) > 0
    tx = book.adapter.plan_collect(state, after, book.chain.wallet)
    assert with_transaction(book, pool, lambda: book.chain.run(tx)) == (after.fees0, after.fees1)
    collected = book.position(pool)
    assert (collected.fees0, collected.fees1) == (0, 0)
    assert collected.bins == after.bins


def test_more_bins_than_a_transaction_takes_are_opened_and_closed_in_parts(book: Book) -> None:
    pool = book.pair("eth_btc")
    state = book.chain.state(pool)
    ticks = book.around(state, 70, 74)
    parts = book.adapter.parts(pool, *ticks)
    assert [len(places_of_range(STEP, *part)) for part in parts] == [48, 48, 49]
    assert (parts[0][0], parts[-1][1]) == ticks
    gas: list[int] = []
    for part in parts:
        state = book.chain.state(pool)
        amounts = book.amounts(state)
        tx = book.adapter.plan_open(
            *(state, *part, *amounts, book.interval(state), book.chain.wallet, book.chain.deadline())
        )
        assert tx.opens_position
        grants = book.adapter.placing_grants(pool, book.chain.wallet, *amounts, book.chain.deadline())
        gas.append(book.chain.place(grants, tx).gas_used)
    position = book.position(pool)
    assert (position.tick_lower, position.tick_upper) == ticks
    assert len(position.bins) == 145
    assert max(gas) < 16_777_216 // 2
    owed = position.amount0, position.amount1
    state = book.chain.state(pool)
    tx = book.adapter.plan_close(*(state, position, book.interval(state), book.chain.wallet, book.chain.deadline()))
    assert tx.closes_token_id is None
    count = 0

    def close_all() -> None:
        nonlocal count
        count = book.close_all(pool)

    assert with_transaction(book, pool, close_all) == owed
    assert count == -(-145 // MOST_BINS_CLOSED)
    with pytest.raises(InvalidInput, match="145 bins"):
        book.adapter.plan_add(*(state, position, *owed, book.interval(state), book.chain.wallet, book.chain.deadline()))


def test_the_largest_plans_fit_into_a_transaction(book: Book) -> None:
    pool = book.pair("eth_btc")
    # Bins that nobody has touched cost most.
    opened = book.open(pool, -100, 100 + MOST_BINS_OPENED - 1)
    assert len(book.position(pool).bins) == MOST_BINS_OPENED
    book.open(pool, -100 - MOST_BINS_OPENED, 100 + 2 * MOST_BINS_OPENED - 1)
    closed = book.close(pool)
    assert book.chain.positions(pool) == ()
    assert opened.gas_used < 8_000_000
    assert closed.gas_used < 8_000_000


def test_bins_far_from_the_price_are_found(book: Book) -> None:
    pool = book.pair("usd_eth")
    book.open(pool, -4_000, 4_004)
    book.open(pool, 9_005, -9_000)
    position = book.position(pool)
    places = [
        place_of_bin(share.bin_id, token0_is_x=bool(state.token0_is_x)) - book.place(book.chain.state(pool))
        for share in position.bins
        if (state := book.chain.state(pool).active_bin)
    ]
    assert sorted(places) == [*range(-9_005, -8_999), *range(4_000, 4_005)]


def test_what_others_have_in_the_same_bins_is_not_ours(book: Book) -> None:
    pool = book.pair("usd_eth")
    book.open(pool, 8, 8)
    own = book.position(pool)
    book.chain.provide(pool, own.tick_lower, own.tick_upper, 3 * 10**18)
    shared = book.position(pool)
    assert [share.shares for share in shared.bins] == [share.shares for share in own.bins]
    for found, before in ((shared.amount0, own.amount0), (shared.amount1, own.amount1)):
        assert abs(found - before) <= before / 100
    paid = with_transaction(book, pool, lambda: book.close_all(pool))
    # Their deposit pays us for the composition of the active bin: in 2.0 apart from it.
    assert paid == (shared.amount0 + shared.fees0, shared.amount1 + shared.fees1)


@pytest.mark.parametrize("moved", [998, 1_002])
def test_a_plan_holds_while_the_price_moves_within_the_interval(book: Book, moved: int) -> None:
    pool = book.pair("usd_eth")
    state = book.chain.state(pool)
    # The interval is of the price, the move of its root: a bin of step 10 to each side.
    target = state.sqrt_price_x96 * (moved + 1_000) // 2_000
    book.chain.move_price(pool, target)
    moved_by = book.place(book.chain.state(pool)) - book.place(state)
    assert abs(moved_by) == 2
    book.open(pool, 10, 10, state)
    position = book.position(pool)
    # The bins of a deposit go with the active one.
    places = range(book.place(state) - 10 + moved_by, book.place(state) + 11 + moved_by)
    assert (position.tick_lower, position.tick_upper) == ticks_of_places(STEP, places)

    state = book.chain.state(pool)
    tx = book.adapter.plan_close(*(state, position, book.interval(state), book.chain.wallet, book.chain.deadline()))
    book.chain.move_price(pool, state.sqrt_price_x96 * (moved + 1_000) // 2_000)
    book.chain.place(book.adapter.removing_grants(pool, book.chain.wallet), tx)


def test_a_plan_does_not_hold_where_the_price_left_the_interval(book: Book) -> None:
    pool = book.pair("usd_eth")
    book.open(pool, 6, 6)
    state = book.chain.state(pool)
    amounts = book.amounts(state)
    opening = book.adapter.plan_open(
        *(state, *book.around(state, 10, 10), *amounts, book.interval(state), book.chain.wallet),
        book.chain.deadline(),
    )
    closing = book.adapter.plan_close(
        *(state, book.position(pool), book.interval(state), book.chain.wallet, book.chain.deadline())
    )
    book.chain.move_price(pool, state.sqrt_price_x96 * 1_005 // 1_000)
    for grants, tx in (
        (book.adapter.placing_grants(pool, book.chain.wallet, *amounts, book.chain.deadline()), opening),
        (book.adapter.removing_grants(pool, book.chain.wallet), closing),
    ):
        book.chain.give(grants)
        with pytest.raises(TransactionWouldRevert, match="custom error"):
            book.chain.run(tx)
        book.chain.take_back(grants)


def test_a_deadline_and_a_missing_right_are_told_by_the_router(book: Book) -> None:
    pool = book.pair("usd_eth")
    book.open(pool, 2, 2)
    state = book.chain.state(pool)
    plan = (state, book.position(pool), book.interval(state), book.chain.wallet)
    with pytest.raises(TransactionWouldRevert, match="0x" + selector(SPENDER_NOT_APPROVED).hex()):
        book.chain.run(book.adapter.plan_close(*plan, book.chain.deadline()))
    late = book.adapter.plan_close(*plan, state.block.block_at)
    book.chain.rpc.call("evm_increaseTime", 60)
    book.chain.rpc.call("evm_mine")
    with pytest.raises(TransactionWouldRevert, match="0x" + selector(DEADLINE_EXCEEDED).hex()):
        book.chain.run(late)


SPENDER_NOT_APPROVED = "LBToken__SpenderNotApproved(address,address)"
DEADLINE_EXCEEDED = "LBRouter__DeadlineExceeded(uint256,uint256)"


def test_a_deposit_in_the_composition_of_the_active_bin_pays_no_fee_and_another_one_does(book: Book) -> None:
    pool = book.pair("usd_eth")
    names = (
        "CompositionFees(address,uint24,bytes32,bytes32)",
        "CompositionFee(address,address,uint256,uint256,uint256)",
    )
    topics = {topic(name) for name in names}
    state = book.chain.state(pool)
    receipt = book.open(pool, 5, 5)
    fees = [log for log in receipt.logs if log.topics[0] in topics]
    # A share of 2.0 is a whole unit of Y: the fee is for its rounding.
    for log in fees:
        worth = book.amounts(state)
        ordered = worth if state.active_bin and state.active_bin.token0_is_x else worth[::-1]
        for fee, amount in zip(decode(["uint256", "uint256"], bytes.fromhex(log.data[2:])), ordered, strict=True):
            assert fee <= 2 + amount // 10**9
    assert not fees or book.adapter.collects_fees  # type: ignore[attr-defined]
    # The state of before: a swap within the bin has changed its composition since.
    book.chain.swap(pool, 2 * 10**10, zero_for_one=True)
    assert book.place(book.chain.state(pool)) == book.place(state)
    before = book.position(pool)
    receipt = book.open(pool, 5, 5, state)
    (log,) = [log for log in receipt.logs if log.topics[0] in topics]
    after = book.position(pool)
    assert int(log.data, 16) > 0
    assert after.stake > before.stake


def packed(amounts: tuple[int, int]) -> bytes:
    return (amounts[0] | amounts[1] << 128).to_bytes(32, "big")


def unpacked(word: bytes) -> tuple[int, int]:
    value = int.from_bytes(word, "big")
    return value % 2**128, value >> 128


amounts = st.tuples(st.integers(0, 10**26), st.integers(0, 10**26))
places = st.integers(-60_000, 60_000)
steps = st.sampled_from([1, 5, 10, 25, 100])


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    dex, adapter, deployment = VERSIONS["2.2"]
    chain = DexChain(tmp_path_factory.mktemp("probe"), dex, adapter, contracts_of(deployment, 43114), 43114)
    try:
        install(chain.rpc, chain.trader, PROBE, chain.code.creation("LBPairProbe"))
        token = chain.token(USD, "USD", 6)
        yield Book(chain, token, token, token, adapter)
    finally:
        chain.stop()


@settings(max_examples=80, deadline=None)
@given(step=steps, place=places)
def test_prices_and_ids_are_the_contracts(probe: Book, step: int, place: int) -> None:
    assume(abs(place) * step < 800_000)
    bin_id = ID_SHIFT + place
    price = price_at_bin(bin_id, step)
    assert probe.asked(PROBE, "price(uint24,uint256)", bin_id, step, output="uint256") == price
    for asked in (price - 1, price, price + 1, price * 3 // 2):
        found = probe.asked(PROBE, "id(uint256,uint256)", asked, step, output="uint24")
        assert bin_at_price(asked, step) == found


@settings(max_examples=80, deadline=None)
@given(
    step=steps,
    place=st.integers(-3_000, 3_000),
    reserves=amounts,
    more=amounts,
    supply=st.integers(0, 2**130),
    fee=st.integers(0, 10**17),
)
def test_shares_amounts_and_composition_fees_are_the_contracts(
    probe: Book, step: int, place: int, reserves: tuple[int, int], more: tuple[int, int], supply: int, fee: int
) -> None:
    price = price_at_bin(ID_SHIFT + place, step)
    try:
        shares, taken = shares_for_amounts(reserves, more, price, supply)
    except InvalidInput:
        assume(False)
        return
    signature = "shares(bytes32,bytes32,uint256,uint256)"
    values = (packed(reserves), packed(more), price, supply)
    found = probe.asked(PROBE, signature, *values, output="(uint256,bytes32)")
    assert (found[0], unpacked(found[1])) == (shares, taken)
    assume(supply and shares and shares < 2**200)
    signature = "compositionFees(bytes32,bytes32,uint256,uint256,uint256)"
    answer = probe.asked(PROBE, signature, packed(reserves), packed(taken), supply, shares, fee, output="bytes32")
    assert unpacked(answer) == composition_fees(reserves, taken, supply, shares, fee)
    part = min(shares, supply)
    answer = probe.asked(PROBE, "amounts(bytes32,uint256,uint256)", packed(reserves), part, supply, output="bytes32")
    assert unpacked(answer) == amounts_for_shares(reserves, part, supply)
