"""The simulation written once more, slowly and from the text: what the compiled kernel must equal."""

import math

from alm_core.model.signals import RangeParams
from alm_core.simulation.fitness import Venue
from alm_core.simulation.tape import Tape

YEAR = 35_064


def width(volatility: float, p: RangeParams) -> float:
    k = p.vforce_exp / p.vforce_divider
    grown = (1 - math.exp(k * volatility)) / (1 - math.exp(100 * k))
    return p.base_min_frac + (p.base_max_frac - p.base_min_frac) * grown


def bounds(price: float, w: float, bias: float) -> tuple[float, float]:
    a = 1 + abs(bias)
    below, above = {1: (w / a, w * a), -1: (w * a, w / a), 0: (w, w)}[int(bias > 0) - int(bias < 0)]
    return price - price * below, price + price * above


def holdings(price: float, lower: float, upper: float) -> tuple[float, float]:
    """Value of base and of quote per unit of liquidity."""
    root = math.sqrt(min(max(price, lower), upper))
    return (1 / root - 1 / math.sqrt(upper)) * price, root - math.sqrt(lower)


def times(price: float, lower: float, upper: float) -> float:
    return 2 * math.sqrt(price) / sum(holdings(price, lower, upper))


def base_share(price: float, lower: float, upper: float) -> float:
    base, quote = holdings(price, lower, upper)
    return base / (base + quote)


def inside_rate(price: float, lower: float, upper: float, sigma: float, venue: Venue) -> float:
    c = times(price, lower, upper)
    return c * (venue.full_range_apr / (1 + venue.capital_share * c) - venue.lvr_weight * sigma**2 / 8)


def stay(price: float, lower: float, upper: float, sigma: float) -> float:
    return math.log(price / lower) * math.log(upper / price) / sigma**2


def spent_inside(residence: float, horizon: float) -> float:
    return residence * (1 - math.exp(-horizon / residence)) / horizon


def shift_gain(price: float, at: tuple[float, float], target: tuple[float, float], sigma: float, venue: Venue) -> float:
    once = venue.gas_cost_frac + 0.5 * venue.swap_cost_frac
    residence = stay(price, *target, sigma)
    rate = inside_rate(price, *target, sigma, venue)
    alone = rate * spent_inside(residence, venue.horizon_years)
    renewed = (rate * residence - once) / (residence + 7.5 * 60 / 31_557_600)
    fresh = max(alone, renewed)
    if not at[0] < price < at[1]:
        return fresh
    first = spent_inside(stay(price, *at, sigma), venue.horizon_years)
    return fresh - first * inside_rate(price, *at, sigma, venue) - (1 - first) * max(0.0, fresh)


def net_by_bar(tape: Tape, params: RangeParams, venue: Venue) -> list[float]:
    """Net return of every bar, a fraction of the capital."""
    at = bounds(tape.close[0], width(tape.volatility[0], params), tape.bias[0])
    net = [-venue.gas_cost_frac - abs(base_share(tape.close[0], *at) - 0.5) * venue.swap_cost_frac]
    c, moved_at = times(tape.close[0], *at), 0
    for bar in range(1, len(tape)):
        low, high, price = tape.low[bar], tape.high[bar], tape.close[bar]
        covered = float(at[0] <= low < at[1])
        if high > low:
            covered = max(0.0, min(high, at[1]) - max(low, at[0])) / (high - low)
        rate = venue.full_range_apr / (1 + venue.capital_share * c)
        net.append(covered * c * (rate - venue.lvr_weight * tape.variance_annual[bar] / 8) / YEAR)
        target = bounds(price, width(tape.volatility[bar], params), tape.bias[bar])
        span = at[1] - at[0]
        far = abs((target[1] - target[0]) - span) / span + abs(sum(target) - sum(at)) / 2 / span
        inside = at[0] < price < at[1]
        if inside and (bar - moved_at < venue.min_hold_bars or min(1.0, far) <= params.rs_threshold):
            continue
        cost = venue.gas_cost_frac
        cost += abs(base_share(price, *target) - base_share(price, *at)) * venue.swap_cost_frac
        sigma = tape.sigma_annual[bar]
        better = shift_gain(price, at, target, sigma, venue)
        if better * venue.horizon_years > venue.cost_multiple * cost:
            net[bar] -= cost
            at, moved_at = target, bar
            c = times(price, *at)
    return net


def net_apr(tape: Tape, params: RangeParams, venue: Venue) -> float:
    return sum(net_by_bar(tape, params, venue)) * YEAR / (len(tape) - 1)
