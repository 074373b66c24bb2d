"""Payloads of the reference for Uniswap V4: ours are the same, but for what is at stake.

Its mint is sized to the unit at one price; over an interval of that price alone ours is byte for byte the same, with
tighter maxima. Its burn asks for 99.5 % of what was once put in, and reverts after any drift: ours has minima of today,
and takes the fees before. Its keys of PancakeSwap Infinity have the tick spacing where the bits of hooks belong: they
are keys of no pool, and that is all in which ours differ.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from eth_abi.abi import decode

from alm_core.model.dex_ports import PriceInterval
from alm_core.model.market import PoolState, Position
from alm_core.model.pools import Pool
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.dex.pancake_infinity import PancakeInfinityAdapter
from alm_resources.dex.uniswap_v4 import UniswapV4Adapter
from alm_resources.dex.uniswap_v4.layout import ZERO
from alm_tests.golden.vectors import load
from alm_tests.resources.dex.fakes import make_pool, make_state, make_token

Tally = Callable[..., None]
SELECTOR = 4
MINT_V4 = ("(address,address,uint24,int24,address)", *("int24", "int24", "uint256", "uint128", "uint128"), "address")
MINT_INFINITY = ("(address,address,address,address,uint24,bytes32)", *MINT_V4[1:])
BURN = ("uint256", "uint128", "uint128", "bytes")
ADAPTER, INFINITY = UniswapV4Adapter(), PancakeInfinityAdapter()


def cases(family: str, op: str) -> list[dict[str, Any]]:
    return [case for case in load("calldata") if case["family"] == family and case["op"] == op]


def taken_apart(data: str) -> tuple[int, bytes, list[bytes]]:
    """Deadline, actions and parameters."""
    unlock_data, deadline_s = decode(["bytes", "uint256"], bytes.fromhex(data[2:])[SELECTOR:])
    actions, params = decode(["bytes", "bytes[]"], unlock_data)
    return deadline_s, actions, list(params)


def infinity_pool_of(case: dict[str, Any], key: tuple[Any, ...]) -> Pool:
    token0, token1, hooks, manager, fee_pips, parameters = key
    spacing = int.from_bytes(parameters, "big")
    assert spacing == case["onchain"]["tickSpacing"]
    pool = pool_of(case, (token0, token1, fee_pips, spacing, hooks))
    return replace(pool, family="infinity", factory=manager)


def pool_of(case: dict[str, Any], key: tuple[Any, ...]) -> Pool:
    chain_id = int(case["chain"])
    token0, token1, fee_pips, spacing, hooks = key
    assert hooks == ZERO
    return replace(
        make_pool(chain_id, case["pool"], fee_pips, spacing),
        family="uniswap_v4",
        position_manager=case["txs"][0]["to"],
        token0=make_token(chain_id, token0, "A", 6),
        token1=make_token(chain_id, token1, "B", 6),
    )


def at_one_price(state: PoolState) -> PriceInterval:
    return PriceInterval(sqrt_lower_x96=state.sqrt_price_x96, sqrt_upper_x96=state.sqrt_price_x96)


def rebuilt(case: dict[str, Any]) -> tuple[UnsignedTransaction, list[bytes], list[bytes]]:
    """Our plan for a mint of the reference, and parameters of both."""
    deadline_s, actions, theirs = taken_apart(case["txs"][0]["data"])
    assert actions == bytes.fromhex("020d")
    key, lower, upper, _, most0, most1, owner = decode(MINT_V4, theirs[0])
    state = make_state(pool_of(case, key), int(case["onchain"]["sqrtPriceX96"]))
    deadline_at = datetime.fromtimestamp(deadline_s, UTC)
    tx = ADAPTER.plan_open(state, lower, upper, most0, most1, at_one_price(state), owner, deadline_at)
    return tx, taken_apart(tx.data)[2], theirs


def test_mints_are_those_of_the_reference_with_tighter_maxima(tally: Tally) -> None:
    failed: list[str] = []
    known = cases("v4", "mint")
    for case in known:
        tx, ours, theirs = rebuilt(case)
        # Words 8 and 9 are the maxima.
        maxima = [slice(32 * word, 32 * (word + 1)) for word in (8, 9)]
        assert all(ours[0][words] <= theirs[0][words] for words in maxima)
        assert any(ours[0][words] != bytes(32) for words in maxima)
        data = tx.data
        for words in maxima:
            data = data.replace(
                ours[0].hex(), (ours[0][: words.start] + theirs[0][words] + ours[0][words.stop :]).hex()
            )
            ours[0] = ours[0][: words.start] + theirs[0][words] + ours[0][words.stop :]
        if (data, tx.to) != (case["txs"][0]["data"], case["txs"][0]["to"]):
            failed.append(case["pool"])
    tally("calldata v4 mint", len(known), failed)


def test_mints_in_infinity_differ_from_the_reference_in_the_place_of_the_tick_spacing(tally: Tally) -> None:
    failed: list[str] = []
    known = cases("pcs-v4", "mint")
    for case in known:
        deadline_s, actions, theirs = taken_apart(case["txs"][0]["data"])
        key, lower, upper, liquidity, most0, most1, owner = decode(MINT_INFINITY, theirs[0])
        state = make_state(infinity_pool_of(case, key), int(case["onchain"]["sqrtPriceX96"]))
        deadline_at = datetime.fromtimestamp(deadline_s, UTC)
        tx = INFINITY.plan_open(state, lower, upper, most0, most1, at_one_price(state), owner, deadline_at)
        found_deadline_s, found_actions, ours = taken_apart(tx.data)
        found_key, *found = decode(MINT_INFINITY, ours[0])
        same = found_key[:-1] == key[:-1] and found[:3] == [lower, upper, liquidity] and found[5] == owner
        packed = int.from_bytes(found_key[-1], "big") == int.from_bytes(key[-1], "big") << 16
        around = (found_deadline_s, found_actions, ours[1], tx.to) == (
            deadline_s,
            actions,
            theirs[1],
            case["txs"][0]["to"],
        )
        if not (same and packed and around and found[3] <= most0 and found[4] <= most1):
            failed.append(case["pool"])
    tally("calldata pcs-v4", len(known), failed, "but for the tick spacing")


def test_burns_of_emptied_positions_are_those_of_the_reference_with_minima_of_today(tally: Tally) -> None:
    failed: list[str] = []
    known = cases("v4", "burn")
    for case in known:
        deadline_s, actions, theirs = taken_apart(case["txs"][0]["data"])
        token_id, least0, least1, _ = decode(BURN, theirs[0])
        token0, token1, owner = decode(["address"] * 3, theirs[1])
        pool = pool_of(case, (token0, token1, 500, 10, ZERO))
        state = make_state(pool)
        empty = Position(
            pool_id=pool.pool_id,
            token_id=token_id,
            tick_lower=-100,
            tick_upper=100,
            liquidity=0,
            amount0=0,
            amount1=0,
            fees0=0,
            fees1=0,
        )
        planned = (at_one_price(state), owner, datetime.fromtimestamp(deadline_s, UTC))
        tx = ADAPTER.plan_close(state, empty, *planned)
        emptied = f"{token_id:064x}" + "0" * 128
        full = f"{token_id:064x}{least0:064x}{least1:064x}"
        if tx.data.replace(emptied, full) != case["txs"][0]["data"] or actions != bytes.fromhex("0311"):
            failed.append(case["pool"])
        held = taken_apart(ADAPTER.plan_close(state, replace(empty, liquidity=10**12), *planned).data)
        # The same end; before it a decrease of nothing that pays the fees.
        assert held[1] == bytes.fromhex("0111") + actions
        assert held[2][3] == held[2][1] == theirs[1]
        assert held[2][2][:32] == theirs[0][:32]
        assert held[2][2][96:] == theirs[0][96:]
    tally("calldata v4 burn", len(known), failed)
