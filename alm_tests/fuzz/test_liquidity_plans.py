"""Plans for random ranges, prices and amounts, held against what the contracts take after the price has moved.

The contracts' side is their integer arithmetic (``alm_core.math``, proven against them elsewhere); calldata is decoded
from the plan, so that what is checked is what would be sent. Nothing here needs a node.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from statistics import fmean

import pytest
from eth_abi.abi import decode

from alm_core.math.liquidity import amounts_for_liquidity, liquidity_for_amounts, price_interval
from alm_core.math.ratio import PRECISION, TargetRange
from alm_core.math.tick import (
    MAX_SQRT_PRICE_X96,
    MIN_SQRT_PRICE_X96,
    Q96,
    sqrt_price_x96_at_tick,
    tick_at_sqrt_price_x96,
    usable_ticks,
)
from alm_core.model.dex_ports import DexAdapter, PriceInterval
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Block, PoolState, Position
from alm_core.model.pools import Pool, Token
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.dex import adapters
from alm_tests.fuzz.harness import ONE_CASE, SEED

CASES_IN_CI = 2_000
CASES = int(os.environ.get("ALM_FUZZ_PLANS", str(CASES_IN_CI)))
pytestmark = pytest.mark.timeout(300 + CASES // 100)
MOST_FAILURES_FRAC = 0.001
OWNER = "0x" + "a1" * 20
BLOCK_AT = datetime(2026, 11, 1, tzinfo=UTC)
DEADLINE_AT = BLOCK_AT + timedelta(seconds=120)
MOST_AMOUNT = 2**112
DUST_TICKS = 460_000
"""Beyond, prices above 1e20, the contract's product of two roots has too few digits to use amounts up."""
SPACINGS = (1, 10, 50, 60, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is planned, and the price at which it is executed."""

    state: PoolState
    ticks: tuple[int, int]
    amounts: tuple[int, int]
    interval: PriceInterval
    sqrt_price_then: int
    balanced: bool

    @property
    def bounds(self) -> tuple[int, int]:
        return sqrt_price_x96_at_tick(self.ticks[0]), sqrt_price_x96_at_tick(self.ticks[1])


Taken = Callable[[Case, UnsignedTransaction, int], tuple[int, int] | None]
"""What the contract takes for a planned mint at a price; ``None`` if it reverts for another reason than the price."""


def taken_by_amounts(case: Case, tx: UnsignedTransaction, sqrt_price: int) -> tuple[int, int] | None:
    """``NonfungiblePositionManager.mint``: all that both amounts buy; the pool refuses to mint nothing."""
    liquidity = liquidity_for_amounts(sqrt_price, *case.bounds, *case.amounts)
    return amounts_for_liquidity(sqrt_price, *case.bounds, liquidity, round_up=True) if liquidity else None


def taken_by_actions(case: Case, tx: UnsignedTransaction, sqrt_price: int) -> tuple[int, int] | None:
    """``MINT_POSITION`` takes a liquidity, ``MINT_POSITION_FROM_DELTAS`` all that the credit buys."""
    data, _ = decode(("bytes", "uint256"), bytes.fromhex(tx.data[10:]))
    actions, params = decode(("bytes", "bytes[]"), data)
    if 0x02 not in actions:
        return taken_by_amounts(case, tx, sqrt_price)
    param = params[actions.index(0x02)]
    words = [int.from_bytes(param[at : at + 32], "big") for at in range(0, len(param), 32)]
    liquidity = words[-6]
    return amounts_for_liquidity(sqrt_price, *case.bounds, liquidity, round_up=True) if liquidity else None


SHAPES: dict[str, Taken] = {
    "uniswap_v3": taken_by_amounts,
    "uniswap_v4": taken_by_actions,
    "infinity": taken_by_actions,
}
"""Families for both ways of placing in ranges of ticks; those that are not here place as Uniswap V3."""


def pool_of(family: str, spacing: int) -> Pool:
    def token(place: int, decimals: int) -> Token:
        address = "0x" + f"{place}".zfill(2) * 20
        return Token(
            chain_id=1, address=address, symbol=f"T{place}", decimals=decimals, asset_class="volatile", issuer="test"
        )

    return Pool(
        chain_id=1,
        address="0x" + "70" * (32 if family in ("uniswap_v4", "infinity") else 20),
        dex="test",
        family=family,
        factory="0x" + "fa" * 20,
        position_manager="0x" + "b0" * 20,
        token0=token(1, 6),
        token1=token(2, 18),
        fee_pips=500,
        tick_spacing=spacing,
        base_is_token0=True,
        contracts=(("permit2", "0x" + "22" * 20), ("state_view", "0x" + "33" * 20)),
    )


def state_at(pool: Pool, sqrt_price_x96: int) -> PoolState:
    return PoolState(
        pool=pool,
        block=Block(chain_id=1, number=1, block_hash="0x01", parent_hash="0x00", block_at=BLOCK_AT),
        sqrt_price_x96=sqrt_price_x96,
        tick=tick_at_sqrt_price_x96(sqrt_price_x96),
        liquidity=10**18,
        fee_pips=500,
        fee_growth_global0_x128=0,
        fee_growth_global1_x128=0,
    )


def case_of(pools: list[Pool], rng: random.Random) -> Case:
    """A range of any width at any distance, amounts of any ratio, a move that stays in the interval."""
    pool = rng.choice(pools)
    spacing = pool.tick_spacing
    tick = rng.randint(-600_000, 600_000)
    root, above = sqrt_price_x96_at_tick(tick), sqrt_price_x96_at_tick(tick + 1)
    sqrt_price = rng.choice((root, rng.randrange(root, above)))
    interval = price_interval(sqrt_price, 10 ** rng.uniform(-4.5, -1.3))
    width = round(10 ** rng.uniform(0, 3.3))
    start = tick // spacing - _distance(rng, width, spacing)
    ticks = start * spacing, (start + width) * spacing
    lowest, highest = usable_ticks(spacing)
    if not lowest <= ticks[0] < ticks[1] <= highest:
        return case_of(pools, rng)
    bounds = sqrt_price_x96_at_tick(ticks[0]), sqrt_price_x96_at_tick(ticks[1])
    balanced = rng.random() < 0.5
    return Case(
        state=state_at(pool, sqrt_price),
        ticks=ticks,
        amounts=_amounts(rng, sqrt_price, bounds, balanced=balanced),
        interval=interval,
        sqrt_price_then=_moved(rng, interval),
        balanced=balanced,
    )


def _distance(rng: random.Random, width: int, spacing: int) -> int:
    """Spacings that the range begins below the price: mostly around it, else near an edge or far off."""
    kind = rng.random()
    if kind < 0.6:
        return rng.randint(0, width - 1)
    if kind < 0.8:
        return rng.choice((0, width)) + rng.randint(-2, 2)
    return rng.choice((-1, 1)) * rng.randint(1, 20_000 // spacing) + (width if rng.random() < 0.5 else 0)


def _amounts(rng: random.Random, sqrt_price: int, bounds: tuple[int, int], *, balanced: bool) -> tuple[int, int]:
    """Amounts of the ratio that the range needs, or up to a thousand times off it.

    Their value is 10,000 units of the dearer token or more, and far below 128 bits of the cheaper, as is all money.
    """
    with localcontext(prec=PRECISION):
        target = TargetRange(sqrt_price_x96=sqrt_price, sqrt_lower_x96=bounds[0], sqrt_upper_x96=bounds[1])
        root = Decimal(sqrt_price) / Q96
        need0, need1 = target.need_per_liquidity(root)
        worth1 = max(need1, need0 * root * root)
        worths = worth1, worth1 / (root * root)
        scale = min(Decimal(10 ** rng.uniform(4, 26)) / min(worths), MOST_AMOUNT / max(worths))
        amounts = [int(need0 * scale), int(need1 * scale)]
    if not balanced:
        side = rng.randint(0, 1)
        amounts[side] = int(amounts[side] * 10 ** rng.uniform(-3, 3)) + rng.randint(0, 3)
    return amounts[0], amounts[1]


def _moved(rng: random.Random, interval: PriceInterval) -> int:
    ends = interval.sqrt_lower_x96, interval.sqrt_upper_x96
    price = rng.choice((*ends, *(rng.randint(*ends) for _ in range(4))))
    return min(max(price, MIN_SQRT_PRICE_X96), MAX_SQRT_PRICE_X96 - 1)


def limits_of(tx: UnsignedTransaction) -> tuple[tuple[int, int], tuple[int, int]]:
    """Lowest and highest change of both balances that the plan counts as a success."""
    (low0, high0), (low1, high1) = ((bound.min_delta, bound.max_delta) for bound in tx.bounds)
    return (low0, high0), (low1, high1)


def check_mint(adapter: DexAdapter, taken: Taken, case: Case) -> str:
    """Return what became of a planned mint."""
    try:
        tx = adapter.plan_open(case.state, *case.ticks, *case.amounts, case.interval, OWNER, DEADLINE_AT)
    except InvalidInput:
        return "refused"
    amounts = taken(case, tx, case.sqrt_price_then)
    if amounts is None:
        # One token was enough at the price of the plan; across the edge of the range no amount of it is.
        lower, upper = case.bounds
        return "failed" if lower < case.state.sqrt_price_x96 < upper else "needs the other token"
    for amount, (low, high) in zip(amounts, limits_of(tx), strict=True):
        if not low <= -amount <= high:
            return "failed"
    return "minted" if _is_tight(taken, case, tx) else "loose"


def _is_tight(taken: Taken, case: Case, tx: UnsignedTransaction) -> bool:
    """The minima are what the contract takes at the worst price of the interval, but for the rounding of liquidity."""
    lower, upper = case.bounds
    low, high = (min(max(end, lower), upper) for end in (case.interval.sqrt_lower_x96, case.interval.sqrt_upper_x96))
    rounding = case.amounts[0] * Q96 // (low * upper) + Q96 * (upper - low) // (low * upper), (high - lower) // Q96
    ends = [taken(case, tx, end) for end in (case.interval.sqrt_lower_x96, case.interval.sqrt_upper_x96)]
    return all(
        min(end[side] if end else 0 for end in ends) - -limits_of(tx)[side][1] <= 3 * (rounding[side] + 1)
        for side in (0, 1)
    )


def check_burn(adapter: DexAdapter, case: Case) -> str:
    """Return what became of a planned close of what the case mints; its minima are exact at the ends."""
    quote = adapter.quote_liquidity(case.state, *case.ticks, *case.amounts)
    held = amounts_for_liquidity(case.state.sqrt_price_x96, *case.bounds, quote.liquidity, round_up=False)
    position = Position(
        pool_id=case.state.pool.pool_id,
        token_id=7,
        tick_lower=case.ticks[0],
        tick_upper=case.ticks[1],
        liquidity=quote.liquidity,
        amount0=held[0],
        amount1=held[1],
        fees0=0,
        fees1=0,
    )
    tx = adapter.plan_close(case.state, position, case.interval, OWNER, DEADLINE_AT)
    prices = case.sqrt_price_then, case.interval.sqrt_lower_x96, case.interval.sqrt_upper_x96
    paid, *ends = (amounts_for_liquidity(price, *case.bounds, quote.liquidity, round_up=False) for price in prices)
    limits = limits_of(tx)
    if not all(low <= amount <= high for amount, (low, high) in zip(paid, limits, strict=True)):
        return "failed"
    return "burned" if [low for low, _ in limits] == [min(end[side] for end in ends) for side in (0, 1)] else "loose"


def left_over(adapter: DexAdapter, case: Case) -> Fraction:
    """Return the part of the amounts' value that a mint at the price of the plan leaves in the wallet."""
    quote = adapter.quote_liquidity(case.state, *case.ticks, *case.amounts)
    price = Fraction(case.state.sqrt_price_x96, Q96) ** 2
    (amount0, amount1), used = case.amounts, (quote.amount0, quote.amount1)
    return ((amount0 - used[0]) * price + amount1 - used[1]) / (amount0 * price + amount1)


@pytest.mark.parametrize("family", SHAPES)
def test_mints_and_burns_succeed_while_the_price_is_in_the_interval(
    family: str, record_property: Callable[[str, object], None]
) -> None:
    adapter, pools = adapters()[family], [pool_of(family, spacing) for spacing in SPACINGS]
    verdicts: Counter[str] = Counter()
    broken: list[int] = []
    started_s = time.process_time()
    for number in [int(ONE_CASE)] if ONE_CASE else range(CASES):
        case = case_of(pools, random.Random(f"{family} {SEED} {number}"))
        found = [check_mint(adapter, SHAPES[family], case)]
        found += [check_burn(adapter, case)] if found[0] != "refused" else []
        verdicts.update(found)
        broken += [number] if {"failed", "loose"} & set(found) else []
    verdicts["per_cpu_s"] = round(CASES / (time.process_time() - started_s))
    record_property("fuzz", dict(verdicts))
    assert verdicts["loose"] == 0, (verdicts, broken[:10])
    assert len(broken) <= MOST_FAILURES_FRAC * CASES, (verdicts, broken[:10])
    if not ONE_CASE:
        assert verdicts["minted"] >= 0.9 * CASES


@pytest.mark.parametrize("family", SHAPES)
def test_amounts_of_the_ranges_ratio_leave_next_to_nothing_in_the_wallet(
    family: str, record_property: Callable[[str, object], None]
) -> None:
    adapter, pools = adapters()[family], [pool_of(family, spacing) for spacing in SPACINGS]
    cases = [case_of(pools, random.Random(f"dust {family} {SEED} {number}")) for number in range(CASES // 4)]
    usual = [case for case in cases if case.balanced and abs(case.state.tick) < DUST_TICKS]
    left = [float(left_over(adapter, case)) for case in usual if min(case.amounts) >= 10**6]
    assert len(left) > CASES // 20
    record_property("fuzz", {"cases": len(left), "most_left_frac": max(left), "mean_left_frac": fmean(left)})
    assert max(left) < 2e-6
