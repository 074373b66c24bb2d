"""One chain whose node answers one method with the body under test and every other as it should."""

import itertools
import json
from typing import Any

from alm_resources.chains import Web3Chain
from alm_resources.registry import load_registry
from alm_tests.fuzz.transport import ByteSession

CHAIN_ID = 1
URL = "http://node"
HASH, PARENT = "0x" + "ab" * 32, "0x" + "cd" * 32
HEADER = {
    "number": "0x64",
    "hash": HASH,
    "parentHash": PARENT,
    "timestamp": "0x6921f000",
    "baseFeePerGas": "0x3b9aca00",
}


class Node:
    """A client of a node without network; ``chain`` is the client."""

    def __init__(self) -> None:
        self.chain = Web3Chain(load_registry(None).chain(CHAIN_ID))
        self.answers = {"eth_chainId": envelope("0x1"), "eth_getBlockByNumber": envelope(HEADER)}
        self.session = ByteSession(self._answer, max_requests=100)
        endpoints = self.chain._endpoints
        endpoints.__init__(CHAIN_ID, [URL])  # The registry may list several.
        (self._endpoint,) = endpoints._endpoints
        self._endpoint._session = self.session
        self._endpoint._numbers = itertools.repeat(1)  # the bodies under test are written before they are asked for

    def answer(self, method: str, body: bytes) -> None:
        """Answer a method with this from now on; what was learnt of the node before is forgotten."""
        self.answers[method] = body
        self.session.asked = 0
        self._endpoint.quarantined, self._endpoint._verified = False, True
        self.chain._logs._span = 10_000

    def _answer(self, _url: str, sent: bytes) -> tuple[int, bytes]:
        method = json.loads(sent)["method"]
        return 200, self.answers[method] if method in self.answers else envelope("0x1")


def envelope(result: Any) -> bytes:
    """Answer that carries a result."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def refusal(code: int, message: str, data: object = None) -> dict[str, Any]:
    """Answer that carries an error."""
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message, "data": data}}
