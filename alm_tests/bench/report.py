"""``python -m alm_tests.bench.report [--policy NAME] [--days N] [--out FOLDER]``: the report of a recorded pool.

The backtest is the scoreboard's: the recorded Polygon pool, 20 days of history before the first epoch, parameters
searched anew once a day. Written are ``backtest-<policy>.html`` and its figures at half size.
"""

import argparse
import json
import os
import time
from pathlib import Path

from alm_assets.reports import backtest_figures, backtest_page
from alm_assets.reports.drawing import half_size
from alm_core.backtest.run import summary_of
from alm_tests.bench.scoreboard.run import epochs_of
from alm_tests.bench.scoreboard.tapes import polygon
from alm_tests.core.backtest.tape_snapshot import POOL

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run the backtest and write its report."""
    chosen = _arguments()
    started = time.process_time()
    tape = polygon(Path(os.environ.get("ALM_REFERENCE_DATA", ROOT.parent / "shared" / "data")))
    epochs = list(epochs_of(tape, chosen.policy, chosen.days))
    summary = summary_of(epochs, time.process_time() - started)
    names = {POOL.pool_id: "Uniswap V3 5 bps, Polygon"}
    figures = backtest_figures(epochs, names=names)
    chosen.out.mkdir(parents=True, exist_ok=True)
    page = chosen.out / f"backtest-{chosen.policy}.html"
    page.write_text(backtest_page(epochs, summary, names=names, figures=figures))
    for name, png in figures.items():
        (chosen.out / f"backtest-{chosen.policy}-{name}.png").write_bytes(half_size(png))
    drawn_s = time.process_time() - started - summary.seconds
    print(
        json.dumps({"page": str(page), "bytes": page.stat().st_size, "epochs": len(epochs), "drawing_cpu_s": drawn_s})
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m alm_tests.bench.report", description=__doc__)
    parser.add_argument("--policy", default="default")
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "reports")
    return parser.parse_args()


if __name__ == "__main__":
    main()
