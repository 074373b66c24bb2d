"""Steps that the tests of every family of V3 shape take: two pools of opposite order, trades, and a whole life."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from eth_abi.abi import decode

from alm_core.execution.erc20 import balance_changes
from alm_core.math.liquidity import price_interval
from alm_core.math.tick import Q96, UINT128_MAX
from alm_core.model.chain_ports import Call
from alm_core.model.dex_ports import DexAdapter
from alm_core.model.errors import PoolNotFound, TransactionWouldRevert
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import Receipt
from alm_localnet.contracts import calldata
from alm_localnet.dexes.dex import LocalDex, PoolKey
from alm_resources.registry import load_registry
from alm_tests.chain.dex_chain import DexChain

USD, ETH, BTC = ("0x" + f"{first}0".ljust(39, "0") + last for first, last in ((1, "1"), (2, "2"), (3, "3")))
COLLECT = "collect((uint256,address,uint128,uint128))"
DECREASE = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
BACKGROUND = 10**18
FOREVER_S = 2**40


def contracts_of(dex: str, chain_id: int) -> dict[str, str]:
    """Addresses of a real deployment, as the registry has them."""
    return dict(load_registry(None).dexes[dex, chain_id].addresses)


@dataclass
class V3World:
    """A chain with a pool of either token order; trades cross every range of these tests."""

    chain: DexChain
    key: PoolKey
    usd: Token = field(init=False)
    eth: Token = field(init=False)
    btc: Token = field(init=False)
    usd_eth: Pool = field(init=False)
    eth_btc: Pool = field(init=False)

    def __post_init__(self) -> None:
        self.usd = self.chain.token(USD, "USD", 6)
        self.eth = self.chain.token(ETH, "ETH", 18)
        self.btc = self.chain.token(BTC, "BTC", 8)
        # 2000 USD per ETH with USD first; 30 ETH per BTC with the base as token1: 18 decimals against 8.
        self.usd_eth = self.pool(self.usd, self.eth, 5 * 10**8, base_is_token0=False)
        self.eth_btc = self.pool(self.eth, self.btc, 1 / (30 * 10**10), base_is_token0=True)

    def pool(self, token0: Token, token1: Token, raw_price: float, *, base_is_token0: bool) -> Pool:
        """Create a pool with background liquidity over nearly all prices."""
        key = replace(self.key, token0=token0.address, token1=token1.address)
        pool = self.chain.pool(token0, token1, key, int(raw_price**0.5 * Q96), base_is_token0=base_is_token0)
        edge = 880_000 // pool.tick_spacing * pool.tick_spacing
        self.chain.provide(pool, -edge, edge, BACKGROUND if raw_price > 1 else BACKGROUND // 1000)
        return pool

    def named(self, name: str) -> Pool:
        pool: Pool = getattr(self, name)
        return pool

    def trade_both_ways(self, pool: Pool, rounds: int = 1) -> None:
        """Swap across every range of these tests and end near the start."""
        start = self.chain.state(pool).sqrt_price_x96
        for number in range(1, rounds + 1):
            for factor in (1.06, 0.94, 1 + 0.0007 * number):
                self.chain.move_price(pool, int(start * factor))

    def static(self, pool: Pool, sender: str, data: bytes) -> tuple[int, int]:
        """Two amounts that the position manager answers to a call that is not sent."""
        payload = {"from": sender, "to": pool.position_manager, "data": "0x" + data.hex()}
        answer = self.chain.rpc.call("eth_call", payload, "latest")
        amount0, amount1 = decode(("uint256", "uint256"), bytes.fromhex(answer[2:]))
        return amount0, amount1

    def static_collect(self, pool: Pool, token_id: int, owner: str) -> tuple[int, int]:
        """What a collect would pay."""
        return self.static(pool, owner, calldata(COLLECT, (token_id, owner, UINT128_MAX, UINT128_MAX)))

    def static_decrease(self, pool: Pool, token_id: int, liquidity: int, owner: str) -> tuple[int, int]:
        """What a burn of liquidity would credit."""
        return self.static(pool, owner, calldata(DECREASE, (token_id, liquidity, 0, 0, FOREVER_S)))

    def revert_of(self, to: str, data: bytes) -> bytes:
        """What a call that fails carries, as a batch would answer it."""
        (result,) = self.chain.chain.read_calls([Call(target=to, data=data, may_fail=True)], self.chain.block())
        assert not result.succeeded
        return result.data

    def opened(self, pool: Pool, side: str = "around", width: int = 6, owner: str | None = None) -> Position:
        """Open a position through the adapter."""
        owner = owner or self.chain.wallet
        before = {position.token_id for position in self.chain.positions(pool, owner=owner)}
        self.open(pool, side, width, owner)
        (position,) = (one for one in self.chain.positions(pool, owner=owner) if one.token_id not in before)
        return position

    def open(self, pool: Pool, side: str, width: int, owner: str) -> Receipt:
        chain, state = self.chain, self.chain.state(pool)
        wanted, interval = amounts(state), price_interval(state.sqrt_price_x96, 0.005)
        deadline_at = chain.deadline()
        grants = chain.adapter.placing_grants(pool, owner, *wanted, deadline_at)
        tx = chain.adapter.plan_open(state, *ticks(state, side, width), *wanted, interval, owner, deadline_at)
        return chain.place(grants, tx)

    def add(self, pool: Pool, position: Position) -> Receipt:
        chain, state = self.chain, self.chain.state(pool)
        wanted, interval = amounts(state), price_interval(state.sqrt_price_x96, 0.005)
        deadline_at = chain.deadline()
        grants = chain.adapter.placing_grants(pool, chain.wallet, *wanted, deadline_at)
        tx = chain.adapter.plan_add(state, position, *wanted, interval, chain.wallet, deadline_at)
        return chain.place(grants, tx)

    def remove(self, pool: Pool, position: Position, stake: int) -> Receipt:
        chain, state = self.chain, self.chain.state(pool)
        interval = price_interval(state.sqrt_price_x96, 0.005)
        return chain.run(chain.adapter.plan_remove(state, position, stake, interval, chain.wallet, chain.deadline()))

    def collect(self, pool: Pool, position: Position) -> Receipt:
        state = self.chain.state(pool)
        return self.chain.run(self.chain.adapter.plan_collect(state, position, self.chain.wallet))

    def close(self, pool: Pool, position: Position) -> Receipt:
        chain, state = self.chain, self.chain.state(pool)
        interval = price_interval(state.sqrt_price_x96, 0.005)
        return chain.run(chain.adapter.plan_close(state, position, interval, chain.wallet, chain.deadline()))

    def only(self, pool: Pool) -> Position:
        """The wallet's only position in a pool."""
        (position,) = self.chain.positions(pool)
        return position


def v3_world(folder: Path, dex: LocalDex, adapter: DexAdapter, contracts: Mapping[str, str], key: PoolKey) -> V3World:
    """Start a chain with one family; ``key`` without tokens."""
    return V3World(DexChain(folder, dex, adapter, dict(contracts)), key)


def key_of(**parts: int) -> PoolKey:
    """A pool key whose tokens are still to come."""
    return PoolKey(token0="", token1="", **parts)


def ticks(state: PoolState, side: str, width: int = 20) -> tuple[int, int]:
    """A range of so many spacings around the price, above or below it."""
    spacing = state.pool.tick_spacing
    at = state.tick // spacing * spacing
    start = {"around": at - width * spacing // 2, "above": at + 2 * spacing, "below": at - (width + 2) * spacing}[side]
    start = start // spacing * spacing
    return start, start + width * spacing


def amounts(state: PoolState) -> tuple[int, int]:
    """Roughly equal values of both tokens, with odd last digits."""
    amount1 = 123_456_789_012_345 * 10**6 + 7 if state.pool.token1.decimals == 18 else 987_654_321_987
    return amount1 * 2**192 // state.sqrt_price_x96**2 + 3, amount1


def moved(pool: Pool, receipt: Receipt, owner: str) -> tuple[int, int]:
    """What a transaction did to the owner's balances."""
    changes = balance_changes(receipt.logs, owner)
    return changes.get(pool.token0.address.lower(), 0), changes.get(pool.token1.address.lower(), 0)


def wait(world: V3World, seconds: int) -> None:
    """Let time pass on the chain."""
    world.chain.rpc.call("evm_increaseTime", seconds)
    world.chain.rpc.call("evm_mine")


def refused(world: V3World, pool: Pool) -> str:
    """Why a pool is not read."""
    with pytest.raises(PoolNotFound) as told:
        world.chain.state(pool)
    return str(told.value)


def live_a_whole_life(world: V3World, name: str, side: str) -> dict[str, int]:
    """Open, earn, add, earn, remove a part, earn, collect, close; every figure read is what was paid, to the unit.

    Returns the gas of each action.
    """
    pool, chain = world.named(name), world.chain
    owner, state = chain.wallet, chain.state(pool)
    at, wanted = ticks(state, side, 6), amounts(state)
    quote = chain.adapter.quote_liquidity(state, *at, *wanted)
    opening = world.open(pool, side, 6, owner)
    position = world.only(pool)
    assert moved(pool, opening, owner) == (-quote.amount0, -quote.amount1)
    assert (position.tick_lower, position.tick_upper) == at
    assert position.liquidity == quote.liquidity > 0
    assert (position.fees0, position.fees1) == (0, 0)

    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, earned.token_id, owner)
    assert min(earned.fees0, earned.fees1) > 0
    assert (earned.amount0, earned.amount1) == world.static_decrease(pool, earned.token_id, earned.liquidity, owner)

    quote = chain.adapter.quote_liquidity(chain.state(pool), *at, *wanted) if side == "around" else None
    adding = world.add(pool, earned)
    grown = world.only(pool)
    assert (grown.fees0, grown.fees1) == (earned.fees0, earned.fees1)
    assert grown.liquidity > earned.liquidity
    assert quote is None or quote.liquidity > 0

    world.trade_both_ways(pool)
    before, part = world.only(pool), grown.liquidity // 3
    burned = world.static_decrease(pool, before.token_id, part, owner)
    removing = world.remove(pool, before, part)
    assert moved(pool, removing, owner) == (burned[0] + before.fees0, burned[1] + before.fees1)
    left = world.only(pool)
    assert left.liquidity == before.liquidity - part
    assert (left.fees0, left.fees1) == (0, 0)

    world.trade_both_ways(pool)
    owed = world.only(pool)
    collecting = world.collect(pool, owed)
    assert moved(pool, collecting, owner) == (owed.fees0, owed.fees1)
    assert min(owed.fees0, owed.fees1) > 0

    world.trade_both_ways(pool)
    last = world.only(pool)
    closing = world.close(pool, last)
    assert moved(pool, closing, owner) == (last.amount0 + last.fees0, last.amount1 + last.fees1)
    assert chain.positions(pool) == ()
    receipts = {"open": opening, "add": adding, "remove": removing, "collect": collecting, "close": closing}
    return {action: receipt.gas_used for action, receipt in receipts.items()}


def share_a_range_to_the_unit(world: V3World) -> None:
    """Two holders of one range, one of whom is touched often: each is still read as what a collect would pay."""
    chain, pool = world.chain, world.usd_eth
    ours = world.opened(pool)
    state = chain.state(pool)
    crumbs = (5, 5 * 10**9)
    grants = chain.adapter.placing_grants(pool, chain.other, *crumbs, chain.deadline())
    interval = price_interval(state.sqrt_price_x96, 0.005)
    at = ours.tick_lower, ours.tick_upper
    chain.place(grants, chain.adapter.plan_open(state, *at, *crumbs, interval, chain.other, chain.deadline()))
    (theirs,) = chain.positions(pool, owner=chain.other)
    for _ in range(4):
        world.trade_both_ways(pool)
        chain.run(chain.adapter.plan_collect(chain.state(pool), theirs, chain.other))
    for owner in (chain.wallet, chain.other):
        (position,) = chain.positions(pool, owner=owner)
        assert (position.fees0, position.fees1) == world.static_collect(pool, position.token_id, owner)


def adopt(world: V3World, name: str, mint: bytes) -> Position:
    """Let another account pay for a mint whose calldata it made itself; the wallet finds the position and closes it."""
    pool, chain = world.named(name), world.chain
    for token in (pool.token0, pool.token1):
        approve = calldata("approve(address,uint256)", pool.position_manager, 10**30)
        chain.rpc.transact(chain.other, token.address, approve)
    assert chain.positions(pool) == ()
    chain.rpc.transact(chain.other, pool.position_manager, mint)
    position = world.only(pool)
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert (earned.fees0, earned.fees1) == world.static_collect(pool, position.token_id, chain.wallet)
    assert min(earned.fees0, earned.fees1) > 0
    world.close(pool, earned)
    assert chain.positions(pool) == ()
    return position


def pass_at_both_ends_and_stop_beyond(world: V3World, slippage: str, deadline: str) -> None:
    """Mint, add and close pass at both ends of their interval, and neither beyond them nor after the deadline."""
    chain, pool = world.chain, world.usd_eth
    held = world.opened(pool, width=200)
    state, wanted = chain.state(pool), amounts(chain.state(pool))
    interval, deadline_at = price_interval(state.sqrt_price_x96, 0.005), chain.deadline()
    at = ticks(state, "around", 200)
    for token in (pool.token0, pool.token1):
        approve = calldata("approve(address,uint256)", pool.position_manager, 10**30)
        chain.rpc.transact(chain.wallet, token.address, approve)
    plans = (
        chain.adapter.plan_open(state, *at, *wanted, interval, chain.wallet, deadline_at),
        chain.adapter.plan_add(state, held, *wanted, interval, chain.wallet, deadline_at),
        chain.adapter.plan_remove(state, held, held.liquidity // 2, interval, chain.wallet, deadline_at),
        chain.adapter.plan_close(state, held, interval, chain.wallet, deadline_at),
    )
    ends = interval.sqrt_lower_x96, interval.sqrt_upper_x96
    for end, beyond in zip(ends, (int(ends[0] * 0.999), int(ends[1] * 1.001)), strict=True):
        chain.move_price(pool, end)
        for plan in plans:
            chain.chain.simulate(plan)
        chain.move_price(pool, beyond)
        for plan in plans:
            with pytest.raises(TransactionWouldRevert, match=slippage):
                chain.chain.simulate(plan)
    chain.move_price(pool, state.sqrt_price_x96)
    wait(world, 600)
    for plan in plans:
        with pytest.raises(TransactionWouldRevert, match=deadline):
            chain.chain.simulate(plan)
