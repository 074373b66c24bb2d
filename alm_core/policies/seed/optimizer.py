"""The reference's optimizer: one search from the warm start or the defaults, kept only if it beats the defaults."""

from dataclasses import dataclass

from alm_core.policies.seed.fitness import SeedTape, SeedVenue, fitness
from alm_core.policies.seed.nelder_mead import nelder_mead
from alm_core.policies.seed.params import DEFAULTS, Vector, vector_from_params


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOptimum:
    """Vector in force after the search, its fitness and that of the defaults; both may be minus infinity."""

    vector: Vector
    fitness: float
    default_fitness: float
    evaluations: int


def optimize(tape: SeedTape, venue: SeedVenue, warm_start: Vector | None = None) -> SeedOptimum:
    """Return the best vector found, or the defaults where it does not beat them.

    It is judged on the validation part, which is what the search maximised: selection on validation.
    """
    defaults = vector_from_params(DEFAULTS)
    baseline = fitness(tape, defaults, venue)
    found = nelder_mead(lambda vector: fitness(tape, vector, venue), warm_start or defaults)
    kept = (defaults, baseline) if found.fitness <= baseline else (found.best, found.fitness)
    return SeedOptimum(vector=kept[0], fitness=kept[1], default_fitness=baseline, evaluations=found.evaluations)
