"""What a signer must remember: the largest fence, what each nonce was signed for, and when it signed.

It is durable before a signature exists: a signer that was killed and started again refuses what it refused before.
"""

import fcntl
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, cast

from alm_core.model.errors import SignerRefused

KEPT_NONCES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceUse:
    """What a nonce was last signed for: digest of the payload (empty for a noop only), and under which fence."""

    digest: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRecord:
    """Memory of one wallet on one chain. ``signed_at`` are seconds since 1970 within the last hour."""

    fence: int = 0
    nonces: Mapping[int, NonceUse] = field(default_factory=dict[int, NonceUse])
    signed_at: tuple[float, ...] = ()

    @property
    def last_nonce(self) -> int:
        """Largest nonce that was ever signed; -1 before the first."""
        return max(self.nonces, default=-1)


Step = Callable[[WalletRecord], WalletRecord]


class SigningState(Protocol):
    """Where records are kept."""

    def change(self, wallet: str, chain_id: int, step: Step) -> None:
        """Replace a record by what ``step`` makes of it, durably, while nobody else can; ``step`` may refuse.

        Raises
        ------
        SignerRefused
            If ``step`` does, or the record cannot be read or stored.
        """
        ...


class MemoryState:
    """Records of one process, gone with it."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, int], WalletRecord] = {}
        self._lock = Lock()

    def change(self, wallet: str, chain_id: int, step: Step) -> None:
        """Replace a record."""
        key = (wallet.lower(), chain_id)
        with self._lock:
            self._records[key] = step(self._records.get(key, WalletRecord()))


class FileState:
    """Records in one small file, replaced atomically and synced; several processes may share it.

    Parameters
    ----------
    path
        File; its folder is made with mode 0700. A file that cannot be read is refused, never taken for none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def change(self, wallet: str, chain_id: int, step: Step) -> None:
        """Replace a record; :class:`SignerRefused` (``signer_state``) if it cannot be read or made durable."""
        key = f"{wallet.lower()}:{chain_id}"
        try:
            with self._locked():
                records = self._load()
                records[key] = _plain(step(_record(records.get(key, {}))))
                self._store(records)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignerRefused(f"signer_state: {self._path} cannot be kept: {type(error).__name__}") from error

    @contextmanager
    def _locked(self) -> Generator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _load(self) -> dict[str, Any]:
        try:
            content: Any = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {**cast("dict[str, Any]", content)}

    def _store(self, records: Mapping[str, Any]) -> None:
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(records, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _plain(record: WalletRecord) -> dict[str, Any]:
    return {
        "fence": record.fence,
        "nonces": {str(nonce): [use.digest, use.fence] for nonce, use in record.nonces.items()},
        "signed_at": record.signed_at,
    }


def _record(plain: Mapping[str, Any]) -> WalletRecord:
    if not plain:
        return WalletRecord()
    return WalletRecord(
        fence=int(plain["fence"]),
        nonces={
            int(nonce): NonceUse(digest=str(digest), fence=int(fence))
            for nonce, (digest, fence) in plain["nonces"].items()
        },
        signed_at=tuple(float(moment) for moment in plain["signed_at"]),
    )
