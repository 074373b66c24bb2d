"""Random pools under random limits, and proofs of optimality that share no code with the solver."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import strategies as st
from numpy.random import Generator
from scipy.optimize import minimize

from alm_core.portfolio.filling.vessels import Group, Vessel
from alm_core.portfolio.waterfill import Fill, water_fill

CAPITAL = 1e5
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def vessel(fees: float, active: float, times: float = 10.0, lvr: float = 0.01, **changes: float | str) -> Vessel:
    plain = Vessel(
        pool_id="p", fees_usd=fees, active_usd=active, times=times, lvr_apr=lvr, held_frac=0.8, cap_usd=math.inf
    )
    return replace(plain, **changes)


def capital(vessels: Sequence[Vessel], limit: float, most: int | None = None) -> Group:
    return Group(name="capital", rows=tuple(range(len(vessels))), limit_usd=limit, most=most)


def fill(vessels: Sequence[Vessel], limit: float, most: int | None = None) -> Fill:
    return water_fill(vessels, [capital(vessels, limit, most)])


def worth(pool: Vessel, amount: float) -> float:
    """What an amount brings a year less what getting there costs, written out once more."""
    own = pool.times * amount
    fees = pool.fees_usd * own / (pool.active_usd + own) if own > 0 and pool.active_usd > 0 else 0.0
    earned = pool.held_frac * (fees - pool.lvr_apr * own) - pool.upkeep_apr * amount
    moved = amount - pool.held_usd
    return earned - (pool.entry_apr * moved if moved >= 0 else -pool.exit_apr * moved)


def total_worth(vessels: Sequence[Vessel], amounts: Sequence[float]) -> float:
    return math.fsum(worth(pool, amount) for pool, amount in zip(vessels, amounts, strict=True))


def best_at_price(pool: Vessel, price: float, most: float) -> float:
    """The largest surplus over a price, by golden sections on both sides of the kink."""

    def surplus(amount: float) -> float:
        return worth(pool, amount) - price * amount

    def peak(low: float, high: float) -> float:
        for _ in range(90):
            left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            low, high = (left, high) if surplus(left) < surplus(right) else (low, right)
        return max(surplus(low), surplus(high))

    cap = min(pool.cap_usd, most)
    kink = min(pool.held_usd, cap)
    return max(peak(0.0, kink), peak(kink, cap), surplus(0.0), surplus(kink), surplus(cap))


def duality_gap(vessels: Sequence[Vessel], groups: Sequence[Group], found: Fill) -> float:
    """How much better than the amounts anything can be, at most: any prices of limits bound it from above."""
    prices = [found.multipliers_apr.get(group.name, 0.0) for group in groups]
    bound = math.fsum(price * group.limit_usd for price, group in zip(prices, groups, strict=True))
    for row, pool in enumerate(vessels):
        if row in found.left_out:
            bound += worth(pool, 0.0)
            continue
        mine = [group for group in groups if row in group.rows]
        price = math.fsum(found.multipliers_apr.get(group.name, 0.0) for group in mine)
        bound += best_at_price(pool, price, min([1e12, *(group.limit_usd for group in mine)]))
    return bound - total_worth(vessels, found.amounts_usd)


def best_by_slsqp(vessels: Sequence[Vessel], groups: Sequence[Group]) -> float:
    """The optimum as scipy finds it, with what is bought and what is sold as variables of their own."""
    size, scale = len(vessels), max(group.limit_usd for group in groups)
    held = np.array([pool.held_usd for pool in vessels]) / scale

    def amounts(x: np.ndarray) -> np.ndarray:
        return held + x[:size] - x[size:]

    def loss(x: np.ndarray) -> float:
        income = sum(pool.income_usd(float(a) * scale) for pool, a in zip(vessels, amounts(x), strict=True))
        bought = sum(pool.entry_apr * float(u) for pool, u in zip(vessels, x[:size], strict=True))
        sold = sum(pool.exit_apr * float(v) for pool, v in zip(vessels, x[size:], strict=True))
        return bought + sold - income / scale

    def room(group: Group) -> Callable[[np.ndarray], float]:
        return lambda x: group.limit_usd / scale - float(sum(amounts(x)[list(group.rows)]))

    def below(row: int) -> Callable[[np.ndarray], float]:
        return lambda x: float(amounts(x)[row])

    def cap(row: int, most: float) -> Callable[[np.ndarray], float]:
        return lambda x: most - float(amounts(x)[row])

    limits = [room(group) for group in groups] + [below(row) for row in range(size)]
    limits += [cap(row, pool.cap_usd / scale) for row, pool in enumerate(vessels) if math.isfinite(pool.cap_usd)]
    bounds = [(0.0, 2.0)] * size + [(0.0, float(h)) for h in held]
    best = -math.inf
    for start in (np.zeros(2 * size), np.concatenate([np.full(size, 0.5 / size), held])):
        result = minimize(
            loss,
            start,
            method="SLSQP",
            bounds=bounds,
            constraints=[{"type": "ineq", "fun": one} for one in limits],
            options={"ftol": 1e-14, "maxiter": 500},
        )
        if all(one(result.x) > -1e-9 for one in limits):
            best = max(best, -float(result.fun) * scale)
    return best


def best_of_subsets(vessels: Sequence[Vessel], limit: float, most: int) -> float:
    """The best that any set of so many pools can do."""
    best = -math.inf
    for chosen in combinations(range(len(vessels)), min(most, len(vessels))):
        barred = [pool if row in chosen else replace(pool, cap_usd=0.0) for row, pool in enumerate(vessels)]
        best = max(best, total_worth(vessels, fill(barred, limit).amounts_usd))
    return best


def random_case(random: Generator, pools: int, overlapping: int) -> tuple[list[Vessel], list[Group]]:
    """Pools as markets have them, on two chains, under that many limits across them."""
    vessels: list[Vessel] = []
    for number in range(pools):
        active = 10 ** random.uniform(5, 8)
        vessels.append(
            Vessel(
                pool_id=f"p{number}",
                fees_usd=active * 10 ** random.uniform(-3, -0.3),
                active_usd=active,
                times=random.uniform(1, 60),
                lvr_apr=random.uniform(0, 0.05),
                held_frac=random.uniform(0.2, 1),
                cap_usd=float(random.choice([math.inf, CAPITAL * random.uniform(0.05, 0.8)])),
                upkeep_apr=random.uniform(0, 0.3),
                held_usd=float(random.choice([0.0, CAPITAL / pools * random.uniform(0, 1)])),
                entry_apr=random.uniform(0, 0.2),
                exit_apr=random.uniform(0, 0.2),
            )
        )
    groups: list[Group] = []
    for chain in range(2):
        rows = tuple(row for row in range(pools) if row % 2 == chain)
        held = math.fsum(vessels[row].held_usd for row in rows)
        groups.append(Group(name=f"capital {chain}", rows=rows, limit_usd=held + CAPITAL * random.uniform(0, 1)))
    total = math.fsum(group.limit_usd for group in groups)
    for number in range(overlapping):
        rows = tuple(row for row in range(pools) if random.random() < 0.6)
        groups.append(Group(name=f"share {number}", rows=rows or (0,), limit_usd=total * random.uniform(0.05, 0.8)))
    return vessels, [group for group in groups if group.rows]


def wild_case(random: Generator) -> tuple[list[Vessel], list[Group]]:
    """Pools and limits further apart than any market's: ten decades of depth, dead pools, limits of nothing."""

    def decades(low: float, high: float, none: float = 0.0) -> float:
        return 0.0 if random.random() < none else float(10 ** random.uniform(low, high))

    pools, chains, overlapping = (int(random.integers(low, high)) for low, high in ((1, 13), (1, 4), (0, 9)))
    everything, vessels = decades(1, 6), list[Vessel]()
    for number in range(pools):
        active, caps = decades(0, 10), (math.inf, math.inf, 0.0, everything * random.uniform(0, 1))
        vessels.append(
            Vessel(
                pool_id=f"p{number}",
                fees_usd=active * decades(-4, 1, none=0.15),
                active_usd=active,
                times=decades(0, 2.5),
                lvr_apr=decades(-6, -1, none=0.2),
                held_frac=float(random.choice([0.0, 1.0, *random.uniform(0, 1, 3)])),
                cap_usd=float(random.choice(caps, p=(0.25, 0.25, 0.05, 0.45))),
                upkeep_apr=decades(-4, 0, none=0.3),
                held_usd=everything / pools * decades(-3, 0, none=0.4),
                entry_apr=decades(-4, 1, none=0.2),
                exit_apr=decades(-4, 1, none=0.2),
            )
        )
    groups: list[Group] = []
    for chain in range(min(chains, pools)):
        rows = tuple(range(chain, pools, chains))
        held, idle = math.fsum(vessels[row].held_usd for row in rows), everything * decades(-3, 0, none=0.3)
        most = 3 if random.random() < 0.3 else None
        groups.append(Group(name=f"capital {chain}", rows=rows, limit_usd=held + idle, most=most))
    total = math.fsum(group.limit_usd for group in groups)
    for number in range(overlapping):
        rows = tuple(row for row in range(pools) if random.random() < 0.5) or (0,)
        groups.append(Group(name=f"share {number}", rows=rows, limit_usd=total * decades(-2, 0, none=0.1)))
    return vessels, groups


wild_vessels = st.lists(
    st.builds(
        Vessel,
        pool_id=st.just("p"),
        fees_usd=st.just(0.0) | st.floats(1e-3, 1e6),
        active_usd=st.floats(1, 1e8),
        times=st.floats(1, 500),
        lvr_apr=st.just(0.0) | st.floats(1e-6, 0.2),
        held_frac=st.just(0.0) | st.floats(1e-6, 1),
        cap_usd=st.just(math.inf) | st.floats(0, 1e6),
        upkeep_apr=st.just(0.0) | st.floats(1e-6, 1),
        held_usd=st.just(0.0) | st.floats(1, 1e5),
        entry_apr=st.just(0.0) | st.floats(1e-6, 1),
        exit_apr=st.just(0.0) | st.floats(1e-6, 1),
    ),
    min_size=1,
    max_size=7,
)


@st.composite
def wild_cases(draw: st.DrawFn) -> tuple[list[Vessel], list[Group]]:
    """Pools of any kind under limits that overlap in any way, one of which may be zero."""
    vessels = draw(wild_vessels)
    rows = range(len(vessels))
    members = st.lists(st.sampled_from(rows), min_size=1, unique=True).map(lambda found: tuple(sorted(found)))
    shares = draw(st.lists(st.tuples(members, st.just(0.0) | st.floats(1, 1e6)), max_size=5))
    groups = [Group(name=f"share {n}", rows=one, limit_usd=limit) for n, (one, limit) in enumerate(shares)]
    return vessels, [capital(vessels, draw(st.floats(0, 1e7))), *groups]
