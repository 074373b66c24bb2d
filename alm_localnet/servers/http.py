"""A loopback HTTP server for one stand-in, with its fault switch."""

import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from alm_localnet.servers.faults import Fault, FaultSwitch

GARBAGE = b"<html><head><title>Just a moment...</title></head>"
ROWS = "@rows"
"""Stands in an envelope for rows that are text already."""


class JsonText(str):
    """A body that is JSON text already."""

    __slots__ = ()

    def inside(self, envelope: dict[str, Any]) -> "JsonText":
        """Put it where the envelope holds :data:`ROWS`."""
        return JsonText(json.dumps(envelope).replace(f'"{ROWS}"', self, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked. ``fault`` is one that only the endpoint can make, or ``None``.

    ``body`` is the JSON that was posted; ``None`` where nothing was, or no JSON.
    """

    path: str
    query: dict[str, str]
    fault: Fault | None
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the stand-in says; ``body`` becomes JSON unless it is JSON text."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


class StandIn(Protocol):
    """The endpoint logic of one service."""

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        ...

    def refuse(self, status: int) -> Any:
        """Body of an error answer by HTTP status, as the real service words it."""
        ...


class StandInServer:
    """Serves one stand-in on an ephemeral port of 127.0.0.1, from daemon threads.

    Parameters
    ----------
    name
        Name of the service.
    switch
        Its faults.
    service
        What it answers.
    """

    def __init__(self, name: str, switch: FaultSwitch, service: StandIn) -> None:
        self.name, self.switch, self.service = name, switch, service
        self.closing = threading.Event()
        self.requests: list[str] = []
        """Paths with queries, in the order they arrived."""
        self._http = _Server(("127.0.0.1", 0), _Handler, self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name=f"{name}-stand-in")
        self._thread.daemon = True
        self._thread.start()

    def close(self) -> None:
        """Stop serving; requests that hang are let go."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], stand_in: StandInServer
    ) -> None:
        self.stand_in = stand_in
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without the name lookup of the base class, which waits for a resolver."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what went wrong here, but stay quiet about clients that hang up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._answer(json.loads(sent))
        except ValueError:
            self._answer(None)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the overridden method
        """Log nothing; requests are kept on the stand-in."""

    def _answer(self, posted: Any) -> None:
        stand_in = cast("_Server", self.server).stand_in
        stand_in.requests.append(self.path)
        parts = urlsplit(self.path)
        fault = stand_in.switch.take(self.path)
        if fault and self._transport_fault(stand_in, fault):
            return
        request = Request(path=unquote(parts.path), query=dict(parse_qsl(parts.query)), fault=fault, body=posted)
        answer = stand_in.service.answer(request)
        body = answer.body if isinstance(answer.body, JsonText) else json.dumps(answer.body)
        sent = fault.rewrite(self.path, body.encode()) if fault and fault.rewrite else body.encode()
        self._send(answer.status, sent, answer.headers)

    def _transport_fault(self, stand_in: StandInServer, fault: Fault) -> bool:
        if fault.kind == "slow":
            stand_in.closing.wait(fault.seconds)
            return False
        if fault.kind == "status":
            self._refuse(stand_in, fault)
        elif fault.kind == "garbage":
            self._send(200, GARBAGE, {"Content-Type": "text/html"})
        elif fault.kind in ("hang", "drop"):
            stand_in.closing.wait(fault.seconds if fault.kind == "hang" else 0)
            self.close_connection = True
        else:
            return False
        return True

    def _refuse(self, stand_in: StandInServer, fault: Fault) -> None:
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        if fault.text is None:
            self._send(fault.status, json.dumps(stand_in.service.refuse(fault.status)).encode(), headers)
        else:
            self._send(fault.status, fault.text.encode(), headers | {"Content-Type": "text/plain"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json; charset=utf-8"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
