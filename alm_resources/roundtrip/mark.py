"""A note on disk while a pool may hold something of a round trip: whose it is, and which positions were there before.

Written before anything is opened and removed when everything is proven closed: a run that was killed is found again.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Positions that are none of a round trip's.

    Parameters
    ----------
    wallet
        Who opened.
    before
        Token ids of the positions that the wallet held in the pool before.
    """

    wallet: str
    before: tuple[int, ...]


class MarkFile:
    """The note about one pool in a home folder."""

    def __init__(self, home: Path, pool: Pool) -> None:
        self._path = home / f"open-{pool.chain_id}-{pool.address}.json"

    def read(self) -> Mark | None:
        """Return the note of an earlier run; ``None`` where none is left.

        Raises
        ------
        ConfigError
            If the file is not such a note.
        """
        try:
            found: Any = json.loads(self._path.read_text(encoding="utf-8"))
            return Mark(
                wallet=str(found["wallet"]), before=tuple(int(one) for one in cast("list[Any]", found["before"]))
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self._path}: is no note of a round trip ({type(error).__name__})") from error

    def write(self, mark: Mark) -> None:
        """Write the note; it is on disk when this returns."""
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(asdict(mark), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self) -> None:
        """Remove the note."""
        self._path.unlink(missing_ok=True)
