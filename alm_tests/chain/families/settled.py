"""Steps that the tests of Uniswap V4 and PancakeSwap Infinity share: lists of actions, Permit2, ids from logs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from eth_abi.abi import encode

from alm_core.accounting.ledger import FEES, entries_from_receipt
from alm_core.execution.calldata import payees_of
from alm_core.math.liquidity import amounts_for_liquidity, price_interval
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, TransactionWouldRevert
from alm_core.model.market import Block, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, Intent, IntentState, Receipt, UnsignedTransaction
from alm_localnet.contracts import calldata, selector
from alm_resources.dex.uniswap_v4 import UniswapV4Adapter
from alm_tests.chain.families.v3_shaped import V3World, amounts, moved, ticks

TRANSFER = "transferFrom(address,address,uint256)"


class WatchedChain:
    """A chain client that counts the reading of logs, and may hide what came before a block."""

    def __init__(self, world: V3World, *, nothing_before: int = 0) -> None:
        self._chain = world.chain.chain
        self._nothing_before = nothing_before
        self.chain_id = self._chain.chain_id
        self.ranges: list[tuple[int, int]] = []

    def read_calls(self, calls: Sequence[Call], block: Block) -> tuple[CallResult, ...]:
        return self._chain.read_calls(calls, block)

    def read_nft_ids(self, contract: str, owner: str, from_block: int, to_block: int) -> tuple[int, ...]:
        self.ranges.append((from_block, to_block))
        return self._chain.read_nft_ids(contract, owner, max(from_block, self._nothing_before), to_block)


def actions_of(tx: UnsignedTransaction) -> str:
    """Ids of the actions of a plan, in hex."""
    body = bytes.fromhex(tx.data[10:])
    unlock_data = body[96:]
    start = int.from_bytes(unlock_data[:32], "big")
    length = int.from_bytes(unlock_data[start : start + 32], "big")
    return unlock_data[start + 32 : start + 32 + length].hex()


def booked_fees(pool: Pool, tx: UnsignedTransaction, receipt: Receipt) -> tuple[int, int]:
    """What the books call fees."""
    intent = Intent(
        key="k", epoch_id="e", pair="p", plan_hash="h", step_no=0, tx=tx, state=IntentState.MINED, tx_hash="0x"
    )
    entries = [entry for entry in entries_from_receipt(intent, receipt) if entry.kind == FEES]
    fees0, fees1 = (
        sum(entry.delta for entry in entries if entry.token.lower() == token.address.lower())
        for token in (pool.token0, pool.token1)
    )
    return fees0, fees1


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

    earned = _earned(world, pool)
    state = chain.state(pool)
    wanted, interval, deadline_at = amounts(state), price_interval(state.sqrt_price_x96, 0.005), chain.deadline()
    quote = chain.adapter.quote_liquidity(state, *at, *wanted)
    tx = chain.adapter.plan_add(state, earned, *wanted, interval, owner, deadline_at)
    adding = chain.place(chain.adapter.placing_grants(pool, owner, *wanted, deadline_at), tx)
    assert booked_fees(pool, tx, adding) == (earned.fees0, earned.fees1)
    grown = world.only(pool)
    assert moved(pool, adding, owner) == (earned.fees0 - quote.amount0, earned.fees1 - quote.amount1)
    assert grown.liquidity - earned.liquidity == quote.liquidity > 0
    assert (grown.fees0, grown.fees1) == (0, 0)

    earned = _earned(world, pool)
    state, part = chain.state(pool), earned.liquidity // 3
    roots = sqrt_price_x96_at_tick(at[0]), sqrt_price_x96_at_tick(at[1])
    burned = amounts_for_liquidity(state.sqrt_price_x96, *roots, part, round_up=False)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    tx = chain.adapter.plan_remove(state, earned, part, interval, owner, chain.deadline())
    removing = chain.run(tx)
    assert moved(pool, removing, owner) == (burned[0] + earned.fees0, burned[1] + earned.fees1)
    assert booked_fees(pool, tx, removing) == (earned.fees0, earned.fees1)
    left = world.only(pool)
    assert (left.liquidity, left.fees0, left.fees1) == (earned.liquidity - part, 0, 0)

    earned = _earned(world, pool)
    tx = chain.adapter.plan_collect(chain.state(pool), earned, owner)
    collecting = chain.run(tx)
    assert moved(pool, collecting, owner) == (earned.fees0, earned.fees1) == booked_fees(pool, tx, collecting)

    earned = _earned(world, pool)
    state = chain.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    tx = chain.adapter.plan_close(state, earned, interval, owner, chain.deadline())
    closing = chain.run(tx)
    assert moved(pool, closing, owner) == (earned.amount0 + earned.fees0, earned.amount1 + earned.fees1)
    assert booked_fees(pool, tx, closing) == (earned.fees0, earned.fees1)
    assert chain.positions(pool) == ()
    receipts = {"open": opening, "add": adding, "remove": removing, "collect": collecting, "close": closing}
    return {action: receipt.gas_used for action, receipt in receipts.items()}


def _earned(world: V3World, pool: Pool) -> Position:
    world.trade_both_ways(pool)
    earned = world.only(pool)
    assert min(earned.fees0, earned.fees1) > 0
    return earned


def place_where_the_price_went(world: V3World, name: str, factor: float) -> None:
    """Plan at one price and mint at another one of the interval: all that the amounts buy there is placed."""
    pool, chain = world.named(name), world.chain
    state = chain.state(pool)
    at, wanted = ticks(state, "around", 20), amounts(state)
    interval = price_interval(state.sqrt_price_x96, 0.005)
    deadline_at = chain.deadline() + timedelta(hours=1)
    tx = chain.adapter.plan_open(state, *at, *wanted, interval, chain.wallet, deadline_at)
    grants = chain.adapter.placing_grants(pool, chain.wallet, *wanted, deadline_at)
    chain.move_price(pool, int(state.sqrt_price_x96 * factor**0.5))
    quote = chain.adapter.quote_liquidity(chain.state(pool), *at, *wanted)
    receipt = chain.place(grants, tx)
    assert moved(pool, receipt, chain.wallet) == (-quote.amount0, -quote.amount1)
    assert world.only(pool).liquidity == quote.liquidity


def refuse_where_the_price_left(world: V3World, name: str, side: str, factor: float) -> None:
    """Plan at one price, go beyond the interval: the mint and the burn revert."""
    pool, chain = world.named(name), world.chain
    held = world.opened(pool, "around", 20)
    state = chain.state(pool)
    at = ticks(state, side, 20)
    quote = chain.adapter.quote_liquidity(state, *at, *amounts(state))
    interval = price_interval(state.sqrt_price_x96, 0.005)
    deadline_at = chain.deadline() + timedelta(hours=1)
    wanted = quote.amount0, quote.amount1
    mint = chain.adapter.plan_open(state, *at, *wanted, interval, chain.wallet, deadline_at)
    burn = chain.adapter.plan_close(state, held, interval, chain.wallet, deadline_at)
    reverting = [burn]
    if side == "around":
        reverting += [mint, chain.adapter.plan_add(state, held, *wanted, interval, chain.wallet, deadline_at)]
    chain.give(chain.adapter.placing_grants(pool, chain.wallet, *wanted, deadline_at))
    chain.move_price(pool, int(state.sqrt_price_x96 * factor**0.5))
    for tx in reverting:
        with pytest.raises(TransactionWouldRevert, match="custom error"):
            chain.chain.simulate(tx)
    if side != "around":
        # Beside the price it does not matter for a mint.
        chain.chain.simulate(mint)


def find_ids_whatever_happens(world: V3World, adapter: UniswapV4Adapter) -> None:
    """Positions opened, sent here, sent away and closed: each reading is complete, by a new adapter and an old one."""
    pool, chain = world.usd_eth, world.chain
    manager = pool.position_manager
    watched = WatchedChain(world)
    assert adapter.read_positions(watched, [chain.state(pool)], chain.wallet, chain.block()) == ()  # type: ignore[arg-type]
    assert watched.ranges == []
    first, theirs = world.opened(pool), world.opened(pool, owner=chain.other)
    chain.rpc.transact(chain.other, manager, calldata(TRANSFER, chain.other, chain.wallet, theirs.token_id))
    second = world.opened(pool, "above")
    _found(world, adapter, watched, first.token_id, theirs.token_id, second.token_id)
    asked = len(watched.ranges)
    _found(world, adapter, watched, first.token_id, theirs.token_id, second.token_id)
    assert len(watched.ranges) == asked
    chain.rpc.transact(chain.wallet, manager, calldata(TRANSFER, chain.wallet, chain.other, first.token_id))
    _found(world, adapter, watched, theirs.token_id, second.token_id)
    world.close(pool, second)
    _found(world, adapter, watched, theirs.token_id)
    assert len(watched.ranges) == asked
    third = world.opened(pool, "below")
    _found(world, adapter, watched, theirs.token_id, third.token_id)
    assert watched.ranges[-1][0] > chain.block().number - 20
    half_seen = WatchedChain(world, nothing_before=chain.block().number - 2)
    with pytest.raises(BadAnswer, match=r"counts 2 positions of .* name \d"):
        type(adapter)().read_positions(half_seen, [chain.state(pool)], chain.wallet, chain.block())  # type: ignore[arg-type]


def _found(world: V3World, adapter: UniswapV4Adapter, watched: WatchedChain, *ids: int) -> None:
    block = world.chain.block()
    state = world.chain.state(world.usd_eth, block)
    for reader in (adapter, type(adapter)()):
        chain = watched if reader is adapter else world.chain.chain
        found = reader.read_positions(chain, [state], world.chain.wallet, block)  # type: ignore[arg-type]
        assert {position.token_id for position in found} == set(ids)


def adopt(world: V3World, pool: Pool, mint: bytes, liquidity: int, at: tuple[int, int]) -> None:
    """Let another account pay for a mint whose parameters it made itself; the wallet finds and closes the position."""
    chain = world.chain
    _allow(world, pool, chain.other)
    assert chain.positions(pool) == ()
    chain.rpc.transact(chain.other, pool.position_manager, _call("020d", mint, _pair(pool)))
    world.trade_both_ways(pool)
    position = world.only(pool)
    assert (position.liquidity, position.tick_lower, position.tick_upper) == (liquidity, *at)
    receipt = world.close(pool, position)
    expected = position.amount0 + position.fees0, position.amount1 + position.fees1
    assert moved(pool, receipt, chain.wallet) == expected


def _allow(world: V3World, pool: Pool, who: str) -> None:
    permit2 = pool.contract("permit2")
    for token in (pool.token0, pool.token1):
        world.chain.rpc.transact(who, token.address, calldata("approve(address,uint256)", permit2, 10**30))
        permit = ("approve(address,address,uint160,uint48)", token.address, pool.position_manager, 10**30, 2**40)
        world.chain.rpc.transact(who, permit2, calldata(*permit))


def _call(actions: str, *params: bytes, deadline_s: int = 2**40) -> bytes:
    unlock_data = encode(["bytes", "bytes[]"], [bytes.fromhex(actions), list(params)])
    return calldata("modifyLiquidities(bytes,uint256)", unlock_data, deadline_s)


def _pair(pool: Pool, *recipient: str) -> bytes:
    words = [pool.token0.address, pool.token1.address, *recipient]
    return encode(["address"] * len(words), words)


def _change(token_id: int, liquidity: int, amount0: int = 0, amount1: int = 0) -> bytes:
    types = ["uint256", "uint256", "uint128", "uint128", "bytes"]
    return encode(types, [token_id, liquidity, amount0, amount1, b""])


def refuse_as_the_real_one(world: V3World, mint: Callable[[int, int, int], bytes]) -> None:
    """What the published contracts refuse and how; those of our own are held against the same table.

    ``mint`` makes parameters of a mint from both ticks and the most of token0.
    """
    pool, chain = world.usd_eth, world.chain
    ours, theirs = world.opened(pool), world.opened(pool, owner=chain.other)
    _allow(world, pool, chain.wallet)
    lower, upper, spacing = ours.tick_lower, ours.tick_upper, pool.tick_spacing
    half, pair, paid = ours.liquidity // 2, _pair(pool), _pair(pool, chain.wallet)
    burn = encode(["uint256", "uint128", "uint128", "bytes"], [ours.token_id, 0, 0, b""])
    settle = encode(["address", "uint256", "bool"], [pool.token0.address, 0, True])
    emptied = ("0111", _change(ours.token_id, ours.liquidity), paid)
    refusals = {
        "DeadlinePassed(uint256)": _call("0111", _change(ours.token_id, half), paid, deadline_s=1),
        "NotApproved(address)": _call("0111", _change(theirs.token_id, half), paid),
        "MinimumAmountInsufficient(uint128,uint128)": _call("0111", _change(ours.token_id, half, 2**127), paid),
        "MaximumAmountExceeded(uint128,uint128)": _call("020d", mint(lower, upper, 1), pair),
        "CurrencyNotSettled()": _call("01", _change(ours.token_id, half)),
        "UnsupportedAction(uint256)": _call("0c", pair),
        "InputLengthMismatch()": _call("0111", paid),
        "DeltaNotPositive(address)": _call("0211", mint(lower, upper, 2**120), paid),
        "DeltaNotNegative(address)": _call("010b", _change(ours.token_id, half), settle),
        "TickMisaligned(int24,int24)": _call("020d", mint(lower + 1, upper, 2**120), pair),
        "TicksMisordered(int24,int24)": _call("020d", mint(upper, lower, 2**120), pair),
        "CannotUpdateEmptyPosition()": _call(emptied[0] + "0111", *emptied[1:], _change(ours.token_id, 0), paid),
        "NOT_MINTED": _call("0311" + "0111", burn, paid, _change(ours.token_id, 0), paid),
    }
    assert spacing > 1
    for reason, data in refusals.items():
        told = reason if reason == "NOT_MINTED" else "0x" + selector(reason).hex()
        payload = {"from": chain.wallet, "to": pool.position_manager, "data": "0x" + data.hex()}
        with pytest.raises(TransactionWouldRevert, match=told):
            chain.chain.simulate(_unsigned(payload))


def _unsigned(payload: dict[str, str]) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=31337,
        sender=payload["from"],
        to=payload["to"],
        data=payload["data"],
        value_wei=0,
        action=Action.NOOP,
        summary="a call of ours",
    )


def find_swaps(world: V3World) -> None:
    """The events of a pool's swaps, and of no other pool, tell what went in and out."""
    pool, chain = world.eth_btc, world.chain
    first = chain.block().number + 1
    chain.swap(world.usd_eth, 10**9, zero_for_one=True)
    before = chain.balances(pool, chain.dex.desk)
    chain.swap(pool, 10**19, zero_for_one=True)
    chain.swap(pool, 10**6, zero_for_one=False)
    wanted = {**chain.dex.log_filter(chain.contracts, [pool.address]), "fromBlock": hex(first), "toBlock": "latest"}
    swaps = [chain.dex.swapped_amounts(pool.address, log) for log in chain.rpc.call("eth_getLogs", wanted)]
    after = chain.balances(pool, chain.dex.desk)
    assert len(swaps) == 2
    for side in (0, 1):
        assert sum(swap[side] for swap in swaps if swap) == before[side] - after[side]


def let_rights_end(world: V3World) -> None:
    """Rights are exact, used up by a mint that takes all, and end by themselves."""
    pool, chain = world.usd_eth, world.chain
    state = chain.state(pool)
    wanted, interval = amounts(state), price_interval(state.sqrt_price_x96, 0.005)
    ends_at = chain.deadline()
    grants = chain.adapter.placing_grants(pool, chain.wallet, *wanted, ends_at)
    permit2 = pool.contract("permit2")
    assert [grant.give.to for grant in grants] == [pool.token0.address, permit2, pool.token1.address, permit2]
    assert [grant.give.spender for grant in grants] == [permit2, pool.position_manager] * 2
    late = ends_at + timedelta(days=1)
    tx = chain.adapter.plan_open(state, *ticks(state, "around"), *wanted, interval, chain.wallet, late)
    with pytest.raises(TransactionWouldRevert):
        chain.chain.simulate(tx)
    chain.give(grants)
    chain.chain.simulate(tx)
    chain.rpc.call("evm_increaseTime", 600)
    chain.rpc.call("evm_mine")
    # AllowanceExpired(uint256) of Permit2.
    with pytest.raises(TransactionWouldRevert, match="d81b2f2e"):
        chain.chain.simulate(tx)
    chain.take_back(grants)
    fresh = chain.adapter.placing_grants(pool, chain.wallet, *wanted, late)
    chain.give(fresh)
    chain.run(tx)
    assert [chain.left(grant) for grant in fresh] == [0, 0, 0, 0]


def plan_with_few_actions(world: V3World) -> None:
    """Beside the price a plain mint; around it one that takes what the price of then allows. All pay the owner only."""
    pool, chain = world.usd_eth, world.chain
    state = chain.state(pool)
    interval = price_interval(state.sqrt_price_x96, 0.0005)
    plans = {
        side: chain.adapter.plan_open(
            state, *ticks(state, side, 6), *amounts(state), interval, chain.wallet, chain.deadline()
        )
        for side in ("above", "around", "below")
    }
    assert {side: actions_of(tx) for side, tx in plans.items()} == {
        "above": "020d",
        "around": "0b0b05" + "0e0b14" * 2,
        "below": "020d",
    }
    for tx in plans.values():
        assert set(payees_of(tx.data).recipients) == {chain.wallet.lower()}
    empty = replace(world.opened(pool), liquidity=0)
    closing = chain.adapter.plan_close(state, empty, interval, chain.wallet, chain.deadline())
    assert actions_of(closing) == "0311"
