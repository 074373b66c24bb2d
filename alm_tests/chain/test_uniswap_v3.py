"""The adapter against the real contracts, to the unit: what it quotes, reads and plans is what they do."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.abi import decode

from alm_core.execution.erc20 import balance_changes
from alm_core.math.liquidity import price_interval
from alm_core.math.tick import UINT128_MAX, sqrt_price_x96_at_tick
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.errors import InvalidInput, PoolNotFound, TransactionWouldRevert
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Receipt, UnsignedTransaction
from alm_resources.dex.uniswap_v3 import abi
from alm_tests.chain.v3_chain import BTC, ETH, FACTORY, MANAGER, V3Chain

pytestmark = pytest.mark.chain

POOLS = ("usd_eth", "eth_btc")
SIDES = ("around", "above", "below")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[V3Chain]:
    chain = V3Chain(tmp_path_factory.mktemp("v3"))
    yield chain
    chain.stop()


@pytest.fixture(autouse=True)
def _fresh(world: V3Chain) -> Iterator[None]:
    snapshot = world.rpc.call("evm_snapshot")
    yield
    world.rpc.call("evm_revert", snapshot)


def ticks(state: PoolState, side: str, width: int = 20) -> tuple[int, int]:
    spacing = state.pool.tick_spacing
    at = state.tick // spacing * spacing
    start = {"around": at - width * spacing // 2, "above": at + 2 * spacing, "below": at - (width + 2) * spacing}[side]
    return start, start + width * spacing


def amounts(state: PoolState) -> tuple[int, int]:
    """Roughly equal values of both tokens, with odd last digits."""
    amount1 = 123_456_789_012_345 * 10**6 + 7 if state.pool.token1.decimals == 18 else 987_654_321_987
    return amount1 * 2**192 // state.sqrt_price_x96**2 + 3, amount1


def opened(
    world: V3Chain, pool: Pool, side: str = "around", width: int = 20, owner: str | None = None
) -> tuple[Position, Receipt]:
    state, owner = world.state(pool), owner or world.wallet
    interval = price_interval(state.sqrt_price_x96, 0.005)
    tx = world.adapter.plan_open(state, *ticks(state, side, width), *amounts(state), interval, owner, world.deadline())
    before = {position.token_id for position in world.positions(pool, owner=owner)}
    receipt = world.run(tx)
    (position,) = (one for one in world.positions(pool, owner=owner) if one.token_id not in before)
    return position, receipt


def added(world: V3Chain, position: Position, interval: PriceInterval | None = None) -> UnsignedTransaction:
    """Adding to a position, planned as the wallet at the price of now."""
    pool = next(one for one in (world.usd_eth, world.eth_btc) if one.pool_id == position.pool_id)
    state = world.state(pool)
    around = interval or price_interval(state.sqrt_price_x96, 0.005)
    return world.adapter.plan_add(state, position, *amounts(state), around, world.wallet, world.deadline())


def moved(pool: Pool, receipt: Receipt, owner: str) -> tuple[int, int]:
    changes = balance_changes(receipt.logs, owner)
    return changes.get(pool.token0.address.lower(), 0), changes.get(pool.token1.address.lower(), 0)


def trade_both_ways(world: V3Chain, pool: Pool, rounds: int = 2) -> None:
    """Swap across every range of these tests and end near the start."""
    start = world.state(pool).sqrt_price_x96
    for number in range(1, rounds + 1):
        for factor in (1.03, 0.97, 1 + 0.0007 * number):
            world.move_price(pool, int(start * factor))


def static_collect(world: V3Chain, token_id: int, owner: str) -> tuple[int, ...]:
    return decode(
        ("uint256", "uint256"),
        world.static(owner, abi.COLLECT.data((token_id, owner, UINT128_MAX, UINT128_MAX))),
    )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_a_mint_does_exactly_what_was_quoted(world: V3Chain, name: str, side: str) -> None:
    pool: Pool = getattr(world, name)
    state = world.state(pool)
    quote = world.adapter.quote_liquidity(state, *ticks(state, side), *amounts(state))
    position, receipt = opened(world, pool, side)
    assert moved(pool, receipt, world.wallet) == (-quote.amount0, -quote.amount1)
    assert position.liquidity == quote.liquidity > 0
    assert (position.tick_lower, position.tick_upper) == ticks(state, side)
    assert (position.fees0, position.fees1) == (0, 0)
    assert quote.amount0 - position.amount0 <= 1
    assert quote.amount1 - position.amount1 <= 1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_fees_and_amounts_read_are_what_the_contracts_pay(world: V3Chain, name: str, side: str) -> None:
    pool: Pool = getattr(world, name)
    opened(world, pool, side, 6)
    trade_both_ways(world, pool)
    (position,) = world.positions(pool)
    assert (position.fees0, position.fees1) == static_collect(world, position.token_id, world.wallet)
    assert position.fees0 > 0
    assert position.fees1 > 0
    burned = decode(
        ("uint256", "uint256"),
        world.static(world.wallet, abi.DECREASE_LIQUIDITY.data((position.token_id, position.liquidity, 0, 0, 2**40))),
    )
    assert (position.amount0, position.amount1) == burned


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_closing_pays_amounts_and_fees_to_the_unit_and_burns(world: V3Chain, name: str, side: str) -> None:
    pool: Pool = getattr(world, name)
    opened(world, pool, side, 6)
    trade_both_ways(world, pool)
    (position,) = world.positions(pool)
    state = world.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    receipt = world.run(world.adapter.plan_close(state, position, interval, world.wallet, world.deadline()))
    expected = (position.amount0 + position.fees0, position.amount1 + position.fees1)
    assert moved(pool, receipt, world.wallet) == expected
    assert world.positions(pool) == ()


def test_owners_who_share_a_range_are_each_read_exactly(world: V3Chain) -> None:
    pool = world.usd_eth
    opened(world, pool, width=6)
    trade_both_ways(world, pool, 1)
    first = world.positions(pool)[0]
    state = world.state(pool)
    tx = world.adapter.plan_open(
        state,
        first.tick_lower,
        first.tick_upper,
        *amounts(state),
        price_interval(state.sqrt_price_x96, 0.005),
        world.other,
        world.deadline(),
    )
    world.run(tx)
    trade_both_ways(world, pool)
    for owner in (world.wallet, world.other):
        (position,) = world.positions(pool, owner=owner)
        assert (position.fees0, position.fees1) == static_collect(world, position.token_id, owner)
        assert position.fees0 > 0


def test_the_truncation_that_others_cause_in_a_shared_range_is_read_to_the_unit(world: V3Chain) -> None:
    """Each touch by another holder truncates what the pool owes the joint position; a collect pays no more."""
    pool = world.usd_eth
    ours, _ = opened(world, pool, width=6)
    state = world.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    crumb = world.adapter.plan_open(
        state, ours.tick_lower, ours.tick_upper, 5, 5 * 10**9, interval, world.other, world.deadline()
    )
    world.run(crumb)
    (theirs,) = world.positions(pool, owner=world.other)
    for _ in range(4):
        trade_both_ways(world, pool, 1)
        world.run(world.adapter.plan_collect(world.state(pool), theirs, world.other))
    (position,) = world.positions(pool)
    assert (position.fees0, position.fees1) == static_collect(world, position.token_id, world.wallet)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_adding_does_what_was_quoted_and_leaves_the_fees_owed(world: V3Chain, name: str, side: str) -> None:
    pool: Pool = getattr(world, name)
    opened(world, pool, side, 6)
    trade_both_ways(world, pool)
    (before,) = world.positions(pool)
    state = world.state(pool)
    quote = world.adapter.quote_liquidity(state, before.tick_lower, before.tick_upper, *amounts(state))
    receipt = world.run(added(world, before))
    (after,) = world.positions(pool)
    assert moved(pool, receipt, world.wallet) == (-quote.amount0, -quote.amount1)
    assert after.liquidity == before.liquidity + quote.liquidity > before.liquidity
    assert (after.fees0, after.fees1) == (before.fees0, before.fees1)
    assert before.fees0 > 0
    assert before.fees1 > 0
    assert (after.fees0, after.fees1) == static_collect(world, after.token_id, world.wallet)
    collected = world.run(world.adapter.plan_collect(world.state(pool), after, world.wallet))
    assert moved(pool, collected, world.wallet) == (before.fees0, before.fees1)


def test_the_contract_lets_anybody_add_to_anybodys_position(world: V3Chain) -> None:
    """Why an add is checked against the positions of the wallet before it is signed."""
    theirs, _ = opened(world, world.usd_eth, owner=world.other)
    world.run(added(world, theirs))
    (grown,) = world.positions(world.usd_eth, owner=world.other)
    assert grown.liquidity > theirs.liquidity
    assert world.positions(world.usd_eth) == ()


@pytest.mark.parametrize("name", POOLS)
def test_collecting_pays_the_fees_read_and_leaves_the_liquidity(world: V3Chain, name: str) -> None:
    pool: Pool = getattr(world, name)
    opened(world, pool)
    trade_both_ways(world, pool)
    (position,) = world.positions(pool)
    receipt = world.run(world.adapter.plan_collect(world.state(pool), position, world.wallet))
    assert moved(pool, receipt, world.wallet) == (position.fees0, position.fees1)
    (after,) = world.positions(pool)
    assert (after.fees0, after.fees1) == (0, 0)
    assert after.liquidity == position.liquidity


def test_liquidity_removed_but_not_collected_is_read_and_closed(world: V3Chain) -> None:
    pool = world.usd_eth
    opened(world, pool)
    trade_both_ways(world, pool)
    (position,) = world.positions(pool)
    data = abi.DECREASE_LIQUIDITY.data((position.token_id, position.liquidity, 0, 0, 2**40))
    world.rpc.transact(world.wallet, MANAGER, data)
    trade_both_ways(world, pool)
    (empty,) = world.positions(pool)
    assert (empty.liquidity, empty.amount0, empty.amount1) == (0, 0, 0)
    owed = (position.amount0 + position.fees0, position.amount1 + position.fees1)
    assert (empty.fees0, empty.fees1) == owed
    state = world.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.001)
    receipt = world.run(world.adapter.plan_close(state, empty, interval, world.wallet, world.deadline()))
    assert moved(pool, receipt, world.wallet) == owed


def test_only_positions_of_the_pools_asked_for_are_read(world: V3Chain) -> None:
    opened(world, world.usd_eth)
    opened(world, world.eth_btc, "above")
    opened(world, world.usd_eth, "below")
    assert len(world.positions()) == 3
    assert len(world.positions(world.usd_eth)) == 2
    (foreign,) = world.positions(world.eth_btc)
    assert foreign.pool_id == world.eth_btc.pool_id
    assert world.positions(owner=world.other) == ()


def edges(interval: PriceInterval) -> tuple[int, int]:
    return interval.sqrt_lower_x96, interval.sqrt_upper_x96


@pytest.mark.parametrize("edge", [0, 1])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", POOLS)
def test_minima_let_pass_at_both_ends_of_the_interval(world: V3Chain, name: str, side: str, edge: int) -> None:
    """Narrow ranges, so that the interval reaches out of them."""
    pool: Pool = getattr(world, name)
    opened(world, pool, side, 2)
    (position,) = world.positions(pool)
    state = world.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    close = world.adapter.plan_close(state, position, interval, world.wallet, world.deadline())
    wide = world.adapter.plan_open(
        state, *ticks(state, side, 400), *amounts(state), interval, world.wallet, world.deadline()
    )
    broad, _ = opened(world, pool, side, 400)
    wide_add = added(world, broad, interval)
    world.move_price(pool, edges(interval)[edge])
    world.run(close)
    world.run(wide)
    world.run(wide_add)


@pytest.mark.parametrize("edge", [0, 1])
def test_minima_stop_a_mint_an_add_and_a_close_beyond_the_interval(world: V3Chain, edge: int) -> None:
    pool = world.usd_eth
    opened(world, pool, width=400)
    (position,) = world.positions(pool)
    state = world.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    close = world.adapter.plan_close(state, position, interval, world.wallet, world.deadline())
    mint = world.adapter.plan_open(
        state, *ticks(state, "around", 400), *amounts(state), interval, world.wallet, world.deadline()
    )
    add = added(world, position, interval)
    world.move_price(pool, int(edges(interval)[edge] * (0.999, 1.001)[edge]))
    for tx in (close, mint, add):
        with pytest.raises(TransactionWouldRevert, match="Price slippage check"):
            world.chain.simulate(tx)


def test_after_the_deadline_nothing_passes(world: V3Chain) -> None:
    state = world.state(world.usd_eth)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    tx = world.adapter.plan_open(
        state, *ticks(state, "around"), *amounts(state), interval, world.wallet, world.deadline()
    )
    world.rpc.call("evm_increaseTime", 121)
    world.rpc.call("evm_mine")
    with pytest.raises(TransactionWouldRevert, match="Transaction too old"):
        world.chain.simulate(tx)


def test_the_state_read_is_the_pools_own(world: V3Chain) -> None:
    state = world.state(world.usd_eth)
    trade_both_ways(world, world.usd_eth, 1)
    after = world.state(world.usd_eth)
    assert (state.fee_growth_global0_x128, state.fee_growth_global1_x128) == (0, 0)
    assert after.fee_growth_global0_x128 > 0
    assert sqrt_price_x96_at_tick(after.tick) <= after.sqrt_price_x96 < sqrt_price_x96_at_tick(after.tick + 1)
    assert world.state(world.usd_eth, state.block) == state


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"address": FACTORY}, "fails"),
        ({"address": "0x" + "99" * 20}, "do not decode"),
        ({"fee_pips": 3000}, "fee is 500, registry says 3000"),
        ({"tick_spacing": 60}, "tick spacing is 10"),
        ({"token1": BTC}, "token1 is"),
        ({"token0": ETH}, "token0 is"),
        ({"factory": "0x" + "88" * 20}, "factory is"),
        ({"position_manager": FACTORY}, "fails"),
    ],
)
def test_a_pool_that_is_not_what_the_registry_says_is_refused(
    world: V3Chain, change: dict[str, object], told: str
) -> None:
    wrong = replace(world.usd_eth, **change)
    with pytest.raises(PoolNotFound, match=told):
        world.state(wrong)


def test_a_pool_without_a_price_is_refused(world: V3Chain) -> None:
    from alm_localnet.contracts import calldata

    key = (ETH.address, BTC.address, 500)
    world.rpc.transact(world.trader, FACTORY, calldata("createPool(address,address,uint24)", *key))
    found = world.rpc.call(
        "eth_call", {"to": FACTORY, "data": "0x" + calldata("getPool(address,address,uint24)", *key).hex()}, "latest"
    )
    pool = replace(world.eth_btc, address="0x" + found[-40:], fee_pips=500, tick_spacing=10)
    with pytest.raises(PoolNotFound, match="not initialised"):
        world.state(pool)


def test_plans_that_cannot_work_are_refused_before_the_chain_sees_them(world: V3Chain) -> None:
    state = world.state(world.usd_eth)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    lower, upper = ticks(state, "around")
    with pytest.raises(InvalidInput, match="buy no liquidity"):
        world.adapter.plan_open(state, lower, upper, 10**18, 0, interval, world.wallet, world.deadline())
    with pytest.raises(InvalidInput, match="spacing 10"):
        world.adapter.plan_open(state, lower + 1, upper, 10**18, 10**18, interval, world.wallet, world.deadline())
    position, _ = opened(world, world.usd_eth)
    with pytest.raises(InvalidInput, match="buy no liquidity"):
        world.adapter.plan_add(state, position, 0, 10**18, interval, world.wallet, world.deadline())
    with pytest.raises(InvalidInput, match="lies in"):
        world.adapter.plan_add(world.state(world.eth_btc), position, 1, 1, interval, world.wallet, world.deadline())
