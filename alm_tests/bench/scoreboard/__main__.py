"""``python -m alm_tests.bench.scoreboard [--days N] [--tapes N] [--out FOLDER]``: makes docs/results.md."""

import argparse
import json
import logging
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from alm_tests.bench.scoreboard.page import figure, page
from alm_tests.bench.scoreboard.run import Run, run_tape
from alm_tests.bench.scoreboard.tapes import tapes

ROOT = Path(__file__).resolve().parents[3]


def main() -> int:
    """Run every tape and write page, figure and raw scores."""
    arguments = _arguments()
    folder = Path(os.environ.get("ALM_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    chosen = list(tapes(folder))[: arguments.tapes]
    runs: list[Run] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for number, run in enumerate(pool.map(run_tape, chosen, [arguments.days] * len(chosen)), 1):
            runs.append(run)
            print(f"{number}/{len(chosen)} {run.scores[0].tape}: {run.cpu_s:.0f} s CPU", file=sys.stderr, flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "images").mkdir(exist_ok=True)
    figure(runs, arguments.out / "images" / "scoreboard.png")
    (arguments.out / "results.md").write_text(page(chosen, runs))
    print(json.dumps({"tapes": len(runs), "epochs": sum(r.epochs for r in runs), "cpu_s": sum(r.cpu_s for r in runs)}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m alm_tests.bench.scoreboard", description=__doc__)
    parser.add_argument("--days", type=int, default=None, help="scored days of every tape (all)")
    parser.add_argument("--tapes", type=int, default=None, help="only the first tapes (all)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    sys.exit(main())
