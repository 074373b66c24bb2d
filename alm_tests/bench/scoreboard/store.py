"""Scores on disk, one JSON file per tape and policy: a run that was stopped goes on from them."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from alm_tests.bench.scoreboard.run import Score

ROOT = Path(__file__).resolve().parents[3]
CODE = ("alm_core", "alm_tests/bench/scoreboard")
DRAWN = ("page.py", "figure.py", "statistics.py", "decisions.py", "stress.py", "store.py", "__main__.py")
"""Files of the scoreboard that read scores and make none."""
SNAPSHOTS = "alm_tests/core/backtest/tape_snapshot.py"


def code_hash() -> str:
    """Return a short hash of all code that makes scores: scores of other code are not taken for its own."""
    digest = hashlib.sha256()
    core, scoreboard = (sorted((ROOT / folder).rglob("*.py")) for folder in CODE)
    for path in (*core, *(path for path in scoreboard if path.name not in DRAWN), ROOT / SNAPSHOTS):
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class ScoreStore:
    """Scores of one version of the code and one length of tapes.

    Parameters
    ----------
    folder
        Where versions have a folder each, outside the repository.
    days
        Scored days of every tape; ``None`` for all.
    """

    def __init__(self, folder: Path, days: int | None) -> None:
        self._folder = folder / f"{code_hash()}-{'all' if days is None else days}"

    def known(self, tape: str, policy: str) -> Score | None:
        """Return a stored score; ``None`` if there is none."""
        path = self._path(tape, policy)
        if not path.is_file():
            return None
        fields = json.loads(path.read_text())
        nav = [np.nan if one is None else one for one in fields.pop("nav_usd")]
        return Score(**fields | {"nav_usd": np.array(nav), "earned_usd": np.array(fields["earned_usd"])})

    def keep(self, score: Score) -> None:
        """Store a score; half a file is never seen."""
        path = self._path(score.tape, score.policy)
        path.parent.mkdir(parents=True, exist_ok=True)
        nav = [None if np.isnan(one) else float(one) for one in score.nav_usd]
        begun = path.with_suffix(f".{os.getpid()}")
        begun.write_text(json.dumps({**asdict(score), "nav_usd": nav, "earned_usd": score.earned_usd.tolist()}))
        begun.replace(path)

    def _path(self, tape: str, policy: str) -> Path:
        name = "".join(letter if letter.isalnum() else "_" for letter in tape)
        return self._folder / f"{name}__{policy}.json"
