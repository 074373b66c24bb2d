"""Golden vectors of the reference system: the folder named by ``ALM_GOLDEN``, else next to the repository, else ours.

Files are ``<topic>.<half>.json``; every half that is there counts.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from alm_core.policies.seed.candles import Columns, columns_from

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "golden"
SELECTION = Path(__file__).resolve().parent / "data"
UNCLAIMED = ("head_allocation", "head_regime")
"""Topics that no policy here claims."""
WORDS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def folder() -> Path:
    """Where the vectors are read from."""
    named = os.environ.get("ALM_GOLDEN")
    if named:
        return Path(named)
    return BESIDE if BESIDE.is_dir() else SELECTION


def paths_of(topic: str) -> list[Path]:
    """Files of a topic, sorted by name."""
    return sorted(folder().glob(f"{topic}.*.json"))


def load(topic: str) -> list[dict[str, Any]]:
    """Cases of all files of a topic, or a skip that says what is missing. A case's series is under ``columns``."""
    paths = paths_of(topic)
    if not paths:
        pytest.skip(f"no {topic}.*.json in {folder()}; ALM_GOLDEN names the folder of golden vectors")
    cases: list[dict[str, Any]] = []
    for path in paths:
        content = numbers(json.loads(path.read_text()))
        series = {name: columns(rows) for name, rows in content.get("series", {}).items()}
        for case in content["cases"]:
            if "series" in case:
                case["columns"] = series[str(case["series"])]
            cases.append(case)
    return cases


def columns(candles: dict[str, list[float]]) -> Columns:
    """Candle columns of a vector file."""
    return columns_from([candles[name] for name in ("ts", "o", "h", "l", "c", "v")])


def numbers(value: Any) -> Any:
    """The value with non-finite figures, which are written as words, as floats."""
    if isinstance(value, str):
        return WORDS.get(value, value)
    if isinstance(value, list):
        return [numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: numbers(item) for name, item in value.items()}
    return value


def close(found: float, wanted: float, rel: float = 1e-9, tiny: float = 1e-12) -> bool:
    """Equal within a relative tolerance, non-finite figures exactly."""
    if not math.isfinite(wanted):
        return found == wanted or (math.isnan(found) and math.isnan(wanted))
    return math.isclose(found, wanted, rel_tol=rel, abs_tol=tiny)
