"""The reference's own fitness (its last version, "HEAD") on 60 days of M15, and a full tune with it."""

from collections.abc import Iterator

from alm_core.policies.seed.candles import Columns, aggregate, columns_of
from alm_core.policies.seed.fitness import SeedVenue
from alm_core.policies.seed.head_fitness import DAYS, head_fitness, head_optimize, head_tape
from alm_core.policies.seed.params import DEFAULTS, LOWER_BOUNDS, UPPER_BOUNDS, Vector, vector_from_params
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.forces.tapes import walk

REPEATS = 15
EVALUATIONS_PER_REPEAT = 100
VENUE = SeedVenue(base_apr=0.2, pool_fee=5e-4, gas_cost_usd=0.5, position_value_usd=10_000.0)
VOLATILE, STABLE = 6e-4, 4e-5
"""Deviations per minute of the reference's own two measurements."""


def market(sigma_minute: float) -> Columns:
    """Quarter hours of a seeded walk."""
    return aggregate(columns_of(walk(DAYS, sigma_minute=sigma_minute)), 15)


def vectors() -> tuple[Vector, ...]:
    """Defaults, both corners and the middle of the search space: wide ranges seldom shift, narrow ones often."""
    middle = tuple((low + high) / 2 for low, high in zip(LOWER_BOUNDS, UPPER_BOUNDS, strict=True))
    return vector_from_params(DEFAULTS), LOWER_BOUNDS, UPPER_BOUNDS, middle  # pyright: ignore[reportReturnType]


def one_evaluation() -> Iterator[Figure]:
    """CPU of one evaluation with the tape prepared."""
    columns = market(VOLATILE)
    tape, points = head_tape(columns, VENUE.pool_fee), vectors()

    def evaluate() -> None:
        for _ in range(EVALUATIONS_PER_REPEAT // len(points)):
            for point in points:
                head_fitness(tape, point, VENUE)

    evaluate()
    spent = [1e3 * seconds / EVALUATIONS_PER_REPEAT for seconds in cpu_times_s(evaluate, REPEATS)]
    note = (
        f"HEAD fitness, {DAYS} d of seeded M15 ({tape.count} bars, training and validation part), tape prepared, "
        f"mean of {len(points)} vectors; process CPU, {EVALUATIONS_PER_REPEAT} evaluations per repeat, code warm; "
        f"{spread(spent)}; the reference needs 8.0"
    )
    yield Figure(name="fitness_60d_m15_ms", value=median(spent), unit="ms", note=note)


def full_tune() -> Iterator[Figure]:
    """CPU of preparing the tape and three searches; the slower of a volatile and a stable market."""
    spent: dict[str, list[float]] = {}
    evaluations: dict[str, int] = {}
    for name, sigma in (("volatile", VOLATILE), ("stable", STABLE)):
        columns = market(sigma)

        def tune(columns: Columns = columns) -> int:
            return head_optimize(head_tape(columns, VENUE.pool_fee), VENUE).evaluations

        evaluations[name] = tune()
        spent[name] = cpu_times_s(tune, REPEATS)
    slower = max(spent, key=lambda name: median(spent[name]))
    each = ", ".join(f"{name} {evaluations[name]} evaluations {median(spent[name]):.4g} s" for name in spent)
    note = (
        f"tape of {DAYS} d of M15 prepared and 3 starts of at most 300 evaluations (reference's Nelder-Mead); {each}, "
        f"the slower counts; process CPU, compiled code warm; {spread(spent[slower])}; the reference needs 3.7"
    )
    yield Figure(name="tune_60d_cpu_s", value=median(spent[slower]), unit="s", note=note)
