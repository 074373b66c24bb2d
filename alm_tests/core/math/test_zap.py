"""Closed-form swap amounts against brute force over whole units, and the ratio they leave behind."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alm_core.math.liquidity import amounts_for_liquidity, liquidity_for_amounts
from alm_core.math.ratio import TargetRange, split_amounts
from alm_core.math.tick import Q96, sqrt_price_x96_at_tick
from alm_core.math.zap import SwapForRatio, swap_for_ratio, swap_through_pool
from alm_core.model.errors import InvalidInput

wallet_amounts = st.integers(0, 10**24)
MUCH = 10**40


def in_ticks(
    lower: int, upper: int, *, share: float = 1.0, price: int = Q96, moves_with_swap: bool = False
) -> TargetRange:
    return TargetRange(
        sqrt_price_x96=price,
        sqrt_lower_x96=sqrt_price_x96_at_tick(lower),
        sqrt_upper_x96=sqrt_price_x96_at_tick(upper),
        share_frac=share,
        moves_with_swap=moves_with_swap,
    )


def needs(targets: list[TargetRange], sqrt_price_x96: int) -> tuple[Fraction, Fraction]:
    """Token0 and token1 per unit of value, from the definition, in exact fractions."""
    total0 = total1 = Fraction(0)
    for target in targets:
        pinned = target.sqrt_price_x96
        value0, value1 = amounts_for_liquidity(
            pinned, target.sqrt_lower_x96, target.sqrt_upper_x96, MUCH, round_up=False
        )
        weight = Fraction(target.share_frac) / (value0 * Fraction(pinned * pinned, Q96 * Q96) + value1)
        at = sqrt_price_x96 if target.moves_with_swap else pinned
        need0, need1 = amounts_for_liquidity(at, target.sqrt_lower_x96, target.sqrt_upper_x96, MUCH, round_up=False)
        total0 += weight * need0
        total1 += weight * need1
    return total0, total1


@dataclass(frozen=True)
class Linear:
    """A venue paying ``price * (1 - fee) * s * (1 - impact * value sold)``, restated from the docstring."""

    price: Fraction
    fee_frac: float
    impact: float

    def paid(self, zero_for_one: bool, sold: int) -> Fraction:
        rate, value = (self.price, sold * self.price) if zero_for_one else (1 / self.price, Fraction(sold))
        return rate * (1 - Fraction(self.fee_frac)) * sold * (1 - Fraction(self.impact) * value)


def mismatch(wallet: tuple[int, int], change: tuple[int, Fraction], zero_for_one: bool, need: tuple) -> Fraction:
    sold, bought = change
    after = (wallet[0] - sold, wallet[1] + bought) if zero_for_one else (wallet[0] + bought, wallet[1] - sold)
    return after[0] * need[1] - after[1] * need[0]


def best_linear(wallet: tuple[int, int], targets: list[TargetRange], venue: Linear, zero_for_one: bool) -> int:
    need = needs(targets, 0) if not any(t.moves_with_swap for t in targets) else needs(targets, Q96)
    owned = wallet[0 if zero_for_one else 1]
    return min(
        range(owned + 1),
        key=lambda sold: abs(mismatch(wallet, (sold, venue.paid(zero_for_one, sold)), zero_for_one, need)),
    )


target_sets = st.lists(
    st.builds(
        lambda lower, width, share: in_ticks(lower, lower + width, share=share),
        st.integers(-3000, 3000),
        st.integers(1, 4000),
        st.floats(0.01, 1.0),
    ),
    min_size=1,
    max_size=4,
)


@given(st.integers(0, 400), st.integers(0, 400), target_sets, st.sampled_from([0.0, 0.003, 0.05]))
def test_closed_form_equals_brute_force_with_a_fee(
    amount0: int, amount1: int, targets: list[TargetRange], fee_frac: float
) -> None:
    swap = swap_for_ratio(amount0, amount1, targets, sqrt_price_x96=Q96, fee_frac=fee_frac)
    best = best_linear((amount0, amount1), targets, Linear(Fraction(1), fee_frac, 0.0), swap.zero_for_one)
    assert swap.success
    assert abs(swap.sell_amount - best) <= 1


@given(st.integers(0, 400), st.integers(0, 400), target_sets, st.floats(1e-6, 1e-3))
def test_closed_form_equals_brute_force_with_linear_impact(
    amount0: int, amount1: int, targets: list[TargetRange], impact: float
) -> None:
    swap = swap_for_ratio(amount0, amount1, targets, sqrt_price_x96=Q96, fee_frac=0.003, impact_per_token1=impact)
    best = best_linear((amount0, amount1), targets, Linear(Fraction(1), 0.003, impact), swap.zero_for_one)
    assert abs(swap.sell_amount - best) <= 1


@given(
    wallet_amounts,
    wallet_amounts,
    target_sets,
    st.integers(-200_000, 200_000),
    st.sampled_from([0.0, 0.0005, 0.003]),
)
def test_one_unit_more_or_less_straddles_the_ratio_at_any_price(
    amount0: int, amount1: int, targets: list[TargetRange], tick: int, fee_frac: float
) -> None:
    """The mismatch changes sign within one raw unit of the amount sold, at real sizes and any decimals."""
    root = sqrt_price_x96_at_tick(tick)
    swap = swap_for_ratio(amount0, amount1, targets, sqrt_price_x96=root, fee_frac=fee_frac)
    venue = Linear(Fraction(root * root, Q96 * Q96), fee_frac, 0.0)
    need = needs(targets, root)
    sign = 1 if swap.zero_for_one else -1

    def side(sold: int) -> Fraction:
        paid = venue.paid(swap.zero_for_one, sold)
        return sign * mismatch((amount0, amount1), (sold, paid), swap.zero_for_one, need)

    # Exact needs carry the 1e-40 grain of the reference computation, so the bracket is two units wide.
    assert side(max(swap.sell_amount - 1, 0)) >= 0 or swap.sell_amount == 0
    assert side(swap.sell_amount + 2) <= 0
    assert 0 <= swap.sell_amount <= (amount0 if swap.zero_for_one else amount1)


def test_a_wallet_that_fits_sells_nothing() -> None:
    swap = swap_for_ratio(10**18, 10**18, [in_ticks(-100, 100)], sqrt_price_x96=Q96, fee_frac=0.003)
    assert (swap.success, swap.sell_amount) == (True, 0)


def test_a_range_that_wants_one_token_only_takes_all_of_the_other_to_the_unit() -> None:
    swap = swap_for_ratio(0, 3, [in_ticks(0, 1, share=0.5)], sqrt_price_x96=Q96, fee_frac=0.0)
    assert (swap.success, swap.zero_for_one, swap.sell_amount) == (True, False, 3)


def test_a_range_below_the_price_sells_all_token0_and_one_above_all_token1() -> None:
    below = swap_for_ratio(1000, 7, [in_ticks(-200, -100)], sqrt_price_x96=Q96, fee_frac=0.003)
    above = swap_for_ratio(7, 1000, [in_ticks(100, 200)], sqrt_price_x96=Q96, fee_frac=0.003)
    assert (below.zero_for_one, below.sell_amount) == (True, 1000)
    assert (above.zero_for_one, above.sell_amount) == (False, 1000)


def test_impact_that_makes_the_ratio_unreachable_is_said_and_not_hidden() -> None:
    swap = swap_for_ratio(10**6, 0, [in_ticks(-200, -100)], sqrt_price_x96=Q96, fee_frac=0.0, impact_per_token1=1e-6)
    assert not swap.success
    assert "impact" in swap.reason
    assert swap.sell_amount == 500_000


@dataclass(frozen=True)
class Curve:
    """Constant liquidity from price one, in exact fractions."""

    liquidity: int
    fee_pips: int

    def trade(self, zero_for_one: bool, sold: int) -> tuple[Fraction, Fraction]:
        """Return what is bought and the root of the price after selling."""
        net = Fraction(sold * (1_000_000 - self.fee_pips), 1_000_000)
        if zero_for_one:
            end = self.liquidity / (self.liquidity + net)
            return self.liquidity * (1 - end), end
        end = 1 + net / self.liquidity
        return self.liquidity * (1 - 1 / end), end


def through(amount0: int, amount1: int, targets: list[TargetRange], curve: Curve, limit: int = 100_000) -> SwapForRatio:
    return swap_through_pool(
        amount0,
        amount1,
        targets,
        sqrt_price_x96=Q96,
        liquidity=curve.liquidity,
        fee_pips=curve.fee_pips,
        sqrt_limit_lower_x96=sqrt_price_x96_at_tick(-limit),
        sqrt_limit_upper_x96=sqrt_price_x96_at_tick(limit),
    )


moving_sets = st.lists(
    st.builds(
        lambda lower, width, share, moves: in_ticks(lower, lower + width, share=share, moves_with_swap=moves),
        st.integers(-3000, 2000),
        st.integers(100, 4000),
        st.floats(0.01, 1.0),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@given(
    st.integers(0, 300),
    st.integers(0, 300),
    moving_sets,
    st.builds(Curve, st.integers(200, 100_000), st.sampled_from([100, 3000, 10_000])),
)
def test_own_impact_closed_form_equals_brute_force(
    amount0: int, amount1: int, targets: list[TargetRange], curve: Curve
) -> None:
    swap = through(amount0, amount1, targets, curve)
    assume(swap.success)
    owned = amount0 if swap.zero_for_one else amount1

    def error(sold: int) -> Fraction:
        bought, end = curve.trade(swap.zero_for_one, sold)
        return abs(mismatch((amount0, amount1), (sold, bought), swap.zero_for_one, needs(targets, int(end * Q96))))

    best = min(range(owned + 1), key=error)
    assert abs(swap.sell_amount - best) <= 1 or error(swap.sell_amount) == error(best)


@given(st.integers(10**15, 10**24), st.integers(10**15, 10**24), st.integers(10, 2000), st.integers(10, 2000))
def test_after_the_swap_the_whole_wallet_fits_the_range(amount0: int, amount1: int, below: int, above: int) -> None:
    target = in_ticks(-below, above, moves_with_swap=True)
    curve = Curve(10**27, 500)
    swap = through(amount0, amount1, [target], curve)
    bought, end = curve.trade(swap.zero_for_one, swap.sell_amount)
    after0 = amount0 - swap.sell_amount if swap.zero_for_one else amount0 + int(bought)
    after1 = amount1 + int(bought) if swap.zero_for_one else amount1 - swap.sell_amount
    root = int(end * Q96)
    lower, upper = target.sqrt_lower_x96, target.sqrt_upper_x96
    used = amounts_for_liquidity(
        root, lower, upper, liquidity_for_amounts(root, lower, upper, after0, after1), round_up=True
    )
    left_value = (after0 - used[0]) + (after1 - used[1])
    assert left_value <= 10**-9 * (amount0 + amount1)


def test_a_swap_that_would_leave_the_current_tick_stops_at_its_end() -> None:
    curve = Curve(10**6, 3000)
    swap = through(10**9, 0, [in_ticks(-2000, 2000, moves_with_swap=True)], curve, limit=10)
    assert not swap.success
    assert "current tick" in swap.reason
    _, end = curve.trade(True, swap.sell_amount)
    assert abs(float(end) - sqrt_price_x96_at_tick(-10) / Q96) < 1e-5


@given(wallet_amounts, wallet_amounts, target_sets)
def test_the_split_never_gives_out_more_than_the_wallet_has(
    amount0: int, amount1: int, targets: list[TargetRange]
) -> None:
    parts = split_amounts(amount0, amount1, targets)
    assert sum(part[0] for part in parts) <= amount0
    assert sum(part[1] for part in parts) <= amount1


def test_the_split_of_a_fitting_wallet_leaves_next_to_nothing() -> None:
    targets = [in_ticks(-100, 100, share=0.7), in_ticks(-2000, 500, share=0.3)]
    swap = swap_for_ratio(10**18, 3 * 10**18, targets, sqrt_price_x96=Q96, fee_frac=0.0)
    wallet = (10**18 + swap.buy_amount, 3 * 10**18 - swap.sell_amount)
    parts = split_amounts(*wallet, targets)
    values = []
    for target, part in zip(targets, parts, strict=True):
        lower, upper = target.sqrt_lower_x96, target.sqrt_upper_x96
        liquidity = liquidity_for_amounts(Q96, lower, upper, *part)
        used = amounts_for_liquidity(Q96, lower, upper, liquidity, round_up=True)
        assert sum(part) - sum(used) < 10**6
        values.append(sum(used))
    assert values[0] / sum(values) == pytest.approx(0.7, rel=1e-9)


@pytest.mark.parametrize("bad", [(-1, 0, 0.003), (0, -1, 0.003), (0, 0, 1.0), (0, 0, -0.1)])
def test_impossible_inputs_are_refused(bad: tuple[int, int, float]) -> None:
    with pytest.raises(InvalidInput):
        swap_for_ratio(bad[0], bad[1], [in_ticks(-1, 1)], sqrt_price_x96=Q96, fee_frac=bad[2])


def test_a_swap_without_targets_is_refused() -> None:
    with pytest.raises(InvalidInput, match="target"):
        swap_for_ratio(1, 1, [], sqrt_price_x96=Q96, fee_frac=0.0)
