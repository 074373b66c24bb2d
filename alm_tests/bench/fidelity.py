"""``python -m alm_tests.bench.fidelity --home DIR``: a long demo of one pair is recorded, and lived again in the venue.

Ends as ``alm replay --simulate --json`` does: with one JSON object, and exit code 0 where all decisions are those that
were recorded and the value is within 5 bp. The demo draws no pages; nothing decides by them. A day takes four minutes.
"""

import argparse
import sys
from pathlib import Path
from unittest.mock import patch

from alm_assets.runner import run_epoch
from alm_cli.embedded import embedded_world, first_epoch_of_demo
from alm_cli.home import open_instance
from alm_cli.progress import terminal
from alm_cli.replay import run_simulation
from alm_core.model.epochs import EPOCH_LENGTH

TOLD_EPOCHS = 96


def main(arguments: list[str]) -> int:
    """Record and compare; what is recorded stays in the home."""
    parser = argparse.ArgumentParser(prog="python -m alm_tests.bench.fidelity", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where the demo is kept; what is there is deleted")
    parser.add_argument("--pair", default="WETH-USDC")
    parser.add_argument("--epochs", type=int, default=2880, help="quarter hours, by default of 30 days")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args(arguments)
    first = first_epoch_of_demo(given.epochs)
    console = terminal(stderr=True)
    with (
        patch("alm_assets.execution.report_images", return_value={}),
        embedded_world(given.home, seed=given.seed, tape=None, first_epoch_at=first, console=console) as localnet,
    ):
        instance = open_instance(given.home)
        for number in range(given.epochs):
            at = first + number * EPOCH_LENGTH
            localnet.advance_to(at)
            report = run_epoch(instance, given.pair, at).report
            if number % TOLD_EPOCHS == 0 or report.problems:
                console.print(f"{number + 1}/{given.epochs} {report.decision} {report.nav_usd} {report.problems}")
    last = first + given.epochs * EPOCH_LENGTH
    return run_simulation(given.pair, first, last, home=str(given.home), as_json=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
