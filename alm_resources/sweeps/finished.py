"""Finished cells on disk: one line each, checked and synced, so that a killed sweep goes on where it was.

A line is the CRC-32 of its text, a space, and a :class:`alm_core.model.sweeps.CellOutcome` as canonical JSON. A line
that does not agree with its checksum, the torn last one after a loss of power among them, counts as never written: its
cell is computed again.
"""

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

from alm_core.model.errors import InvalidInput
from alm_core.model.sweeps import CellOutcome
from alm_resources.history.payload import payload_of, value_from_payload


class FinishedCells:
    """Outcomes by identity. Use as a context: one process at a time has the file.

    Parameters
    ----------
    path
        The file; made with its folder when opened.

    Raises
    ------
    InvalidInput
        When opened, if another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise InvalidInput(
                f"{self.path}: another sweep is writing there; wait for it or name another --out"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def read(self) -> dict[str, CellOutcome]:
        """Return what is finished, by identity; the last line of an identity counts."""
        lines = self.path.read_bytes().split(b"\n")
        found = [outcome for line in lines if (outcome := _outcome_of(line, str(self.path))) is not None]
        return {outcome.cell_id: outcome for outcome in found}

    def add(self, outcome: CellOutcome) -> None:
        """Write one outcome; it is on disk when this returns."""
        text = payload_of(outcome).encode()
        # The line break in front ends a line that an earlier write left torn.
        line = b"\n%08x %s\n" % (crc32(text), text)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, f"{self.path}: only a part of a line was written")
        os.fsync(self._descriptor)


def _outcome_of(line: bytes, where: str) -> CellOutcome | None:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % crc32(text):
        return None
    try:
        return value_from_payload(CellOutcome, text.decode(), where)
    # Written by a version of this program with other fields.
    except InvalidInput:
        return None
