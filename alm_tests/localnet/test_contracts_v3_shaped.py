"""Pools of ours with the ABI of other DEXes: the numbers of Uniswap V3's bytecode, to the unit."""

import random
import tomllib
from collections.abc import Generator, Mapping
from importlib.resources import files
from typing import Any

import pytest

from alm_localnet.contracts import calldata
from alm_localnet.dexes import LocalDex
from alm_localnet.dexes.dex import provide_data, trade_data
from alm_localnet.dexes.ramses_v3 import LocalRamsesV3
from alm_tests.localnet.v3_stage import (
    ALL_OWED,
    CAMELOT,
    COLLECT,
    CONTRACTS,
    DECREASE,
    LATE,
    MINT_BY_FEE,
    MOST,
    PANCAKE,
    Q96,
    Q128,
    RAMSES,
    SLIPSTREAM,
    TOKENS,
    UNISWAP,
    V3_POSITION,
    Stage,
    deployments,
    manager_of,
)

TICK = "uint128,int128,uint256,uint256,int56,uint160,uint32,bool"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("v3_stage"))
    for dex, contracts in CONTRACTS.items():
        stage.install(dex, contracts)
    yield stage
    stage.stop()


def token_transfers(receipt: Mapping[str, Any]) -> list[str]:
    """Amounts, in order; the ids of positions are topics and have no data."""
    return [log["data"] for log in receipt["logs"] if log["address"].lower() in TOKENS]


class Twins:
    """A pool of Uniswap's bytecode and one of ours, to which the same things happen."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.pools = {dex: stage.pool(dex, CONTRACTS[dex], int(3.7 * Q96), fee_pips=500) for dex in (UNISWAP, PANCAKE)}
        off = calldata("setFeeProtocol(address,uint32,uint32)", self.pools[PANCAKE], 0, 0)
        stage.rpc.transact(stage.trader, CONTRACTS[PANCAKE]["factory"], off)
        self.ids: list[int] = []

    def both(self, sender: str, to: Mapping[LocalDex, str], data: Mapping[LocalDex, bytes]) -> bool:
        """Send to both; both succeed or fail, and move the same amounts."""
        one, other = (self.stage.send(sender, to[dex], data[dex]) for dex in self.pools)
        assert one["status"] == other["status"]
        assert token_transfers(one) == token_transfers(other)
        return one["status"] == "0x1"

    def by_desk(self, data: Mapping[LocalDex, bytes]) -> bool:
        return self.both(self.stage.trader, {dex: dex.desk for dex in self.pools}, data)

    def by_manager(self, data: bytes) -> bool:
        return self.both(
            self.stage.wallet, {dex: manager_of(dex) for dex in self.pools}, dict.fromkeys(self.pools, data)
        )

    def same(self, signature: str, outputs: str, *values: Any) -> tuple[Any, ...]:
        one, other = (self.stage.read(pool, signature, outputs, *values) for pool in self.pools.values())
        assert one == other, signature
        return one

    def position(self, token_id: int) -> tuple[Any, ...]:
        one, other = (
            self.stage.read(manager_of(dex), "positions(uint256)", V3_POSITION, token_id) for dex in self.pools
        )
        assert one == other
        return one

    def act(self, rng: random.Random) -> None:
        """Do one thing, of those that may happen to a pool."""
        what = rng.random()
        if what < 0.3:
            lower = 26_170 + 10 * rng.randint(-300, 300)
            upper = lower + 10 * rng.randint(0, rng.choice([10, 100, 2000]))
            amounts = (10 ** rng.randint(2, 18), 10 ** rng.randint(2, 18))
            params = (*TOKENS, 500, lower, upper, *amounts, 0, 0, self.stage.wallet, LATE)
            if self.by_manager(calldata(MINT_BY_FEE, params)):
                self.ids.append(len(self.ids) + 1)
        elif what < 0.75:
            down, amount = rng.random() < 0.5, 10 ** rng.randint(1, 17)
            self.by_desk({dex: trade_data(pool, down, amount, 0, MOST) for dex, pool in self.pools.items()})
        elif self.ids:
            token_id = rng.choice(self.ids)
            part = max(1, self.position(token_id)[7] // rng.choice([1, 2, 3]))
            self.by_manager(calldata(DECREASE, (token_id, part, 0, 0, LATE)))
            if what > 0.9:
                self.by_manager(calldata(COLLECT, (token_id, self.stage.wallet, *ALL_OWED)))


def test_a_pool_of_ours_does_what_uniswaps_bytecode_does_to_the_unit(stage: Stage) -> None:
    twins, rng = Twins(stage), random.Random(20)
    twins.by_desk({dex: provide_data(pool, -887_270, 887_270, 10**15) for dex, pool in twins.pools.items()})
    ticks = set[int]()
    for _ in range(150):
        stage.pass_time(rng.randint(0, 40))
        twins.act(rng)
        ticks.add(twins.same("slot0()", "uint160,int24,uint16,uint16,uint16")[1])
        for growth in ("feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()", "liquidity()"):
            twins.same(growth, "uint256")
    assert len(ticks) > 15, "the price hardly moved"
    assert len(twins.ids) > 20, "hardly anything was minted"
    for token_id in twins.ids:
        _, _, _, _, _, lower, upper, *_ = twins.position(token_id)
        for tick in (lower, upper):
            assert twins.same("ticks(int24)", TICK, tick)[0] >= 0
    stage.pass_time(600)
    for ago in ([0], [30, 0], [900, 601, 300, 1], [2_000]):
        twins.same("observe(uint32[])", "int56[],uint160[]", ago)


def test_ends_of_the_price_range_are_reached_and_left_as_by_uniswaps_bytecode(stage: Stage) -> None:
    pools = {dex: stage.pool(dex, CONTRACTS[dex], 79 * Q96, fee_pips=10_000) for dex in (UNISWAP, PANCAKE)}
    off = calldata("setFeeProtocol(address,uint32,uint32)", pools[PANCAKE], 0, 0)
    stage.rpc.transact(stage.trader, CONTRACTS[PANCAKE]["factory"], off)
    for dex, pool in pools.items():
        stage.provide(dex, pool, -887_200, 887_200, 10**6)
    for down, amount in ((True, 10**28), (False, 10**7), (False, 10**28), (True, 10**9)):
        moved = [token_transfers(stage.swap(dex, pool, amount, zero_for_one=down)) for dex, pool in pools.items()]
        assert moved[0] == moved[1]
        states = [stage.read(pool, "slot0()", "uint160,int24") for pool in pools.values()]
        assert states[0] == states[1]


def fee_of_swap_of_token0(price: int, liquidity: int, amount: int, fee_pips: int) -> int:
    """Fee that an exact input pays which ends between ticks (``SwapMath.computeSwapStep``)."""
    used = amount * (10**6 - fee_pips) // 10**6
    shifted = liquidity << 96
    target = _up(shifted * price, shifted + used * price)
    return amount - _up(_up(shifted * (price - target), price), target)


def _up(value: int, divisor: int) -> int:
    return -(-value // divisor)


@pytest.mark.parametrize(
    ("dex", "key", "part", "denominator"),
    [
        (PANCAKE, {"fee_pips": 2500}, 3200, 10_000),
        (SLIPSTREAM, {"tick_spacing": 200}, 0, 1),
        (RAMSES, {"tick_spacing": 50}, 50_000, 1_000_000),
    ],
    ids=lambda value: getattr(value, "family", None),
)
def test_a_swap_adds_to_fee_growth_what_the_protocol_leaves(
    stage: Stage, dex: LocalDex, key: dict[str, int], part: int, denominator: int
) -> None:
    pool = stage.pool(dex, CONTRACTS[dex], Q96, **key)
    stage.provide(dex, pool, -6_000, 6_000, 10**18)
    for amount in (10**15, 12_345, 7):
        (fee_pips,) = stage.read(pool, "fee()", "uint24")
        (before,) = stage.read(pool, "feeGrowthGlobal0X128()", "uint256")
        (price,) = stage.read(pool, "slot0()", "uint160")
        stage.swap(dex, pool, amount, zero_for_one=True)
        fee = fee_of_swap_of_token0(price, 10**18, amount, fee_pips)
        left = fee - fee * part // denominator
        (after,) = stage.read(pool, "feeGrowthGlobal0X128()", "uint256")
        assert after - before == left * Q128 // 10**18


def test_a_changed_fee_counts_for_the_next_swap(stage: Stage) -> None:
    for dex, spacing in ((SLIPSTREAM, 100), (RAMSES, 10)):
        pool = stage.pool(dex, CONTRACTS[dex], Q96, tick_spacing=spacing)
        stage.provide(dex, pool, -6_000, 6_000, 10**18)
        for fee_pips in (500, 7_000, 30):
            dex.set_fee(stage.rpc, stage.trader, CONTRACTS[dex], pool, fee_pips)
            (price,) = stage.read(pool, "slot0()", "uint160")
            (before,) = stage.read(pool, "feeGrowthGlobal0X128()", "uint256")
            stage.swap(dex, pool, 10**14, zero_for_one=True)
            fee = fee_of_swap_of_token0(price, 10**18, 10**14, fee_pips)
            taken = fee * 50_000 // 1_000_000 if dex is RAMSES else 0
            (after,) = stage.read(pool, "feeGrowthGlobal0X128()", "uint256")
            assert after - before == (fee - taken) * Q128 // 10**18


def test_camelot_charges_each_direction_its_own_fee(stage: Stage) -> None:
    pool = stage.pool(CAMELOT, CONTRACTS[CAMELOT], Q96, tick_spacing=10)
    stage.provide(CAMELOT, pool, -6_000, 6_000, 10**18)
    CAMELOT.set_fees(stage.rpc, stage.trader, pool, 100, 9_000)
    state = "uint160,int24,uint16,uint16,uint16,uint8,uint8,bool"
    assert stage.read(pool, "globalState()", state)[2:4] == (100, 9_000)
    growth: list[int] = []
    for down, view in ((True, "totalFeeGrowth0Token()"), (False, "totalFeeGrowth1Token()")):
        stage.swap(CAMELOT, pool, 10**14, zero_for_one=down)
        growth += stage.read(pool, view, "uint256")
    fees = [value * 10**18 // Q128 for value in growth]
    assert [round(fee / 10**14, 4) for fee in fees] == [0.0001, 0.009]


def pools_listed(dex_id: str) -> dict[int, dict[str, Any]]:
    data = tomllib.loads((files("alm_resources.registry") / "data" / "pools.toml").read_text("utf-8"))
    return {pool["chain"]: pool for pool in data["pools"] if pool["dex"] == dex_id}


@pytest.mark.parametrize(
    ("dex", "dex_id", "chain"),
    [
        (SLIPSTREAM, "aero-v3", 8453),
        (RAMSES, "pharaoh-v3", 43114),
        (LocalRamsesV3(desk="0x7ADe7000000000000000000000000000000000aA"), "ramses-v3", 999),
    ],
)
def test_pools_lie_where_the_real_factory_puts_them(stage: Stage, dex: LocalDex, dex_id: str, chain: int) -> None:
    contracts, listed = deployments(dex_id)[chain], pools_listed(dex_id)[chain]
    if dex not in CONTRACTS:
        stage.install(dex, contracts)
    token0, token1 = sorted((listed["base"], listed["quote"]), key=lambda token: int(token, 16))
    create = calldata("createPool(address,address,int24,uint160)", token0, token1, listed["tick_spacing"], Q96)
    stage.rpc.transact(stage.trader, contracts["factory"], create)
    words = (token0, token1, listed["tick_spacing"])
    found = stage.read(contracts["factory"], "getPool(address,address,int24)", "address", *words)
    assert found == (listed["address"].lower(),)


def test_with_a_gauge_unstaked_positions_give_up_a_tenth_of_their_fees(stage: Stage) -> None:
    contracts = CONTRACTS[SLIPSTREAM]
    pool = stage.pool(SLIPSTREAM, contracts, Q96, tick_spacing=50)
    stage.provide(SLIPSTREAM, pool, -6_000, 6_000, 10**18)
    growths: list[int] = []
    fees: list[int] = []
    for gauge in (None, stage.stranger):
        if gauge:
            words = (gauge, contracts["position_manager"])
            stage.rpc.transact(stage.trader, pool, calldata("setGaugeAndPositionManager(address,address)", *words))
        (price,) = stage.read(pool, "slot0()", "uint160")
        (before,) = stage.read(pool, "feeGrowthGlobal0X128()", "uint256")
        stage.swap(SLIPSTREAM, pool, 10**14, zero_for_one=True)
        fees.append(fee_of_swap_of_token0(price, 10**18, 10**14, 500))
        growths.append(stage.read(pool, "feeGrowthGlobal0X128()", "uint256")[0] - before)
    tenth = _up(fees[1], 10)
    assert growths == [fees[0] * Q128 // 10**18, (fees[1] - tenth) * Q128 // 10**18]
    assert stage.read(pool, "gaugeFees()", "uint128,uint128") == (tenth, 0)
