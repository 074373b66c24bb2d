"""``python -m alm_tests.bench [NAME ...]``: one JSON line per figure on stdout, everything else on stderr."""

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence

from alm_tests.bench.figure import Figure


def core() -> Iterator[Figure]:
    from alm_tests.bench.core_epoch import epoch_core

    return epoch_core()


def fitness() -> Iterator[Figure]:
    from alm_tests.bench.core_epoch import fitness as measured

    return measured()


def allocation() -> Iterator[Figure]:
    from alm_tests.bench.allocation import allocation as measured

    return measured()


def decision() -> Iterator[Figure]:
    from alm_tests.bench.decision import decision as measured

    return measured()


def allocation_residual() -> Iterator[Figure]:
    from alm_tests.bench.allocation import worst_residual

    return worst_residual()


def dagster() -> Iterator[Figure]:
    from alm_tests.bench.dagster_epoch import dagster_overhead

    return dagster_overhead()


def world() -> Iterator[Figure]:
    from alm_tests.bench.local_world import localnet

    return localnet()


def full_exit() -> Iterator[Figure]:
    from alm_tests.bench.full_exit import full_exit as measured

    return measured()


def consensus() -> Iterator[Figure]:
    from alm_tests.bench.consensus import consensus_of_30_days

    return consensus_of_30_days()


def candle_sources() -> Iterator[Figure]:
    from alm_tests.bench.candle_sources import candle_sources as measured

    return measured()


def snapshots() -> Iterator[Figure]:
    from alm_tests.bench.snapshot_world import snapshots as measured

    return measured()


def reference_fitness() -> Iterator[Figure]:
    from alm_tests.bench.reference_fitness import one_evaluation

    return one_evaluation()


def reference_tune() -> Iterator[Figure]:
    from alm_tests.bench.reference_fitness import full_tune

    return full_tune()


def default_fitness() -> Iterator[Figure]:
    from alm_tests.bench.optimizer import fitness_60d

    return fitness_60d()


def default_tune() -> Iterator[Figure]:
    from alm_tests.bench.optimizer import tune_60d

    return tune_60d()


def sweep() -> Iterator[Figure]:
    from alm_tests.bench.optimizer import lanes

    return lanes()


def random_walks() -> Iterator[Figure]:
    from alm_tests.bench.optimizer import random_walks as measured

    return measured()


def minutes_policy() -> Iterator[Figure]:
    from alm_tests.bench.minutes import policy_of_a_year

    return policy_of_a_year()


def minutes_forces() -> Iterator[Figure]:
    from alm_tests.bench.minutes import forces_of_a_year

    return forces_of_a_year()


def minutes_memory() -> Iterator[Figure]:
    from alm_tests.bench.minutes import memory_of_a_year

    return memory_of_a_year()


def minutes_compilation() -> Iterator[Figure]:
    from alm_tests.bench.minutes import compilation

    return compilation()


def minutes_demeter() -> Iterator[Figure]:
    from alm_tests.bench.demeter_peer import against_demeter

    return against_demeter()


def backtest_fixed() -> Iterator[Figure]:
    from alm_tests.bench.backtest import fixed

    return fixed()


def backtest_retuned() -> Iterator[Figure]:
    from alm_tests.bench.backtest import retuned

    return retuned()


def backtest_demeter() -> Iterator[Figure]:
    from alm_tests.bench.backtest import against_demeter

    return against_demeter()


BENCHES: dict[Callable[[], Iterator[Figure]], tuple[str, ...]] = {
    core: ("epoch_core_cpu_s",),
    fitness: ("fitness_evaluation_cpu_s", "fitness_speed_ratio_vs_python"),
    reference_fitness: ("fitness_60d_m15_ms",),
    reference_tune: ("tune_60d_cpu_s",),
    default_fitness: ("default_fitness_60d_ms", "default_fitness_compile_cpu_s"),
    default_tune: ("default_tune_60d_cpu_s",),
    sweep: ("sweep_1024_bars_per_cpu_s",),
    random_walks: ("random_walks_kept_frac", "random_walks_best_kept_frac", "random_walks_rich_kept_frac"),
    allocation: ("allocation_survey_ms", "allocation_fill_ms", "allocation_fill_capped_ms"),
    allocation_residual: ("allocation_worst_residual",),
    decision: ("plan_hold_ms", "plan_counterfactual_ms"),
    minutes_policy: ("simulate_1y_m1_ms",),
    minutes_demeter: ("simulate_vs_demeter_ratio",),
    minutes_forces: ("forces_35040_epochs_cpu_s",),
    minutes_memory: ("simulate_peak_memory_ratio_365d_vs_60d",),
    minutes_compilation: ("compile_s", "compile_cached_s"),
    backtest_fixed: ("backtest_1y_fixed_s", "backtest_memory_mb_per_year"),
    backtest_demeter: ("backtest_vs_demeter_ratio",),
    backtest_retuned: ("backtest_1y_retuned_cpu_s",),
    dagster: ("dagster_overhead_cpu_s_per_epoch",),
    consensus: ("consensus_30d_cpu_seconds", "consensus_speed_ratio_vs_python"),
    candle_sources: ("candles_30d_six_sources_seconds",),
    snapshots: ("snapshot_41_pools_seconds", "snapshot_http_calls", "snapshot_rpc_calls"),
    world: ("localnet_start_s", "localnet_start_cpu_s", "localnet_advance_epoch_s"),
    full_exit: ("exit_all_s", "exit_all_look_s"),
}
NAMES = tuple(name for names in BENCHES.values() for name in names)


def main(wanted: Sequence[str]) -> int:
    """Print the figures that were asked for, all without names."""
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        print(f"no figure {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    out, asked = sys.stdout, set(wanted) or set(NAMES)
    for bench, names in BENCHES.items():
        if asked.isdisjoint(names):
            continue
        with contextlib.redirect_stdout(sys.stderr):
            figures = [figure for figure in bench() if figure.name in asked]
        for figure in figures:
            print(figure.line(), file=out, flush=True)
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    sys.exit(main(sys.argv[1:]))
