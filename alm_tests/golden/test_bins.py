"""Liquidity Book against the reference, as far as it is right: which bin a price is in, which bins take which token.

The reference then puts every range around the active bin, and equal parts into all bins; ours go where the range is, in
parts that make one liquidity.
"""

import math
from typing import Any

from alm_core.math.bin_ranges import bin_of_place
from alm_core.math.bin_spread import spread_over_bins
from alm_core.math.bins import ID_SHIFT, price_at_bin
from alm_core.math.tick import Q128
from alm_tests.golden.conftest import Tally
from alm_tests.golden.vectors import close, load

STEP = 10
PRECISION = 10**18


def nearest_bin(price: float, bin_step: int) -> int:
    """Bin whose part of the price line, half a step to each side, holds a price."""
    guess = bin_of_place(math.floor(math.log(price) / math.log1p(bin_step / 10_000)), token0_is_x=True)
    return min(
        range(guess - 1, guess + 3), key=lambda bin_id: abs(math.log(price * Q128 / price_at_bin(bin_id, bin_step)))
    )


def price_holds(case: dict[str, Any]) -> bool:
    found = nearest_bin(case["price"], case["binStep"])
    return found == case["out"] and close(price_at_bin(found, case["binStep"]) / Q128, case["binPrice"])


def sides_hold(case: dict[str, Any]) -> bool:
    spread = spread_over_bins(
        [ID_SHIFT + int(delta) for delta in case["deltaIds"]],
        STEP,
        token0_is_x=True,
        active_id=ID_SHIFT,
        composition=(1, 1),
        amount0=10**30,
        amount1=10**30,
    )
    sides = (spread.parts0, case["out"]["distributionX"]), (spread.parts1, case["out"]["distributionY"])
    return all(
        [part > 0 for part in ours] == [int(part) > 0 for part in theirs]
        and sum(ours) == sum(int(part) for part in theirs)
        for ours, theirs in sides
    )


def range_holds(case: dict[str, Any]) -> bool:
    ends = [nearest_bin(case[name], case["binStep"]) for name in ("rangeMin", "rangeMax")]
    return ends == [case["minBin"], case["maxBin"]]


def test_bins_of_prices_sides_and_ends_of_ranges_are_the_references(tally: Tally) -> None:
    checks = {"priceToBinId": price_holds, "buildDistributions": sides_hold, "lbBins": range_holds}
    cases = load("lb_math")
    failed = [str(case) for case in cases if not checks[case["op"]](case)]
    tally("lb_math", len(cases), failed, "bins of ranges before the reference moves them around the active one")
