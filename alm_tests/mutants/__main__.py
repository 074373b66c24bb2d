"""Mutation score of the safety core: ``python -m alm_tests.mutants [MODULE...] [--tests PATH...]``.

``ALM_MUTANTS`` is how many faults are tried (a seeded choice, in proportion to what each module has), or ``all``.
"""

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import eth_account
import hypothesis
import numba
import redis
import scipy.stats
import sqlalchemy.orm
import web3

from alm_tests.mutants.loading import ROOT
from alm_tests.mutants.operators import Mutant, mutants_of
from alm_tests.mutants.running import SURVIVED, Verdict, time_of, verdicts
from alm_tests.mutants.safety_core import modules_and_tests

LIBRARIES = (eth_account, hypothesis, numba, redis, scipy.stats, sqlalchemy.orm, web3)
"""Imported once, here: no fork has to do it again. Nothing of the project is."""
LEAST_SCORE_FRAC = 0.9
SEED = 20261125
REPORT = ROOT / ".alm" / "mutants.json"


def main(names: Sequence[str]) -> int:
    """Try the faults, print a table and the survivors, and leave a report."""
    os.chdir(ROOT)
    count = os.environ.get("ALM_MUTANTS", "600")
    jobs = int(os.environ.get("ALM_MUTANTS_JOBS", str(os.cpu_count() or 1)))
    names, given = names[: names.index("--tests")] if "--tests" in names else names, _after("--tests", names)
    tests = {name: given or own for name, own in modules_and_tests(ROOT).items() if not names or name in names}
    every = {name: mutants_of(name, (ROOT / name).read_text()) for name in tests}
    tried = _sample(every, None if count == "all" else int(count))
    told: dict[str, list[Verdict]] = {}
    with tempfile.TemporaryDirectory(prefix="alm-mutants-") as folder:
        right_s: dict[tuple[str, ...], float] = {}
        for name, mutants in tried.items():
            own = tests[name]
            if own not in right_s and own:
                right_s[own] = time_of(own, Path(folder))
            began = time.monotonic()
            told[name] = verdicts(mutants, own, right_s[own], Path(folder), jobs) if own else []
            print(f"{name}: {len(mutants)} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return _report(told, every, {name: tried[name] for name in tried if not tests[name]})


def _after(word: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[names.index(word) + 1 :]) if word in names else ()


def _sample(every: dict[str, tuple[Mutant, ...]], count: int | None) -> dict[str, tuple[Mutant, ...]]:
    total = sum(len(mutants) for mutants in every.values())
    if count is None or count >= total:
        return every
    chosen = random.Random(SEED)
    return {
        name: tuple(chosen.sample(mutants, min(len(mutants), max(1, round(count * len(mutants) / total)))))
        for name, mutants in every.items()
        if mutants
    }


def _report(
    told: dict[str, list[Verdict]], every: dict[str, tuple[Mutant, ...]], untested: dict[str, tuple[Mutant, ...]]
) -> int:
    survivors = [one.mutant for own in told.values() for one in own if one.outcome == SURVIVED]
    survivors += [mutant for own in untested.values() for mutant in own]
    print(f"{'module':<48}{'faults':>8}{'tried':>7}{'killed':>8}{'score':>7}")
    for name, own in told.items():
        killed = sum(one.outcome != SURVIVED for one in own)
        tried = len(own) or len(untested.get(name, ()))
        print(f"{name:<48}{len(every[name]):>8}{tried:>7}{killed:>8}{killed / tried if tried else 1:>7.0%}")
    for mutant in sorted(survivors, key=lambda one: (one.module, one.line)):
        print(f"survived {mutant}")
    tried = sum(len(own) for own in told.values()) + sum(len(own) for own in untested.values())
    score_frac = 1 - len(survivors) / tried if tried else 1.0
    line = {
        "mutants": sum(len(own) for own in every.values()),
        "tried": tried,
        "survived": len(survivors),
        "score": round(score_frac, 4),
    }
    print(json.dumps(line))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({**line, "survivors": [str(one) for one in survivors]}, indent=1))
    return 0 if score_frac >= LEAST_SCORE_FRAC else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
