"""Mutation score of the safety core: ``python -m alm_tests.mutants [MODULE...] [--tests PATH...]``.

``ALM_MUTANTS`` is how many faults are tried (a seeded choice, in proportion to what each module has), or ``all``.
Faults that ``equivalents.toml`` names are left out: each says there why nobody could see it.
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

from alm_tests.mutants.equivalents import without_equivalents
from alm_tests.mutants.loading import ROOT
from alm_tests.mutants.operators import Mutant, mutants_of
from alm_tests.mutants.running import SLOW, SURVIVED, Verdict, verdicts
from alm_tests.mutants.safety_core import modules_and_tests

LIBRARIES = (eth_account, hypothesis, numba, redis, scipy.stats, sqlalchemy.orm, web3)
"""Imported once, here: no fork has to do it again. Nothing of the project is."""
LEAST_SCORE_FRAC = 0.9
LEAST_OF_A_MODULE = 6
SEED = 20261127
REPORT = ROOT / ".alm" / "mutants.json"


def main(names: Sequence[str]) -> int:
    """Try the faults, print a table and the survivors, and leave a report."""
    os.chdir(ROOT)
    count = os.environ.get("ALM_MUTANTS", "600")
    jobs = int(os.environ.get("ALM_MUTANTS_JOBS", str(os.cpu_count() or 1)))
    names, given = names[: names.index("--tests")] if "--tests" in names else names, _after("--tests", names)
    tests = {name: given or own for name, own in modules_and_tests(ROOT).items() if not names or name in names}
    every = {name: without_equivalents(mutants_of(name, (ROOT / name).read_text())) for name in tests}
    tried = _sample(every, None if count == "all" else int(count))
    began, told, failed = time.monotonic(), list[Verdict](), list[str]()
    with tempfile.TemporaryDirectory(prefix="alm-mutants-") as folder:
        for number, own in enumerate(dict.fromkeys(tests.values())):
            mutants = [mutant for name, some in tried.items() if tests[name] == own for mutant in some]
            try:
                told += verdicts(mutants, own, Path(folder) / str(number), jobs) if mutants else []
            except RuntimeError as error:  # said now, and at the end: the other lists are tried all the same
                failed.append(str(error).splitlines()[0])
                print(error, file=sys.stderr)
            print(f"{len(told)} tried after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    enough = _report(told, every, time.monotonic() - began)
    print("\n".join(failed), file=sys.stderr)
    return 0 if enough and not failed else 1


def _after(word: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[names.index(word) + 1 :]) if word in names else ()


def _sample(every: dict[str, tuple[Mutant, ...]], count: int | None) -> dict[str, tuple[Mutant, ...]]:
    total = sum(len(mutants) for mutants in every.values())
    if count is None or count >= total:
        return every
    return {
        name: tuple(
            # Of each module by itself: a change of one module leaves the choice of the others as it is.
            random.Random(f"{SEED} {name}").sample(
                mutants, min(len(mutants), max(LEAST_OF_A_MODULE, round(count * len(mutants) / total)))
            )
        )
        for name, mutants in every.items()
        if mutants
    }


def _report(told: Sequence[Verdict], every: dict[str, tuple[Mutant, ...]], seconds: float) -> bool:
    rows: list[dict[str, object]] = []
    print(f"{'module':<48}{'faults':>8}{'tried':>7}{'killed':>8}{'score':>7}")
    for name, mutants in every.items():
        own = [one for one in told if one.mutant.module == name]
        killed = sum(one.outcome != SURVIVED for one in own)
        score_frac = killed / len(own) if own else 1.0
        print(f"{name:<48}{len(mutants):>8}{len(own):>7}{killed:>8}{score_frac:>7.0%}")
        rows.append({"module": name, "mutants": len(mutants), "tried": len(own), "killed": killed})
    survivors = sorted(
        (one.mutant for one in told if one.outcome == SURVIVED), key=lambda mutant: (mutant.module, mutant.line)
    )
    for mutant in survivors:
        print(f"survived {mutant}")
    score_frac = 1 - len(survivors) / len(told) if told else 1.0
    line = {
        "mutants": sum(len(own) for own in every.values()),
        "tried": len(told),
        "survived": len(survivors),
        "by_time": sum(one.outcome == SLOW for one in told),
        "score": round(score_frac, 4),
        "seconds": round(seconds),
    }
    print(json.dumps(line))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({**line, "modules": rows, "survivors": [str(one) for one in survivors]}, indent=1))
    return score_frac >= LEAST_SCORE_FRAC


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
