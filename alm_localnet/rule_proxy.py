"""A proxy in front of an anvil that enforces what real nodes enforce, and goes wrong in the ways real endpoints do."""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

from alm_localnet.mempool import Mempool, pooled_transaction
from alm_localnet.rpc_faults import FaultList, RpcFault

SEND = "eth_sendRawTransaction"
_BLOCK_PARAMETER = {
    "eth_getBlockByNumber": 0,
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_feeHistory": 1,
    "eth_getStorageAt": 2,
}
_TAGS = ("latest", "pending", "safe", "finalized")
_NODE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back to the client; ``hang_up`` and ``hang`` instead of an answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    retry_after_s: int | None = None
    silence: Literal["", "hang_up", "hang"] = ""


class RuleProxy:
    """One endpoint of a node. Several of them may share a mempool, each with faults and counts of its own.

    Parameters
    ----------
    mempool
        Pool and node behind it.
    after_blocks, discards
        What a private endpoint does with transactions: the node gets them after so many blocks, or never.
    seed
        Of faults that are not certain.

    Examples
    --------
    >>> with RuleProxy(Mempool(node.rpc, GETH)) as proxy:  # doctest: +SKIP
    ...     proxy.faults.add(on("eth_sendRawTransaction", "hang", after=True))
    ...     Web3Chain(Access(chain_id=1, rpc=(proxy.url,)))
    """

    def __init__(self, mempool: Mempool, *, after_blocks: int = 0, discards: bool = False, seed: int = 0) -> None:
        self.mempool = mempool
        self.faults = FaultList(seed)
        self.counts: Counter[str] = Counter()
        self.sent: list[str] = []
        """Raw bytes of every send, whatever became of it."""
        self.frozen_at: int | None = None
        self.chain_id: int | None = None
        """Chain id that is told instead of the node's."""
        self._after_blocks = after_blocks
        self._discards = discards
        self._host = urlsplit(mempool.node.url).netloc
        self._lock = threading.Lock()

    def __enter__(self) -> "RuleProxy":
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving; connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def freeze(self) -> None:
        """Know no block after the head of this moment; ``frozen_at = None`` ends it."""
        self.frozen_at = int(self.mempool.node.call("eth_blockNumber"), 16)

    def reply(self, asked: bytes) -> Reply:
        """Answer one request body."""
        request: dict[str, Any] = json.loads(asked)
        method, params, number = request["method"], request.get("params", []), request.get("id")
        with self._lock:
            self.counts[method] += 1
            if method == SEND:
                self.sent.append(params[0])
        fault = self.faults.hit(method, params)
        if fault is not None and not fault.after and fault.kind != "rewrite":
            return _broken(fault, number, b"")
        right = self._answer(method, params)
        if fault is None:
            return Reply(body=_body(number, right))
        if fault.kind == "rewrite" and fault.rewritten is not None and "result" in right:
            return Reply(body=_body(number, {"result": fault.rewritten(right["result"])}))
        return _broken(fault, number, _body(number, right))

    def _answer(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        self.mempool.deliver()
        if method == SEND:
            return self._send(params[0])
        if method == "eth_chainId" and self.chain_id is not None:
            return {"result": hex(self.chain_id)}
        if self.frozen_at is not None:
            return self._frozen(method, params, self.frozen_at)
        return self._ask(method, params)

    def _send(self, raw: str) -> dict[str, Any]:
        try:
            if self._discards:
                return {"result": pooled_transaction(raw).tx_hash}
            tx_hash, refusal = self.mempool.add(raw, after_blocks=self._after_blocks)
        except ValueError as error:
            return {"error": {"code": -32000, "message": str(error)}}
        return {"error": {"code": -32000, "message": refusal}} if refusal else {"result": tx_hash}

    def _frozen(self, method: str, params: Sequence[Any], at: int) -> dict[str, Any]:
        if method == "eth_blockNumber":
            return {"result": hex(at)}
        place = _BLOCK_PARAMETER.get(method)
        asked = list(params)
        if place is not None and len(asked) > place and isinstance(asked[place], str):
            if asked[place] in _TAGS:
                asked[place] = hex(at)
            elif int(asked[place], 16) > at:
                unknown = {"error": {"code": -32000, "message": "header not found"}}
                return {"result": None} if method == "eth_getBlockByNumber" else unknown
        answer = self._ask(method, asked)
        mined: Any = answer.get("result") if method == "eth_getTransactionReceipt" else None
        return {"result": None} if mined and int(mined["blockNumber"], 16) > at else answer

    def _ask(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        node = HTTPConnection(self._host, timeout=_NODE_TIMEOUT_S)
        asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        try:
            node.request("POST", "/", asked, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(node.getresponse().read())
        finally:
            node.close()
        return {"error": answer["error"]} if "error" in answer else {"result": answer.get("result")}


def _body(number: Any, answer: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, **answer}).encode()


def _broken(fault: RpcFault, number: Any, right: bytes) -> Reply:
    match fault.kind:
        case "hang_up" | "hang":
            return Reply(silence=fault.kind)
        case "status":
            return Reply(status=fault.status, retry_after_s=fault.retry_after_s, body=fault.message.encode())
        case "error":
            return Reply(body=_body(number, {"error": {"code": fault.code, "message": fault.message}}))
        case "html":
            page = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
            return Reply(body=page, content_type="text/html", status=fault.status)
        case "truncated":
            whole = right or _body(number, {"result": "0x" + "00" * 32})
            return Reply(body=whole[: len(whole) // 2])
        case "wrong_id":
            told: dict[str, Any] = json.loads(right or _body(number, {"result": "0x1"}))
            return Reply(body=json.dumps(told | {"id": "somebody else's"}).encode())
        case "null":
            return Reply(body=_body(number, {"result": None}))
        case _:
            return Reply()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what is being played here."""


def _handler(proxy: RuleProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            reply = proxy.reply(self.rfile.read(int(self.headers["Content-Length"])))
            if reply.silence:
                if reply.silence == "hang":
                    self.connection.recv(1)  # returns when the client has given up
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            if reply.retry_after_s is not None:
                self.send_header("Retry-After", str(reply.retry_after_s))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of the overridden method
            pass

    return Handler
