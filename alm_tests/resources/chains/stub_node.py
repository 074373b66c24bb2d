"""A loopback JSON-RPC server whose answers a test writes, and which counts what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "s3cret-key-in-the-url"
CHAIN_ID = 8453


@dataclass(frozen=True)
class Http:
    """An answer below JSON-RPC: status and body as they are."""

    status: int
    body: str = ""
    hang_up: bool = False


@dataclass(frozen=True)
class Error:
    """A JSON-RPC error, under any HTTP status."""

    message: str
    code: int = -32000
    data: Any = None
    status: int = 200


Script = Callable[[str, list[Any]], Any]


@dataclass
class StubNode:
    """A running stub. ``script`` may be replaced while it runs."""

    script: Script
    chain_id: int = CHAIN_ID
    url: str = ""
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)

    def times(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)

    def answer(self, method: str, params: list[Any]) -> Any:
        self.asked.append((method, params))
        return hex(self.chain_id) if method == "eth_chainId" else self.script(method, params)


@contextmanager
def stub_node(script: Script, chain_id: int = CHAIN_ID) -> Iterator[StubNode]:
    node = StubNode(script, chain_id)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(node))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}/v1/{SECRET}"
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(node: StubNode) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = node.answer(request["method"], request["params"])
            if isinstance(answer, Http):
                if answer.hang_up:
                    self.close_connection = True
                    return
                self._reply(answer.status, answer.body)
            elif isinstance(answer, Error):
                error = {"code": answer.code, "message": answer.message, "data": answer.data}
                self._reply(answer.status, json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}))
            else:
                self._reply(200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": answer}))

        def _reply(self, status: int, body: str) -> None:
            payload = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            if status in (301, 302, 307, 308):
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler
