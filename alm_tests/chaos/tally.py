"""What the kills of one test came to."""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    """Counts of one test."""

    name: str
    kills: int = 0
    lost: int = 0
    duplicated: int = 0
    boundaries: int = 0
    rounds: int = 0
    given_up: int = 0
    """Plans left half done to the next epoch."""
    halted: Counter[str] = field(default_factory=Counter)
    """Plans that a re-run could not finish, by way and reason: what lies idle is for the next epoch to place."""
    recovery_s: list[float] = field(default_factory=list)
    killed_at: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    """Boundaries that did not come up again."""

    def write(self) -> None:
        """Leave a line for the summary of the run, and print it."""
        line = {
            "test": self.name,
            "kills": self.kills,
            "boundaries": self.boundaries,
            "visited": len(self.killed_at),
            "missed": self.missed,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "rounds": self.rounds,
            "given_up": self.given_up,
            "halted": dict(self.halted),
            "recovery_s": [round(seconds, 3) for seconds in self.recovery_s],
        }
        folder = os.environ.get("ALM_KILLS_DIR")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{self.name}.json").write_text(json.dumps(line))
        slowest = max(self.recovery_s, default=0.0)
        print(json.dumps({**line, "recovery_s": f"max {slowest:.2f} of {len(self.recovery_s)}"}))
