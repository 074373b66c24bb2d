"""``python -m alm_tests.bench.scoreboard [--days N] [--tapes N] [--out FOLDER]``: makes docs/results/scoreboard.md.

Resumable: every score is kept in the cache folder as soon as it is known.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from alm_tests.bench.scoreboard.figure import figure
from alm_tests.bench.scoreboard.page import page
from alm_tests.bench.scoreboard.run import SCORED, Score, run_policy
from alm_tests.bench.scoreboard.store import ROOT, ScoreStore, code_hash
from alm_tests.bench.scoreboard.tapes import ScoreTape, tapes


def main() -> int:
    """Run what was not run yet and write page and figure."""
    arguments = _arguments()
    folder = Path(os.environ.get("ALM_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    chosen = list(tapes(folder))[: arguments.tapes]
    store = ScoreStore(arguments.cache, arguments.days)
    scores = _scores(chosen, store, arguments.days, arguments.processes)
    if arguments.scores_only:
        return 0
    (arguments.out / "images").mkdir(parents=True, exist_ok=True)
    figure(scores, arguments.out / "images" / "scoreboard.png")
    (arguments.out / "scoreboard.md").write_text(page(chosen, scores, _made(arguments)))
    cpu_s = sum(one.cpu_s for one in scores)
    print(json.dumps({"tapes": len(chosen), "epochs": sum(one.nav_usd.size for one in scores), "cpu_s": cpu_s}))
    return 0


def _scores(chosen: Sequence[ScoreTape], store: ScoreStore, days: int | None, processes: int) -> list[Score]:
    """Scores of every tape and policy, those of a tape together."""
    found: list[Score] = []
    with ProcessPoolExecutor(processes) as pool:
        for number, tape in enumerate(chosen, 1):
            stored = {policy: store.known(tape.name, policy) for policy in SCORED}
            missing = [policy for policy, score in stored.items() if score is None]
            count = len(missing)
            for score in pool.map(run_policy, [tape] * count, missing, [days] * count):
                store.keep(score)
                stored[score.policy] = score
            found += [score for score in stored.values() if score is not None]
            print(f"{number}/{len(chosen)} {tape.name}: {count} run", file=sys.stderr, flush=True)
    return found


def _made(arguments: argparse.Namespace) -> str:
    asked = "".join(
        f" --{name} {value}" for name in ("days", "tapes") if (value := getattr(arguments, name)) is not None
    )
    return f"{arguments.date} by `python -m alm_tests.bench.scoreboard{asked}` at {arguments.code or code_hash()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m alm_tests.bench.scoreboard", description=__doc__)
    parser.add_argument("--days", type=int, default=None, help="scored days of every tape (all)")
    parser.add_argument("--tapes", type=int, default=None, help="only the first tapes (all)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "alm" / "scoreboard")
    parser.add_argument("--date", default="", help="printed on the page")
    parser.add_argument("--code", default="", help="version printed on the page (a hash of the code)")
    parser.add_argument("--scores-only", action="store_true", help="leave page and figure as they are")
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    sys.exit(main())
