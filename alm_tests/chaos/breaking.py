"""Answers of sources, broken on their way: a stand-in's body, or a node's answer behind a proxy."""

import json
import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

from alm_tests.fuzz.mutation import Seed, broken_body, broken_words


class Breaker:
    """Breaks bodies, the n-th answer to a question alike in every run, whatever else is asked meanwhile.

    Parameters
    ----------
    case
        Seed.
    """

    def __init__(self, case: int) -> None:
        self.sent: list[bytes] = []
        """What was sent in place of a right answer; a few bodies are left as they were."""
        self._case = case
        self._times: dict[str, int] = {}
        self._lock = Lock()

    def __call__(self, question: str, right: bytes) -> bytes:
        with self._lock:
            times = self._times[question] = self._times.get(question, 0) + 1
            body = _broken(random.Random(f"{self._case} {question} {times}"), json.loads(right))
            self.sent.append(body)
            return body


def _broken(rng: random.Random, right: object) -> bytes:
    """Break the text, or what a contract returned in it: as text, no word would be much different."""
    result = right.get("result") if isinstance(right, dict) else None
    if isinstance(result, str) and len(result) > 66 and rng.random() < 0.5:
        return json.dumps(right | {"result": "0x" + broken_words(rng, bytes.fromhex(result[2:])).hex()}).encode()
    return broken_body(rng, Seed(right))


class BreakingNode:
    """A proxy before a node. Answers to ``methods`` go through ``breaker`` while there is one."""

    def __init__(self, target: str) -> None:
        self.methods: Collection[str] = ()
        self.breaker: Breaker | None = None
        self._host = urlsplit(target).netloc

    def answer(self, asked: bytes) -> bytes:
        """Ask the node, and break what it says."""
        node = HTTPConnection(self._host, timeout=30)
        node.request("POST", "/", asked, {"Content-Type": "application/json"})
        content = node.getresponse().read()
        node.close()
        method = json.loads(asked)["method"]
        return self.breaker(method, content) if self.breaker and method in self.methods else content

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve on loopback; gives the URL."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = proxy.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of the overridden method
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
