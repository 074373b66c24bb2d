"""The signer's socket: mode 0600, known users only, one request and one answer per connection."""

import os
import socket
import socketserver
import struct
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from alm_core.model.errors import ConfigError
from alm_resources.signer.wire import MAX_MESSAGE_BYTES, line_of

REQUEST_TIMEOUT_S = 5.0
_CREDENTIALS = "3i"


class _Handler(socketserver.StreamRequestHandler):
    timeout = REQUEST_TIMEOUT_S

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, SignerServer)
        if server.knows(self.connection):
            try:
                self.wfile.write(line_of(server.answer(self.rfile.readline(MAX_MESSAGE_BYTES + 1))))
            except OSError:
                return  # who asked is gone, or too slow: nothing is owed to them


class SignerServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens until :meth:`shutdown`.

    Parameters
    ----------
    path
        Socket file. One that nobody listens on is replaced.
    answer
        Turns a line into an answer; called from several threads.
    users
        Ids of the users that may connect.

    Raises
    ------
    ConfigError
        If the socket cannot be made, or another signer listens on it.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, answer: Callable[[bytes], dict[str, Any]], users: Collection[int]) -> None:
        self.answer = answer
        self._users = frozenset(users)
        self._path = path
        _make_way(path)
        mask = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        except OSError as error:
            raise ConfigError(f"signer socket {path} cannot be made: {error}") from error
        finally:
            os.umask(mask)

    def knows(self, connection: socket.socket) -> bool:
        """Whether who connected is one of the users, by the kernel's word."""
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
        _, user, _ = struct.unpack(_CREDENTIALS, packed)
        return user in self._users

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a traceback of this process belongs into no log."""
        del request, client_address

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self.server_close()
        self._path.unlink(missing_ok=True)


def _make_way(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.is_socket():
        if path.exists():
            raise ConfigError(f"signer socket {path} is another kind of file")
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"another signer listens on {path}")
