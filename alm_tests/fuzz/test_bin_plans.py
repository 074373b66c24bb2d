"""Deposits into bins of Liquidity Book for random pairs, amounts and ranges, after the active bin has moved.

The contracts' side is the arithmetic of 2.1 and 2.2 (``alm_core.math.bin_shares``, proven against them elsewhere) on
bins that others have filled at random; the router's arguments are decoded from the plan. What withdrawals pay is tried
on chain only: their minima count the bins that no price of the interval touches, and nothing else.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from eth_abi.abi import decode

from alm_core.math.bin_ranges import (
    bin_of_place,
    edge_tick,
    place_at_sqrt_price_x96,
    ticks_of_places,
)
from alm_core.math.bin_shares import PRECISION, bin_liquidity, shares_for_amounts
from alm_core.math.bins import price_at_bin
from alm_core.math.liquidity import price_interval
from alm_core.math.tick import sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.dex_ports import PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ActiveBin, Block, PoolState
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.dex.liquidity_book.adapter import LiquidityBookAdapter
from alm_tests.fuzz.harness import ONE_CASE, SEED
from alm_tests.fuzz.test_liquidity_plans import CASES, MOST_FAILURES_FRAC

pytestmark = pytest.mark.timeout(300 + CASES // 100)
OWNER = "0x" + "a1" * 20
BLOCK_AT = datetime(2026, 11, 1, tzinfo=UTC)
STEPS = (1, 5, 10, 20, 25, 50, 100)
ADD = f"(address,address,{'uint256,' * 7}int256[],uint256[],uint256[],address,address,uint256)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is planned, and where the active bin is when it is executed."""

    state: PoolState
    ticks: tuple[int, int]
    amounts: tuple[int, int]
    interval: PriceInterval
    sqrt_price_then: int


def pool_of(bin_step: int) -> Pool:
    def token(place: int) -> Token:
        address = "0x" + f"{place}".zfill(2) * 20
        return Token(
            chain_id=1, address=address, symbol=f"T{place}", decimals=18, asset_class="volatile", issuer="test"
        )

    return Pool(
        chain_id=1,
        address="0x" + "70" * 20,
        dex="test",
        family="liquidity_book",
        factory="0x" + "fa" * 20,
        position_manager="0x" + "b0" * 20,
        token0=token(1),
        token1=token(2),
        fee_pips=None,
        tick_spacing=1,
        base_is_token0=True,
        bin_step=bin_step,
    )


def reserves_of(rng: random.Random, bin_id: int, active_id: int, bin_step: int) -> tuple[int, int]:
    """X and Y of a bin that others have filled: the active one with both, one above with X, one below with Y."""
    value = 10 ** rng.uniform(6, 26)
    price = price_at_bin(bin_id, bin_step) / 2**128
    part = rng.random() if bin_id == active_id else float(bin_id > active_id)
    return int(value * part / max(price, 1)), int(value * (1 - part) * min(price, 1))


def price_within(step: int, place: int, reserves: tuple[int, int]) -> int:
    """Price between the edges of the active bin, as states of pairs tell it: where what the bin holds is."""
    lower, upper = (sqrt_price_x96_at_tick(edge_tick(step, one)) for one in (place, place + 1))
    value0, value1 = reserves[0] * lower * upper, reserves[1] << 192
    return min(lower + (upper - lower) * value1 // max(value0 + value1, 1), upper - 1)


def case_of(rng: random.Random) -> Case:
    step, order = rng.choice(STEPS), rng.random() < 0.5
    place = rng.randint(-300_000, 300_000) // step
    active_id = bin_of_place(place, token0_is_x=order)
    x, y = reserves_of(rng, active_id, active_id, step)
    reserves = (x, y) if order else (y, x)
    sqrt_price = price_within(step, place, reserves)
    state = PoolState(
        pool=pool_of(step),
        block=Block(chain_id=1, number=1, block_hash="0x01", parent_hash="0x00", block_at=BLOCK_AT),
        sqrt_price_x96=sqrt_price,
        tick=tick_at_sqrt_price_x96(sqrt_price),
        liquidity=10**18,
        fee_pips=500,
        fee_growth_global0_x128=None,
        fee_growth_global1_x128=None,
        active_bin=ActiveBin(
            bin_id=active_id, token0_is_x=order, reserve0=reserves[0], reserve1=reserves[1], most_fee_pips=20_000
        ),
    )
    interval = price_interval(sqrt_price, 10 ** rng.uniform(-4.5, -1.3))
    width = round(60 ** rng.random())
    first = place - rng.choice((rng.randint(0, width - 1), rng.randint(-30, width + 30)))
    scale, price = 10 ** rng.uniform(5, 24), (sqrt_price / 2**96) ** 2
    amounts = int(scale / max(price, 1)), int(scale * min(price, 1) * 10 ** rng.uniform(-3, 3))
    ends = interval.sqrt_lower_x96, interval.sqrt_upper_x96
    return Case(
        state=state,
        ticks=ticks_of_places(step, range(first, first + width)),
        amounts=amounts,
        interval=interval,
        sqrt_price_then=rng.choice((*ends, *(rng.randint(*ends) for _ in range(4)))),
    )


def check(case: Case, tx: UnsignedTransaction, rng: random.Random) -> str:
    """``LBRouter.addLiquidity`` and ``LBPair.mint`` for a plan, with the active bin where the price is then."""
    (given,) = decode((ADD,), bytes.fromhex(tx.data[10:]))
    (_, _, step, amount_x, amount_y, least_x, least_y, desired, slippage, deltas, parts_x, parts_y, *_) = given
    active = case.state.active_bin
    assert active is not None
    place = place_at_sqrt_price_x96(step, case.sqrt_price_then)
    now_id = bin_of_place(place, token0_is_x=active.token0_is_x)
    if abs(now_id - desired) > slippage:
        return "failed: LBRouter__IdSlippageCaught"
    taken_x = taken_y = 0
    for delta, part_x, part_y in zip(deltas, parts_x, parts_y, strict=True):
        bin_id, most = now_id + delta, (amount_x * part_x // PRECISION, amount_y * part_y // PRECISION)
        if (delta < 0 and most[0]) or (delta > 0 and most[1]):
            return "failed: BinHelper__CompositionFactorFlawed"
        price = price_at_bin(bin_id, step)
        empty = rng.random() < 0.2
        reserves = (0, 0) if empty else reserves_of(rng, bin_id, now_id, step)
        supply = math.isqrt(bin_liquidity(reserves, price))
        shares, taken = shares_for_amounts(reserves, most, price, supply)
        if not shares or taken == (0, 0):
            return "failed: LBPair__ZeroShares"
        taken_x, taken_y = taken_x + taken[0], taken_y + taken[1]
    for amount, least in ((amount_x, least_x), (amount_y, least_y)):
        if least < amount - amount // 10**6 - 2 * len(deltas):
            return f"loose: {least} of {amount}"
    within = least_x <= taken_x <= amount_x and least_y <= taken_y <= amount_y
    return "minted" if within else f"failed: AmountSlippageCaught {least_x} {taken_x} {least_y} {taken_y}"


def test_deposits_succeed_while_the_price_is_in_the_interval(record_property: Callable[[str, object], None]) -> None:
    adapter = LiquidityBookAdapter()
    verdicts: Counter[str] = Counter()
    broken: list[tuple[int, str]] = []
    started_s = time.process_time()
    for number in [int(ONE_CASE)] if ONE_CASE else range(CASES):
        rng = random.Random(f"bins {SEED} {number}")
        case = case_of(rng)
        deadline_at = BLOCK_AT + timedelta(seconds=120)
        try:
            tx = adapter.plan_open(case.state, *case.ticks, *case.amounts, case.interval, OWNER, deadline_at)
        except InvalidInput:
            verdicts["refused"] += 1
            continue
        verdict = check(case, tx, rng)
        verdicts[verdict.split(":")[0]] += 1
        broken += [(number, verdict)] if verdict != "minted" else []
    verdicts["per_cpu_s"] = round(CASES / (time.process_time() - started_s))
    record_property("fuzz", dict(verdicts))
    assert verdicts["loose"] == 0, broken[:10]
    assert len(broken) <= MOST_FAILURES_FRAC * CASES, (verdicts, broken[:10])
    if not ONE_CASE:
        assert verdicts["minted"] >= 0.8 * CASES
