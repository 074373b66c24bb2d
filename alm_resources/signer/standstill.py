"""The signer's own switch: one file that stops signatures, or lets only withdrawals through.

Whoever may connect to the signer can set it and make it stricter. Only a person with access to the signer's folder
can take it away. Its first word tells the mode; anything that is not ``withdraw_only``, an empty file too, is a halt.
"""

import os
from pathlib import Path

from alm_core.model.books import StandstillMode
from alm_core.model.errors import SignerRefused


class SignerSwitch:
    """The file, read anew before each signature.

    Parameters
    ----------
    path
        Need not exist; ``None`` for a signer without a switch of its own.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> tuple[StandstillMode, str] | None:
        """Return mode and reason, or ``None`` where nothing stands still. A file that cannot be read is a halt."""
        if self._path is None:
            return None
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            return "halt", f"{self._path} cannot be read: {type(error).__name__}"
        word, _, reason = text.partition(":")
        mode: StandstillMode = "withdraw_only" if word.strip() == "withdraw_only" else "halt"
        return mode, reason.strip() or "no reason given"

    def set(self, mode: StandstillMode, reason: str) -> StandstillMode:
        """Stop signatures, durably; a halt stays a halt. Returns the mode in force.

        Raises
        ------
        SignerRefused
            If the file cannot be written: the caller must not believe that the signer stands still.
        """
        standing = self.read()
        if self._path is None:
            raise SignerRefused("signer_halt: this signer has no switch of its own")
        if standing is not None and (standing[0] == "halt" or mode == "withdraw_only"):
            return standing[0]
        line = " ".join(reason.split())[:200]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = self._path.with_suffix(".new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{mode}: {line}\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise SignerRefused(f"signer_halt: {self._path} cannot be written: {type(error).__name__}") from error
        return mode

    def lift(self) -> bool:
        """Take the standstill away; whether there was one."""
        if self._path is None or not self._path.exists():
            return False
        self._path.unlink()
        return True
