"""A service that is as careless as a service can be: it repeats what it was asked, secrets included."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

# Those of which asking again makes no sense: a test must not wait for patience.
_FAILURES = (
    (401, "application/json"),
    (403, "text/html"),
    (200, "text/html"),
    (404, "application/json"),
    (200, "application/json"),
)


class EchoingServer(ThreadingHTTPServer):
    """Fails in every way in turn and repeats path and headers; or passes a call on to ``upstream``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream: str | None = None
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def handle_any(self) -> None:
        server = self.server
        assert isinstance(server, EchoingServer)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.asked += 1
        if server.upstream is not None:
            answer = requests.post(server.upstream, data=body, headers={"Content-Type": "application/json"}, timeout=30)
            self._say(answer.status_code, "application/json", answer.content)
            return
        status, kind = _FAILURES[server.asked % len(_FAILURES)]
        told: dict[str, Any] = {
            "error": {"code": -32000, "message": f"unauthorized: {server.url}{self.path} {dict(self.headers)}"},
            "message": f"no such key for {server.url}{self.path}",
            "headers": dict(self.headers),
        }
        self._say(status, kind, json.dumps(told).encode())

    do_GET = do_POST = handle_any  # noqa: N815 - the names http.server looks for

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def echoing() -> Iterator[EchoingServer]:
    """Serve until the end of the block."""
    server = EchoingServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
