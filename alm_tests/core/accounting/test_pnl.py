"""Profit and loss of live books: parts are what happened, and add up to the change of the NAV whatever happens."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.accounting.holding_loss import holding_loss_usd
from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.model.accounts import EpochPnl
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ActiveBin, BinShare, SourceProblem
from alm_core.model.transactions import Action
from alm_core.portfolio.valuation import nav_usd
from alm_tests.core.accounting.ledgers import CHAINS, USDC, WETH, Wallet
from alm_tests.core.accounting.test_holding_loss import position, snapshot
from alm_tests.core.portfolio.scene import PRICE

PARTS = ("fees", "rewards", "lvr", "swap", "gas", "bridge", "flow")
BASE, POLYGON = CHAINS

chains = st.sampled_from(CHAINS)
some_base, some_quote = st.integers(0, WETH // 10), st.integers(0, 100 * USDC)
own_steps = st.one_of(
    st.tuples(st.just("open"), chains, some_base, some_quote),
    st.tuples(st.just("close"), chains),
    st.tuples(st.just("collect"), chains),
    st.tuples(st.just("earn"), chains, some_base, some_quote),
    st.tuples(st.just("shift"), chains, st.integers(-(10**9), 10**9), st.integers(-(10**3), 10**3)),
    st.tuples(st.just("swap"), chains, st.integers(-(WETH // 10), WETH // 10), st.integers(-100 * USDC, 100 * USDC)),
    st.tuples(st.just("gas"), chains, st.integers(0, 10**15)),
    st.tuples(st.just("reward"), chains, some_quote),
    st.tuples(st.just("send"), st.integers(10**5, 100 * USDC), st.integers(0, 10**4)),
    st.tuples(st.just("arrive"), st.integers(-10, 10)),
)
"""What a wallet does itself."""
steps = st.one_of(
    own_steps,
    st.tuples(st.just("deposit"), chains, st.integers(-(WETH // 10), WETH), some_quote, st.integers(-(10**15), 10**16)),
)
prices = st.tuples(st.floats(1_000.0, 4_000.0), st.floats(0.9, 1.1), st.floats(0.5, 4_000.0))


def take(wallet: Wallet, step: tuple[object, ...]) -> None:
    """Do a step if the wallet can."""
    name, *args = step
    if name == "send":
        wallet.send(BASE, POLYGON, *args)
    elif name == "arrive":
        if wallet.transit:
            wallet.arrive(*args)
    elif name in ("close", "collect", "earn", "shift"):
        chain_id, *rest = args
        held = wallet.chains[chain_id].positions
        if held:
            getattr(wallet, name)(chain_id, next(iter(held)), *rest)
    else:
        getattr(wallet, "pay_gas" if name == "gas" else name)(*args)


def assert_adds_up(found: EpochPnl) -> None:
    change = found.nav_end_usd - found.nav_start_usd
    assert found.parts.change_usd == pytest.approx(change, abs=1e-9 * found.nav_end_usd)


@settings(max_examples=150, deadline=None)
@given(rounds=st.lists(st.tuples(st.lists(steps, max_size=8), prices), min_size=1, max_size=4))
def test_every_part_is_what_happened_and_all_parts_are_the_change_of_the_nav(
    rounds: list[tuple[list[tuple[object, ...]], tuple[float, float, float]]],
) -> None:
    wallet = Wallet()
    before = wallet.mark()
    for taken, (price, quote_usd, native_usd) in rounds:
        wallet.begin_epoch()
        for step in taken:
            take(wallet, step)
        now = wallet.mark(price, quote_usd, native_usd)
        found = epoch_pnl(before, now, wallet.movements)
        assert_adds_up(found)
        for part in PARTS:
            got = getattr(found.parts, f"{part}_usd")
            assert got == pytest.approx(wallet.part_usd(part), abs=1e-9 * found.nav_end_usd), part
        assert sum(line.value_usd for line in found.lines) == pytest.approx(found.nav_end_usd, rel=1e-12)
        before = now


@settings(max_examples=50, deadline=None)
@given(taken=st.lists(steps, max_size=8), at=prices)
def test_the_nav_of_accounts_less_native_coin_is_that_of_the_report(
    taken: list[tuple[object, ...]], at: tuple[float, float, float]
) -> None:
    wallet = Wallet()
    before = wallet.mark()
    for step in taken:
        take(wallet, step)
    now = wallet.mark(*at)
    found = epoch_pnl(before, now, wallet.movements)
    pools = tuple(state.pool for state in now.snapshot.pools)
    for marked, nav, native in (
        (before, found.nav_start_usd, found.native_start_usd),
        (now, found.nav_end_usd, found.native_end_usd),
    ):
        assert nav - native == pytest.approx(nav_usd(marked.snapshot, marked.price, pools), rel=1e-12)


def test_less_the_price_effect_of_native_coin_accounts_change_as_a_backtest_does_that_takes_gas_off() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.pay_gas(BASE, 10**16)
    wallet.swap(BASE, WETH, -2_000 * USDC)
    now = wallet.mark(price=2_100.0, native_usd=1_000.0)
    found = epoch_pnl(before, now, wallet.movements)
    tokens = found.nav_end_usd - found.native_end_usd - (found.nav_start_usd - found.native_start_usd)
    coin_price = (2 - 0.01) * (1_000.0 - 2_000.0)
    assert tokens - found.parts.gas_usd == pytest.approx(found.parts.change_usd - coin_price)
    assert found.parts.gas_usd == pytest.approx(20.0)
    assert found.parts.swap_usd == pytest.approx(0.0)


def test_what_was_swapped_costs_at_the_price_it_was_decided_at_and_moves_with_the_price_from_there() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.swap(BASE, WETH, -2_010 * USDC)
    now = wallet.mark(price=1_500.0, native_usd=2_000.0)
    found = epoch_pnl(before, now, wallet.movements)
    assert found.parts.swap_usd == pytest.approx(10.0)
    assert found.parts.price_usd == pytest.approx(-500.0 * 11)


def test_parts_are_told_by_position_pool_and_chain() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.open(POLYGON, WETH, 2_000 * USDC)
    before = wallet.mark()
    wallet.begin_epoch()
    wallet.earn(BASE, 1, 0, 10 * USDC)
    wallet.earn(POLYGON, 2, 0, 20 * USDC)
    wallet.shift(POLYGON, 2, 0, -3 * USDC)
    wallet.close(BASE, 1)
    found = epoch_pnl(before, wallet.mark(), wallet.movements)
    lines = {line.token_id: line for line in found.lines if line.token_id}
    assert {number: line.parts.fees_usd for number, line in lines.items()} == {1: 10.0, 2: 20.0}
    assert (lines[1].value_usd, lines[2].value_usd) == (0.0, pytest.approx(4_017.0))
    assert lines[2].parts.lvr_usd == pytest.approx(3.0)
    assert lines[1].pool_id == wallet.chains[BASE].scene.pools[0].pool_id


def test_what_crosses_is_a_cost_of_the_chain_that_sent_and_no_profit_of_the_other() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.send(BASE, POLYGON, 500 * USDC, 3 * USDC)
    wallet.send(BASE, POLYGON, 100 * USDC, USDC)
    wallet.arrive(USDC)
    between = wallet.mark()
    found = epoch_pnl(before, between, wallet.movements)
    by_chain = {line.chain_id: line.parts.bridge_usd for line in found.lines}
    assert by_chain == {BASE: pytest.approx(5.0), POLYGON: pytest.approx(0.0)}
    wallet.begin_epoch()
    wallet.arrive(2 * USDC)
    later = epoch_pnl(between, wallet.mark(), wallet.movements)
    assert {line.chain_id: line.parts.bridge_usd for line in later.lines} == {BASE: pytest.approx(2.0), POLYGON: 0.0}


def test_a_position_that_comes_or_goes_without_a_transaction_of_ours_is_a_flow() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.deposit(BASE, WETH, 2_000 * USDC)
    wallet.begin_epoch()
    now = wallet.mark()
    came = epoch_pnl(before, now, ())
    assert came.parts.flow_usd == pytest.approx(4_000.0)
    assert (came.parts.lvr_usd, came.flow_base, came.flow_quote) == (0.0, pytest.approx(1.0), pytest.approx(2_000.0))
    wallet.chains[BASE].positions.clear()
    went = epoch_pnl(now, wallet.mark(), ())
    assert went.parts.flow_usd == pytest.approx(-4_000.0)
    assert_adds_up(went)


def test_a_deposit_is_a_flow_whether_the_ledger_has_booked_it_or_not() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.deposit(BASE, 0, 500 * USDC)
    now = wallet.mark()
    late = epoch_pnl(before, now, ())
    wallet.chains[BASE].quote -= 500 * USDC
    wallet.book(BASE, Action.NOOP, "deposit", 0, 500 * USDC)
    booked = epoch_pnl(before, now, [replace(one, action=None) for one in wallet.movements])
    assert late.parts == booked.parts
    assert late.parts.flow_usd == pytest.approx(500.0)


def test_what_a_lost_block_had_booked_is_of_no_account() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.swap(BASE, WETH, -2_100 * USDC)
    (base, quote) = wallet.movements
    gone = replace(base, tx_hash=f"gone:7:{base.tx_hash}")
    back = replace(base, delta=-base.delta, kind="reorg", tx_hash=f"gone:7:{base.tx_hash}:back")
    found = epoch_pnl(before, wallet.mark(), [gone, back, base, quote])
    assert found.parts.swap_usd == pytest.approx(100.0)
    assert found.parts.flow_usd == 0.0


def test_a_reward_without_a_price_is_named_and_in_no_part() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.reward(BASE, 5 * USDC)
    (paid,) = wallet.movements
    other = replace(paid, token="0x" + "99" * 20, delta=7 * 10**18)
    found = epoch_pnl(before, wallet.mark(), [paid, other])
    assert found.parts.rewards_usd == pytest.approx(5.0)
    assert [(one.token, one.amount) for one in found.unpriced] == [(other.token, 7 * 10**18)]
    assert_adds_up(found)


def test_holdings_that_were_not_read_are_refused_and_never_zero() -> None:
    wallet = Wallet()
    before = wallet.mark()
    now = wallet.mark()
    blind = replace(now.snapshot, problems=(SourceProblem(source="rpc:137", detail="down"),))
    with pytest.raises(InvalidInput, match="rpc:137: down"):
        epoch_pnl(before, Marked(snapshot=blind, price=2_000.0), ())
    with pytest.raises(InvalidInput, match="USD per quote"):
        epoch_pnl(before, Marked(snapshot=replace(now.snapshot, quote_usd=None), price=2_000.0), ())
    with pytest.raises(InvalidInput, match="is not before"):
        epoch_pnl(now, before, ())
    with pytest.raises(InvalidInput, match="native"):
        epoch_pnl(before, Marked(snapshot=replace(now.snapshot, chains=()), price=2_000.0), ())


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_the_loss_of_a_position_that_stays_is_the_holding_loss_at_the_price_of_its_pool(base_is_token0: bool) -> None:
    held = position(base_is_token0=base_is_token0)
    first = snapshot(PRICE, held, base_is_token0=base_is_token0)
    later = snapshot(PRICE * 1.02, held, base_is_token0=base_is_token0)
    second = replace(later, epoch_at=first.epoch_at.replace(year=2030))
    found = epoch_pnl(Marked(snapshot=first, price=PRICE), Marked(snapshot=second, price=PRICE * 1.02), ())
    assert found.parts.lvr_usd == pytest.approx(holding_loss_usd(first, second), rel=1e-9)
    assert_adds_up(found)


def test_fees_that_stay_in_the_bins_are_fees_and_no_gain_on_holding() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    before, now = wallet.mark(), None
    chain = wallet.chains[BASE]
    pool = replace(chain.scene.pools[0], bin_step=25)
    # A bin at the price of 1 raw Y per raw X: whatever is swapped, X + Y grows by the fee alone.
    held = replace(chain.positions[1], amount0=10**9, amount1=2 * 10**9)
    bins = (BinShare(bin_id=1 << 23, shares=77, amount0=10**9, amount1=2 * 10**9),)
    later = (BinShare(bin_id=1 << 23, shares=77, amount0=10**9 - 5 * 10**8, amount1=25 * 10**8 + 3 * 10**6),)
    now = wallet.mark()

    def in_bins(marked: Marked, shares: tuple[BinShare, ...]) -> Marked:
        first, *rest = marked.snapshot.holdings
        active = ActiveBin(bin_id=1 << 23, token0_is_x=True, reserve0=1, reserve1=1, most_fee_pips=1)
        one = replace(held, bins=shares, amount0=shares[0].amount0, amount1=shares[0].amount1)
        pools = tuple(
            replace(state, pool=pool, active_bin=active) if state.pool.pool_id == pool.pool_id else state
            for state in marked.snapshot.pools
        )
        holdings = (replace(first, positions=(one,)), *rest)
        return replace(marked, snapshot=replace(marked.snapshot, pools=pools, holdings=holdings))

    found = epoch_pnl(in_bins(before, bins), in_bins(now, later), ())
    of_y = 3 * 10**6 / 10**pool.token1.decimals * (2_000.0 if not pool.base_is_token0 else 1.0)
    assert found.parts.fees_usd == pytest.approx(of_y)
    assert_adds_up(found)
    other = (replace(later[0], shares=78),)
    assert epoch_pnl(in_bins(before, bins), in_bins(now, other), ()).parts.fees_usd == 0.0
