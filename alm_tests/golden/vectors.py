"""Golden vectors of the reference system: the folder named by ``ALM_GOLDEN``, by default next to the repository."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from alm_core.policies.seed.candles import Columns
from alm_core.policies.seed.forces import columns_from

DEFAULT_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "golden"


def load(topic: str) -> dict[str, Any]:
    """All files of a topic as one, or a skip that says what is missing."""
    folder = Path(os.environ.get("ALM_GOLDEN", DEFAULT_FOLDER))
    paths = sorted(folder.glob(f"{topic}.*.json"))
    if not paths:
        pytest.skip(f"no {topic}.*.json in {folder}; set ALM_GOLDEN to the folder of golden vectors")
    merged: dict[str, Any] = {"cases": []}
    for path in paths:
        content = json.loads(path.read_text())
        for case in content["cases"]:
            if "series" in content and "series" in case:
                case["columns"] = columns(content["series"][str(case["series"])])
            merged["cases"].append(case)
    return merged


def columns(candles: dict[str, list[float]]) -> Columns:
    """Candle columns of a vector file."""
    return columns_from([candles[name] for name in ("ts", "o", "h", "l", "c", "v")])


def number(value: float | str) -> float:
    """A figure; non-finite ones are written as words."""
    return float(value.replace("Infinity", "inf")) if isinstance(value, str) else float(value)


def close(found: float, expected: float | str, rel: float = 1e-9, tiny: float = 1e-12) -> bool:
    """Equal within a relative tolerance, non-finite figures exactly."""
    wanted = number(expected)
    if not math.isfinite(wanted):
        return found == wanted or (math.isnan(found) and math.isnan(wanted))
    return math.isclose(found, wanted, rel_tol=rel, abs_tol=tiny)


def report(topic: str, cases: int, failed: list[str]) -> None:
    """Fail with the first differences; print the count for ``pytest -s``."""
    print(f"golden {topic}: {cases - len(failed)}/{cases}")
    assert cases > 0, f"{topic} holds no cases"
    assert not failed, f"{topic}: {len(failed)} of {cases} differ, first: {failed[:3]}"
