"""What a bench prints, and the clocks it reads."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number; ``note`` says of what, how often, and what the clock includes."""

    name: str
    value: float
    unit: str
    note: str

    def line(self) -> str:
        """The figure as a line of JSON."""
        return json.dumps({**asdict(self), "value": float(f"{self.value:.4g}")})


def cpu_times_s(work: Callable[[], object], repeats: int) -> list[float]:
    """CPU seconds of this process, all threads, for each of the repeats."""
    spent: list[float] = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return spent


def cpu_s_with_children() -> float:
    """CPU seconds so far of this process, of its ended children and of every living descendant."""
    here = psutil.Process()
    total = sum(here.cpu_times()[:4])
    for child in here.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue  # it ended since: its parent has it now
    return total


def spread(values: Sequence[float]) -> str:
    """The repeats behind a median, for its note."""
    return f"median of {len(values)}, {min(values):.4g} to {max(values):.4g}"


def median(values: Sequence[float]) -> float:
    """The middle of the repeats."""
    return statistics.median(values)
