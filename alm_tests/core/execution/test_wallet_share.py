"""What the targets of a plan may use of the wallet: their shares of the capital, and all of it where they sum to it."""

from dataclasses import replace
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alm_core.execution.wallet_share import usable_amounts
from alm_core.math.ratio import TargetRange, split_amounts
from alm_core.math.tick import Q96
from alm_core.math.zap import swap_for_ratio
from alm_core.model.errors import InvalidInput

PRICE = 2000
ROOT = int(Decimal(PRICE).sqrt() * Q96)
amounts = st.integers(0, 10**24)


def around(share: float, low: float = 0.9, high: float = 1.1) -> TargetRange:
    return TargetRange(
        sqrt_price_x96=ROOT, sqrt_lower_x96=int(ROOT * low), sqrt_upper_x96=int(ROOT * high), share_frac=share
    )


def below(share: float) -> TargetRange:
    return around(share, 0.8, 0.9)


def worth1(amount0: int, amount1: int) -> int:
    return amount0 * PRICE + amount1


shares = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=3)


@given(amounts, amounts, shares, st.floats(0.0, 9.0))
def test_never_more_than_the_wallet_and_never_more_than_the_shares(
    amount0: int, amount1: int, parts: list[float], elsewhere: float
) -> None:
    idle = worth1(amount0, amount1)
    if not idle:
        return
    capital = idle * (1.0 + elsewhere)
    used = usable_amounts(amount0, amount1, [around(part) for part in parts], sqrt_price_x96=ROOT, capital1=capital)
    assert 0 <= used[0] <= amount0
    assert 0 <= used[1] <= amount1
    wanted = min(sum(parts) * capital, idle)
    # A unit of token0 is worth PRICE units of token1.
    assert worth1(*used) == pytest.approx(wanted, rel=1e-8, abs=2 * PRICE)


@given(amounts, amounts, st.floats(0.05, 0.95))
def test_shares_that_sum_to_the_capital_leave_nothing(amount0: int, amount1: int, part: float) -> None:
    targets = [around(part), below(1.0 - part)]
    if worth1(amount0, amount1):
        capital = float(worth1(amount0, amount1))
        assert usable_amounts(amount0, amount1, targets, sqrt_price_x96=ROOT, capital1=capital) == (amount0, amount1)


def test_what_is_there_of_both_tokens_is_used_before_anything_is_swapped() -> None:
    used = usable_amounts(1000, 1000 * PRICE, [below(0.4)], sqrt_price_x96=ROOT, capital1=2000.0 * PRICE)
    assert used == (0, pytest.approx(800 * PRICE, rel=1e-8))
    short = usable_amounts(1000, 1000 * PRICE, [below(0.6)], sqrt_price_x96=ROOT, capital1=2000.0 * PRICE)
    assert short[1] == 1000 * PRICE
    assert short[0] == pytest.approx(200, abs=1)


def test_of_two_targets_the_second_finds_its_share_after_the_first() -> None:
    targets = [around(0.3), around(0.2)]
    capital = 2000.0 * PRICE * 10**12
    wallet = (10**15, 10**15 * PRICE)
    first = split_amounts(*usable_amounts(*wallet, targets, sqrt_price_x96=ROOT, capital1=capital), targets)[0]
    rest = (wallet[0] - first[0], wallet[1] - first[1])
    second = usable_amounts(*rest, targets[1:], sqrt_price_x96=ROOT, capital1=capital)
    assert worth1(*first) == pytest.approx(0.3 * capital, rel=1e-8)
    assert worth1(*second) == pytest.approx(0.2 * capital, rel=1e-8)


@given(st.floats(-0.009, 0.009), st.floats(0.05, 0.95), st.floats(0.0, 3.0))
def test_ranges_that_need_what_the_wallet_holds_swap_nothing_although_their_pool_is_off(
    off: float, main: float, idle: float
) -> None:
    """Shares are divided by worth at the pool's price and sum to worth at the independent one."""
    root = int(ROOT * (1 + off) ** 0.5)
    around_main = TargetRange(
        sqrt_price_x96=root, sqrt_lower_x96=int(ROOT * 0.9), sqrt_upper_x96=int(ROOT * 1.1), share_frac=1.0
    )
    beside = TargetRange(
        sqrt_price_x96=root, sqrt_lower_x96=int(ROOT * 1.02), sqrt_upper_x96=int(ROOT * 1.1), share_frac=1.0
    )
    need0, need1 = (float(need) for need in around_main.need_per_liquidity(Decimal(root) / Q96))
    liquidity = main * 10**24 / (need0 * PRICE + need1)
    held = (need0 * liquidity, need1 * liquidity), ((1 - main) * 10**24 / PRICE, 0.0)
    at_pool = [token0 * PRICE * (1 + off) + token1 for token0, token1 in held]
    placed, capital = 10.0**24, 10.0**24 * (1.0 + idle)
    targets = [
        replace(target, share_frac=worth / sum(at_pool) * placed / capital)
        for target, worth in zip((around_main, beside), at_pool, strict=True)
    ]
    # What lies idle beyond the plan's shares is of both tokens.
    wallet = tuple(int(sum(part) * (1.0 + idle)) for part in zip(*held, strict=True))
    used = usable_amounts(*wallet, targets, sqrt_price_x96=ROOT, capital1=capital)
    swap = swap_for_ratio(*used, targets, sqrt_price_x96=ROOT, fee_frac=0.0005)
    assert swap.sell_amount * (PRICE if swap.zero_for_one else 1) < 1e-6 * placed
    assert worth1(*used) == pytest.approx(placed, rel=1e-6)


@pytest.mark.parametrize("capital", [0.0, -1.0, float("inf"), float("nan")])
def test_capital_that_is_not_known_is_refused(capital: float) -> None:
    with pytest.raises(InvalidInput, match="not positive and finite"):
        usable_amounts(1, 1, [around(1.0)], sqrt_price_x96=ROOT, capital1=capital)
