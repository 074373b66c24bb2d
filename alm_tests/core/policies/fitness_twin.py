"""Both fitness functions of the reference in plain Python, bar by bar from the words of its section 6.1. Slow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.policies.seed.fitness import SeedVenue
from alm_core.policies.seed.params import LOWER_BOUNDS, UPPER_BOUNDS

YEAR_S = 31_557_600
BAR_S = 900


@dataclass(frozen=True)
class Bar:
    high: float
    low: float
    close: float


def sigma_of(bars: Sequence[Bar]) -> float:
    logs = [math.log(bar.high / bar.low) for bar in bars if bar.low > 0 and bar.high > 0]
    if len(bars) < 2 or len(logs) < 2:
        return 0.0
    return math.sqrt(sum(x * x for x in logs) / (4 * len(logs) * math.log(2)))


def force_of(bars: Sequence[Bar]) -> float:
    if len(bars) < 2:
        return 0.0
    if any(bar.high > bar.low > 0 for bar in bars):
        return min(100.0, 100 * (1 - math.exp(-60 * sigma_of(bars))))
    closes = [bar.close for bar in bars]
    mean = sum(closes) / len(closes)
    if mean <= 0:
        return 0.0
    return min(100.0, 100 * math.sqrt(sum((x - mean) ** 2 for x in closes) / len(closes)) / mean)


def divergence(a: float, b: float, c: float, d: float) -> float:
    if b == a:
        return 0.0 if d == c else 1.0
    return min(1.0, abs((d - c) - (b - a)) / (b - a) + abs((a + b) / 2 - (c + d) / 2) / (b - a))


def unit_value(price: float, lower: float, upper: float) -> float:
    return 2 * math.sqrt(price) - math.sqrt(lower) - price / math.sqrt(upper)


def simulated(bars: Sequence[Bar], vector: Sequence[float], venue: SeedVenue, *, head: bool) -> float:
    if len(bars) < 2:
        return 0.0
    low, high, exponent, divider, threshold = vector
    value = venue.position_value_usd if venue.position_value_usd > 0 or not head else 10_000.0
    reference_half = min(0.5, max(0.01, 100 * venue.pool_fee))

    def half_of(force: float) -> float:
        return max(low + (high - low) * math.exp(exponent * force / divider), low)

    first = bars[0].close
    lower, upper = first - first * half_of(50), first + first * half_of(50)
    fee = lvr = cost = 0.0
    shifted_at = -5
    for number, bar in enumerate(bars):
        price, window = bar.close, bars[max(0, number - 24) : number + 1]
        force, sigma = force_of(window), sigma_of(window)
        if lower <= price <= upper:
            times, annual = 1.0, 1.0
            if head:
                reference = unit_value(price, price * (1 - reference_half), price * (1 + reference_half))
                times, annual = min(20.0, reference / unit_value(price, lower, upper)), math.sqrt(35_064)
            fee += venue.base_apr * times
            span = math.sqrt(upper) - math.sqrt(lower)
            if span > 1e-18:
                lvr += (sigma * annual) ** 2 / 2 * math.sqrt(price) / span * BAR_S / YEAR_S
        target = price - price * half_of(force), price + price * half_of(force)
        if divergence(lower, upper, *target) > threshold and number - shifted_at >= 4:
            cost += venue.gas_cost_usd + (2 * venue.pool_fee + 0.001) * (1 + force / 100) * value
            lower, upper = target
            shifted_at = number
    yearly = YEAR_S / (len(bars) * BAR_S)
    paid = cost / value * yearly if value > 0 else 0.0
    return fee / len(bars) - lvr * yearly - paid


def fitness(bars: Sequence[Bar], vector: Sequence[float], venue: SeedVenue, *, head: bool) -> float:
    if len(bars) < 20:
        return -math.inf
    point = [min(high, max(low, x)) for x, low, high in zip(vector, LOWER_BOUNDS, UPPER_BOUNDS, strict=True)]
    cut = math.floor(0.8 * len(bars))
    train, validation = (simulated(part, point, venue, head=head) for part in (bars[:cut], bars[cut:]))
    if train > 0 and validation < 0.8 * train:
        return -math.inf
    if head and train <= 0 and validation > 0:
        return -math.inf
    return validation
