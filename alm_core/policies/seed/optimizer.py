"""The reference's optimizer: one search from the warm start or the defaults, kept only if it beats the defaults."""

from dataclasses import dataclass

from alm_core.policies.seed.fitness import SeedTape, SeedVenue, fitness
from alm_core.policies.seed.nelder_mead import nelder_mead
from alm_core.policies.seed.params import DEFAULTS, Vector, vector_from_params


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOptimum:
    """Vector in force after the search and its fitness, which may be minus infinity."""

    vector: Vector
    fitness: float
    evaluations: int


def optimize(tape: SeedTape, venue: SeedVenue, warm_start: Vector | None = None) -> SeedOptimum:
    """Return the best vector found, or the defaults where it does not beat them."""
    defaults = vector_from_params(DEFAULTS)
    baseline = fitness(tape, defaults, venue)
    found = nelder_mead(lambda vector: fitness(tape, vector, venue), warm_start or defaults)
    if found.fitness <= baseline:
        return SeedOptimum(vector=defaults, fitness=baseline, evaluations=found.evaluations)
    return SeedOptimum(vector=found.best, fitness=found.fitness, evaluations=found.evaluations)
