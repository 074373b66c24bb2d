"""The minute simulator written once more, slowly and from the text: what the compiled kernels must equal.

Plain Python floats and lists, minute by minute, ticks by the exact integers of the live plan.
"""

import math
from dataclasses import dataclass, field

from alm_core.math.orientation import price_at_tick, ticks_for_range
from alm_core.model.pools import Pool
from alm_core.model.signals import RangeParams
from alm_core.simulation.minute_rules import MinuteCosts, Rule
from alm_core.simulation.minute_run import Start
from alm_core.simulation.minutes import MinuteMarket
from alm_tests.core.portfolio.scene import bare_range

YEAR_MINUTES = 525_960


def width(volatility: float, p: RangeParams) -> float:
    k = p.vforce_exp / p.vforce_divider
    grown = (1 - math.exp(k * volatility)) / (1 - math.exp(100 * k))
    return p.base_min_frac + (p.base_max_frac - p.base_min_frac) * grown


def force_bounds(price: float, w: float, bias: float) -> tuple[float, float]:
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


def stay(price: float, lower: float, upper: float, sigma: float) -> float:
    return math.log(price / lower) * math.log(upper / price) / sigma**2


def spent_inside(residence: float, horizon: float) -> float:
    return residence * (1 - math.exp(-horizon / residence)) / horizon


@dataclass
class Wallet:
    """Everything held, and what was booked."""

    pool: Pool
    costs: MinuteCosts
    base: float
    quote: float
    liquidity: float = 0.0
    ticks: tuple[int, int] = (0, 0)
    owed_base: float = 0.0
    owed_quote: float = 0.0
    fees: float = 0.0
    lvr: float = 0.0
    swap: float = 0.0
    gas: float = 0.0
    price_gain: float = 0.0
    inside_minutes: float = 0.0
    actions: int = 0
    nav: list[float] = field(default_factory=list)

    def bounds(self, ticks: tuple[int, int]) -> tuple[float, float]:
        ends = [price_at_tick(self.pool, tick) for tick in ticks]
        return min(ends), max(ends)

    def amounts(self, price: float) -> tuple[float, float]:
        if self.liquidity == 0:
            return 0.0, 0.0
        low, high = self.bounds(self.ticks)
        at = min(max(price, low), high)
        base = self.liquidity * (1 / math.sqrt(at) - 1 / math.sqrt(high))
        return base, self.liquidity * (math.sqrt(at) - math.sqrt(low))

    def value(self, price: float) -> float:
        base, quote = self.amounts(price)
        return (base + self.base + self.owed_base) * price + quote + self.quote + self.owed_quote

    def contains(self, tick: int) -> bool:
        return self.ticks[0] <= tick < self.ticks[1]

    def close(self, price: float) -> None:
        base, quote = self.amounts(price)
        self.base += base + self.owed_base
        self.quote += quote + self.owed_quote
        self.liquidity = self.owed_base = self.owed_quote = 0.0

    def pay_gas(self, gas: float, price: float) -> None:
        quote = min(gas, self.quote)
        base = min((gas - quote) / price, self.base)
        self.quote -= quote
        self.base -= base
        self.gas += quote + base * price

    def sell(self, value: float, frac: float, price: float, *, base: bool) -> None:
        if base:
            self.base = max(0.0, self.base - value / price)
            self.quote += value * (1 - frac)
        else:
            self.quote = max(0.0, self.quote - value)
            self.base += value * (1 - frac) / price
        self.swap += value * frac

    def cost_frac(self, swapped: float, depth: float) -> float:
        if self.costs.impact == 0:
            return self.costs.swap_fee_frac
        return min(1.0, self.costs.swap_fee_frac + self.costs.impact * swapped / depth) if depth > 0 else 1.0

    def move(self, ticks: tuple[int, int], capital: float, price: float, depth: float, *, even: bool) -> None:
        gas = self.costs.gas_open + (self.costs.gas_close if self.liquidity > 0 else 0.0)
        self.close(price)
        self.pay_gas(gas, price)
        bounds = self.bounds(ticks)
        have = self.base * price
        capital = min(capital, have + self.quote)
        share = base_share(price, *bounds)
        need = capital * share, capital * (1 - share)
        swapped = abs(have - self.quote) / 2 if even else max(0.0, need[0] - have, need[1] - self.quote)
        if swapped > 0:
            self.pay_gas(self.costs.gas_swap, price)
            frac = self.cost_frac(swapped, depth)
            self.swap_even(frac, price) if even else self.swap_exact(share, capital, frac, price)
        self.put(ticks, bounds, capital, price, dust=1e-5 if even else 0.0)
        self.actions += 1

    def swap_even(self, frac: float, price: float) -> None:
        short = self.quote / price - self.base
        if short >= 0:
            self.sell(short / (2 + frac) * price / (1 - frac), frac, price, base=False)
        else:
            self.sell(-short / (2 - frac) * price, frac, price, base=True)

    def swap_exact(self, share: float, capital: float, frac: float, price: float) -> None:
        have, quote = self.base * price, self.quote
        placed = min(capital, have + quote)
        missing_base, missing_quote = placed * share - have, placed * (1 - share) - quote
        if missing_quote > 0:
            most = ((1 - share) * have - share * quote) / ((1 - share) + share * (1 - frac))
            wanted = missing_quote / (1 - frac) if frac < 1 else math.inf
            self.sell(min(wanted, most), frac, price, base=True)
        elif missing_base > 0:
            most = (share * quote - (1 - share) * have) / (share + (1 - share) * (1 - frac))
            wanted = missing_base / (1 - frac) if frac < 1 else math.inf
            self.sell(min(wanted, most), frac, price, base=False)

    def put(
        self, ticks: tuple[int, int], bounds: tuple[float, float], capital: float, price: float, dust: float
    ) -> None:
        at = min(max(price, bounds[0]), bounds[1])
        base_unit = 1 / math.sqrt(at) - 1 / math.sqrt(bounds[1])
        quote_unit = math.sqrt(at) - math.sqrt(bounds[0])
        units = [capital / (base_unit * price + quote_unit)]
        units += [self.base / base_unit] if base_unit > 0 else []
        units += [self.quote / quote_unit] if quote_unit > 0 else []
        self.liquidity, self.ticks = min(units), ticks
        rest = self.base - self.liquidity * base_unit, self.quote - self.liquidity * quote_unit
        self.base, self.quote = (
            left if left > dust * had else 0.0 for left, had in zip(rest, (self.base, self.quote), strict=True)
        )

    def live_minute(self, market: MinuteMarket, minute: int, thickness: float, *, ahead: bool, jumped: bool) -> None:
        """Fees and LVR of one minute."""
        after = int(market.tick[minute + 1])
        before = after if jumped else int(market.tick[minute])
        opened, closed = (float(market.root[row]) ** 2 for row in (minute, minute + 1))
        held = self.base + self.owed_base + self.amounts(opened)[0]
        worth = self.amounts(opened)
        self.price_gain += held * (closed - opened)
        moved = self.amounts(closed)
        self.lvr += worth[0] * (closed - opened) - (moved[0] * closed + moved[1] - worth[0] * opened - worth[1])
        covered = float(self.contains(after))
        if before != after and self.liquidity > 0:
            low, high = min(before, after), max(before, after)
            within = max(0, min(high, self.ticks[1]) - max(low, self.ticks[0])) / (high - low)
            covered = 1.0 if self.contains(before) and self.contains(after) else within
        if self.liquidity == 0 or covered == 0:
            return
        self.inside_minutes += covered
        part = covered * self.liquidity / (float(market.liquidity[minute]) * thickness + self.liquidity)
        base, quote = part * float(market.fee_base[minute]), part * float(market.fee_quote[minute])
        self.owed_base += base
        self.owed_quote += quote
        self.fees += base * (opened if ahead else closed) + quote


def wallet(market: MinuteMarket, pool: Pool, start: Start, costs: MinuteCosts) -> Wallet:
    price = float(market.root[0]) ** 2
    base = start.capital * start.base_frac / price
    return Wallet(pool=pool, costs=costs, base=base, quote=start.capital * (1 - start.base_frac))


def nearest(tick: int, spacing: int) -> int:
    return round(tick / spacing) * spacing


def fixed(
    market: MinuteMarket,
    pool: Pool,
    start: Start,
    costs: MinuteCosts,
    half_width: int,
    *,
    reset: bool,
    ahead: bool,
    thickness: float = 1.0,
) -> Wallet:
    """Held or recentred."""
    found = wallet(market, pool, start, costs)
    closes = {int(close) for close in market.closes}
    for minute in range(len(market)):
        seen = minute + 1 if ahead else minute
        tick, price = int(market.tick[seen]), float(market.root[minute]) ** 2
        due = minute == 0 or (reset and found.liquidity > 0 and not found.contains(tick))
        if due:
            spacing = pool.tick_spacing
            ticks = nearest(tick - half_width, spacing), nearest(tick + half_width, spacing)
            depth = 2 * float(market.liquidity[minute]) * thickness * math.sqrt(price)
            found.move(ticks, math.inf, price, depth, even=ahead)
        found.live_minute(market, minute, thickness, ahead=ahead, jumped=ahead and due)
        if minute + 1 in closes:
            found.nav.append(found.value(float(market.root[minute if ahead else minute + 1]) ** 2))
    return found


def policy(
    market: MinuteMarket,
    pool: Pool,
    start: Start,
    costs: MinuteCosts,
    sets: list[RangeParams],
    in_force: list[int],
    rule: Rule,
    *,
    thickness: float = 1.0,
) -> Wallet:
    """The default policy's decision at every quarter hour."""
    found = wallet(market, pool, start, costs)
    closes = [int(close) for close in market.closes]
    held_for = 0
    for minute in range(len(market)):
        found.live_minute(market, minute, thickness, ahead=False, jumped=False)
        if minute + 1 not in closes:
            continue
        quarter = closes.index(minute + 1)
        found.nav.append(found.value(float(market.root[minute + 1]) ** 2))
        held_for += 1
        if minute + 1 < len(market) and decide(
            found, market, quarter, closes, sets[in_force[quarter]], rule, held_for, thickness
        ):
            held_for = 0
    return found


def decide(
    found: Wallet,
    market: MinuteMarket,
    quarter: int,
    closes: list[int],
    params: RangeParams,
    rule: Rule,
    held_for: int,
    thickness: float,
) -> bool:
    assert market.forces is not None
    volatility, bias, sigma = (
        float(column[quarter]) for column in (market.forces.volatility, market.forces.bias, market.forces.sigma_annual)
    )
    minute = closes[quarter]
    price, tick = float(market.root[minute]) ** 2, int(market.tick[minute])
    others = float(market.liquidity[minute - 1]) * thickness
    if any(math.isnan(known) for known in (volatility, bias, sigma)) or others == 0 or found.value(price) <= 0:
        return False
    since = closes[quarter - rule.yield_window] if quarter >= rule.yield_window else 0
    base, quote = (float(sum(column[since:minute])) for column in (market.fee_base, market.fee_quote))
    fees = (base * price + quote) * YEAR_MINUTES / (minute - since)
    active = max(1.0, 2 * others * math.sqrt(price))
    wanted = force_bounds(price, width(volatility, params), bias)
    ticks = ticks_for_range(found.pool, bare_range(*wanted, price))
    target = found.bounds(ticks)
    nav = found.value(price)
    within = found.liquidity > 0 and found.contains(tick)
    depth = active + (2 * found.liquidity * math.sqrt(price) if within else 0.0)
    costs = found.costs
    half = nav * 0.5
    once = costs.gas_open + costs.gas_close + costs.gas_swap + half * found.cost_frac(half, depth)
    world = Expectation(price, sigma, rule, fees, active, once / nav, target)
    share = base_share(price, *target)
    if found.liquidity == 0:
        capital = nav * rule.share_frac
        swapped = max(0.0, capital * share - found.base * price, capital * (1 - share) - found.quote)
        cost = costs.gas_open + (costs.gas_swap + swapped * found.cost_frac(swapped, depth) if swapped > 0 else 0.0)
        worth = world.after(capital) * rule.horizon_years > max(1.0, rule.place_multiple) * cost
        if worth or not rule.may_idle:
            found.move(ticks, capital, price, depth, even=False)
            return True
        return False
    if within and held_for < rule.min_hold_quarters:
        return False
    held = found.bounds(found.ticks)
    span = held[1] - held[0]
    far = abs((target[1] - target[0]) - span) / span + abs(sum(target) - sum(held)) / 2 / span
    base, quote = found.amounts(price)
    standing = base * price + quote
    base, quote = (base + found.owed_base) * price, quote + found.owed_quote
    capital = base + quote
    swapped = max(0.0, capital * share - base - found.base * price, capital * (1 - share) - quote - found.quote)
    cost = costs.gas_open + costs.gas_close
    cost += costs.gas_swap + swapped * found.cost_frac(swapped, depth) if swapped > 0 else 0.0
    now = world.now(standing, held)
    gain, kept = (world.after(capital) - now) * rule.horizon_years, -now * rule.horizon_years
    misfits = ticks != found.ticks and (not within or min(1.0, far) > params.rs_threshold)
    # (net gain, carried out by)
    ways: list[tuple[float, bool]] = []
    if misfits and gain > max(1.0, rule.cost_multiple) * cost:
        ways.append((gain - cost, True))
    spared = kept > max(1.0, rule.place_multiple) * costs.gas_close and -now >= rule.min_apr_gain * nav
    if rule.may_idle and within and held_for >= rule.min_hold_quarters and spared:
        ways.append((kept - costs.gas_close, False))
    if not ways:
        return False
    if max(ways)[1]:
        found.move(ticks, capital, price, depth, even=False)
        return True
    found.close(price)
    found.pay_gas(costs.gas_close, price)
    found.actions += 1
    return True


@dataclass
class Expectation:
    """What capital of ours in the pool is expected to earn per year."""

    price: float
    sigma: float
    rule: Rule
    fees: float
    active: float
    once: float
    target: tuple[float, float]

    @property
    def lvr(self) -> float:
        return self.rule.lvr_weight * self.sigma**2 / 8

    def stay(self, bounds: tuple[float, float]) -> float:
        return stay(self.price, *bounds, self.sigma) if self.sigma > 0 else math.inf

    def spent(self, bounds: tuple[float, float]) -> float:
        years = self.stay(bounds)
        return spent_inside(years, self.rule.horizon_years) if math.isfinite(years) else 1.0

    def care(self) -> tuple[float, float]:
        years, alone = self.stay(self.target), self.spent(self.target)
        if math.isinf(years):
            return alone, 0.0
        cycle = years + 7.5 * 60 / 31_557_600
        rate = times(self.price, *self.target) * (self.fees / self.active - self.lvr)
        looked_after = years / cycle, self.once / cycle
        return looked_after if rate * looked_after[0] - looked_after[1] > rate * alone else (alone, 0.0)

    def fresh(self, capital: float, own: float) -> float:
        held, upkeep = self.care()
        return capital * times(self.price, *self.target) * self.per_active(own) * held - capital * upkeep

    def per_active(self, own: float) -> float:
        return self.fees / (self.active + own) - self.lvr

    def after(self, capital: float) -> float:
        return self.fresh(capital, capital * times(self.price, *self.target))

    def now(self, capital: float, held: tuple[float, float]) -> float:
        if not held[0] < self.price < held[1]:
            return 0.0
        own = capital * times(self.price, *held)
        first = self.spent(held)
        return first * own * self.per_active(own) + (1 - first) * max(0.0, self.fresh(capital, own))
