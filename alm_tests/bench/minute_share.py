"""``python -m alm_tests.bench.minute_share --days N --mode hold|reset --width-ticks W``: one JSON object.

10,000 USDC in the recorded pool, by the rules of demeter 1.3.0: ``final`` is their value in USDC at the end.
"""

import argparse
import json
import statistics
import sys
import time

from alm_core.model.errors import InvalidInput
from alm_core.simulation.minute_run import MinuteRun, simulate_fixed
from alm_core.simulation.minute_sources import minutes_from_swaps
from alm_core.simulation.minutes import MinuteMarket
from alm_tests.core.simulation.recorded_pool import COSTS, DAYS, POOL, START, recorded_swaps

REPEATS = 5


def share(market: MinuteMarket, width_ticks: int, *, reset: bool) -> MinuteRun:
    """The run by demeter's rules.

    Raises
    ------
    InvalidInput
        If it cannot be simulated, with the reason.
    """
    found = simulate_fixed(market, START, COSTS, width_ticks, reset=reset, as_demeter=True)
    if not found.success:
        raise InvalidInput(found.reason)
    return found


def measured(days: int, width_ticks: int, *, reset: bool) -> dict[str, float]:
    """Final value, rebalances, and CPU seconds of the simulation alone: compiled before, minutes prepared before."""
    if not 1 <= days <= DAYS:
        raise InvalidInput(f"--days {days}: the recorded data holds 1 to {DAYS}")
    market = minutes_from_swaps(POOL, recorded_swaps(), days * 1440)
    found = share(market, width_ticks, reset=reset)
    spent: list[float] = []
    for _ in range(REPEATS):
        before = time.process_time()
        share(market, width_ticks, reset=reset)
        spent.append(time.process_time() - before)
    return {"final": found.final, "rebalances": found.rebalances, "cpu_s": statistics.median(spent)}


def main(arguments: list[str]) -> int:
    """Print the object; 2 and a message on stderr where arguments or data are wrong."""
    parser = argparse.ArgumentParser(prog="python -m alm_tests.bench.minute_share", description=__doc__)
    parser.add_argument("--days", type=int, required=True, help=f"whole days from the first one on, 1 to {DAYS}")
    parser.add_argument("--mode", choices=("hold", "reset"), required=True)
    parser.add_argument("--width-ticks", type=int, required=True, help="ticks on either side of the current one")
    given = parser.parse_args(arguments)
    try:
        print(json.dumps(measured(given.days, given.width_ticks, reset=given.mode == "reset")))
    except InvalidInput as problem:
        print(f"minute_share: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
