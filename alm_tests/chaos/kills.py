"""Totals of a run of the kill suite as one JSON line: ``python -m alm_tests.chaos.kills FOLDER``."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECOVERY_LIMIT_S = 30.0
SUMMED = ("kills", "lost", "duplicated", "rounds", "given_up", "boundaries", "visited")


def totals(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sum the lines that tests left."""
    recovery_s = sorted(seconds for line in lines for seconds in line["recovery_s"])
    summed = {name: sum(line[name] for line in lines) for name in SUMMED}
    halted = Counter[str]()
    for line in lines:
        halted.update(line["halted"])
    return {
        **summed,
        "missed": sum(len(line["missed"]) for line in lines),
        "halted": halted.total(),
        "halted_most": halted.most_common(3),
        "recovery_p50_s": _quantile(recovery_s, 0.5),
        "recovery_p99_s": _quantile(recovery_s, 0.99),
        "recovery_max_s": _quantile(recovery_s, 1.0),
        "by_test": {line["test"]: line["kills"] for line in lines},
    }


def _quantile(ordered: Sequence[float], part: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def main(folder: Path) -> int:
    """Print the totals; 1 where something was lost or doubled, or recovering took too long."""
    line = totals([json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))])
    print(json.dumps(line))
    slowest = line["recovery_p99_s"]
    bad = line["lost"] or line["duplicated"] or slowest is None or slowest > RECOVERY_LIMIT_S
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
