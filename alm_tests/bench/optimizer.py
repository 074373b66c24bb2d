"""The default policy's own fitness and search on 60 days, lanes per second, and how seldom luck is adopted."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import numpy as np

from alm_core.model.signals import RangeParams
from alm_core.ranges.search import Search, search_params
from alm_core.ranges.space import SEARCH_SPACES, SearchSpace, params_at
from alm_core.simulation.fitness import net_returns, simulate
from alm_core.simulation.sweep import sweep
from alm_core.simulation.tape import BARS_PER_YEAR, tape_from_candles
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.forces.tapes import walk
from alm_tests.core.ranges.walks import FAIR_APR, SPACE, best_known, random_walk, usual

DAYS = 60
REPEATS = 15
LANES = 1024
SETS = 64
WALKS = 200
WALK_DAYS = 30
SIGMA_MINUTE = 6e-4
LVR_APR = SIGMA_MINUTE**2 * 525_960 / 8
STABLE_SIGMA_MINUTE = 4e-5
COLD = """
import time
from alm_tests.bench.optimizer import SPACE, LVR_APR, usual, tape_from_candles, walk, simulate
tape = tape_from_candles(walk(3))
before = time.process_time()
simulate(tape, SPACE.initial, usual(LVR_APR))
print(time.process_time() - before)
"""


def drawn(lanes: int, space: SearchSpace = SPACE) -> list[RangeParams]:
    """Parameter sets drawn over a search space, seeded."""
    return [params_at(point, space) for point in np.random.default_rng(1).uniform(0.0, 1.0, (lanes, 5))]


def fitness_60d() -> Iterator[Figure]:
    """CPU of one evaluation, and of compiling what it needs."""
    tape, sets, venue = tape_from_candles(walk(DAYS)), drawn(SETS), usual(1.5 * LVR_APR)

    def evaluate() -> None:
        for params in sets:
            simulate(tape, params, venue)

    evaluate()
    spent = [1e3 * seconds / SETS for seconds in cpu_times_s(evaluate, REPEATS)]
    shifts = sum(simulate(tape, params, venue).shifts for params in sets) / SETS
    yield Figure(
        name="default_fitness_60d_ms",
        value=median(spent),
        unit="ms",
        note=f"one evaluation, {len(tape)} quarter hours of a seeded walk, tape prepared, mean of {SETS} sets drawn "
        f"over the search space ({shifts:.0f} shifts each), fees 1.5 x LVR; process CPU, code warm; {spread(spent)}",
    )
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (_first_call_s(cache) for _ in range(2))
    yield Figure(
        name="default_fitness_compile_cpu_s",
        value=cold,
        unit="s",
        note=f"first evaluation of a fresh process with an empty code cache; with the cache of that run {warm:.3g} s",
    )


def _first_call_s(cache: str) -> float:
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run([sys.executable, "-c", COLD], env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def tune_60d() -> Iterator[Figure]:
    """CPU of a whole search from prepared minutes; the slower of a volatile and a stable market."""
    spent: dict[str, list[float]] = {}
    told: list[str] = []
    for name, sigma in (("volatile", SIGMA_MINUTE), ("stable", STABLE_SIGMA_MINUTE)):
        series, space = walk(DAYS, sigma_minute=sigma), SEARCH_SPACES["stable" if name == "stable" else "volatile"]
        venue = usual(1.5 * sigma**2 * 525_960 / 8)

        def tune() -> Search:
            return search_params(tape_from_candles(series), venue, space.initial, space)  # noqa: B023

        found = tune()
        spent[name] = cpu_times_s(tune, REPEATS)
        told.append(f"{name} {found.evaluations} evaluations, {median(spent[name]):.3g} s, adopted: {found.success}")
    slower = max(spent, key=lambda name: median(spent[name]))
    yield Figure(
        name="default_tune_60d_cpu_s",
        value=median(spent[slower]),
        unit="s",
        note=f"{DAYS} d of minutes to the adopted set: tape, three walk-forward searches of 256 lanes and 3 starts, "
        f"out-of-sample scores, two bootstraps; {'; '.join(told)}; the slower counts; process CPU, code warm; "
        f"{spread(spent[slower])}",
    )


def lanes() -> Iterator[Figure]:
    """Bars times lanes per CPU second of a sweep; the slowest of three markets."""
    tape, table = tape_from_candles(walk(DAYS)), np.array([astuple(params) for params in drawn(LANES)])
    rates: dict[float, list[float]] = {}
    for multiple in (1.0, 1.5, 4.0):
        venue = usual(multiple * LVR_APR)
        sweep(tape, table, venue)
        work = LANES * len(tape)
        rates[multiple] = [work / s for s in cpu_times_s(lambda: sweep(tape, table, venue), REPEATS)]  # noqa: B023
    slowest = min(rates, key=lambda multiple: median(rates[multiple]))
    each = ", ".join(f"{multiple:g} x {median(found) / 1e6:.0f} M" for multiple, found in rates.items())
    yield Figure(
        name="sweep_1024_bars_per_cpu_s",
        value=median(rates[slowest]),
        unit="1/s",
        note=f"{LANES} parameter sets drawn over the search space, {len(tape)} quarter hours, equal to single "
        f"simulations to the last bit; fees over LVR: {each}; the slowest counts; process CPU, one thread; "
        f"{spread(rates[slowest])}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """What searches on seeded walks did: share that kept its parameters, and what adopting earned in the month after.

    ``later_gain_apr`` is the mean net APR over the parameters in force on the unseen next 30 days of adopted sets,
    ``NaN`` if there are none.
    """

    kept_frac: float
    later_gain_apr: float
    lost_later: int
    adopted: int


def luck_of(multiple: float, in_force: RangeParams) -> Luck:
    """Search on the first month of every walk, with fees that many times LVR; look at the second month."""
    venue, gains = usual(multiple * FAIR_APR), []
    for seed in range(WALKS):
        whole = random_walk(seed, 2 * WALK_DAYS + 1)
        known = WALK_DAYS * 96
        found = search_params(whole.rows(slice(0, known)), venue, in_force, SPACE)
        if found.success:
            ours, theirs = (net_returns(whole, params, venue)[known:].mean() for params in (found.params, in_force))
            gains.append(float(ours - theirs) * BARS_PER_YEAR)
    later = float(np.mean(gains)) if gains else float("nan")
    return Luck(
        kept_frac=1.0 - len(gains) / WALKS,
        later_gain_apr=later,
        lost_later=sum(gain < 0.0 for gain in gains),
        adopted=len(gains),
    )


def random_walks() -> Iterator[Figure]:
    """Share of driftless walks on which the parameters in force are kept."""
    told = (
        f"{WALKS} seeded driftless walks of {WALK_DAYS} d, sigma 60 %/y, 10,000 USD in a 5 bp pool of 10 M USD, 1 bp "
        "impact, 1 USD gas per shift"
    )
    cases = (
        ("random_walks_kept_frac", "fees = LVR of a full range, initial parameters in force", 1.0, SPACE.initial),
        (
            "random_walks_best_kept_frac",
            "fees 1.5 x LVR, in force the best set over 12 other walks: nothing truly better exists",
            1.5,
            best_known(1.5 * FAIR_APR),
        ),
        (
            "random_walks_rich_kept_frac",
            "fees 1.5 x LVR, initial parameters in force: narrower ones are truly better, so this should be low",
            1.5,
            SPACE.initial,
        ),
    )
    for name, case, multiple, in_force in cases:
        luck = luck_of(multiple, in_force)
        after = (
            f"the adopted {luck.adopted} gained {luck.later_gain_apr:.3g} a year on the next {WALK_DAYS} d, "
            f"{luck.lost_later} of them lost"
            if luck.adopted
            else "none was adopted"
        )
        yield Figure(name=name, value=luck.kept_frac, unit="frac", note=f"{told}; {case}; {after}")
