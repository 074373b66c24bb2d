"""One RPC endpoint: single JSON-RPC requests over HTTP, never repeated and never redirected.

web3's HTTP provider repeats a request up to five times, a broadcast too, and does not compare the id of an answer with
that of its request; so this is plain HTTP.

The URL may hold a key: it appears in no message, no exception chain and no log. An endpoint is known to the outside as
``rpc:<chain id>#<index>``.
"""

import itertools
import json
import logging
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, cast

import requests
from pydantic_core import from_json

from alm_core.model.errors import SourceError, SourceRejected, SourceUnavailable, WrongChain
from alm_resources.http.fields import printable

TIMEOUT_S = (3.0, 10.0)
_URL = re.compile(r"\b(?:https?|wss?)://\S+", re.IGNORECASE)
_LIMITED = re.compile(r"rate.?limit|too many requests|throttl|capacity exceeded|compute units", re.IGNORECASE)
_NO_STATE = "does not have the block or its state"
_HISTORICAL = re.compile(
    r"historical|archive|only (?:the )?latest|invalid block height|state .*unavailable", re.IGNORECASE
)
_LAGGING = re.compile(
    r"header not found|block not found|unknown block|missing trie node|state .*not available|pruned"
    r"|block ?out ?of ?range|block height is",
    re.IGNORECASE,
)
_UNAVAILABLE_STATUSES = frozenset({401, 403, 418, 429})
# Debug records of this logger carry the URL.
_LOGGER_WITH_URLS = "urllib3.connectionpool"
_HEADERS = {"Content-Type": "application/json"}


class RpcError(SourceRejected):
    """The node answered with a JSON-RPC error.

    Parameters
    ----------
    code, message, data
        As the node gave them; ``data`` is 0x-hex of a revert where there is one.
    """

    def __init__(self, source: str, code: int, message: str, data: str) -> None:
        super().__init__(source, f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


def lacks_state(error: SourceError) -> bool:
    """Tell whether a node refused a read because it does not keep the state of the block that was asked for."""
    if isinstance(error, RpcError):
        return bool(_HISTORICAL.search(error.message))
    return isinstance(error, SourceUnavailable) and _NO_STATE in error.detail


class Endpoint:
    """One URL of one chain.

    Parameters
    ----------
    chain_id
        The id it must serve; checked before the first request and again after every failure.
    index
        Position in the registry's list, for messages.
    sends_only
        It takes transactions and need not answer anything else, not even its chain id: the bytes name their chain.
    timeout_s
        For connecting, and for the answer.
    """

    def __init__(
        self,
        chain_id: int,
        index: int,
        url: str,
        *,
        sends_only: bool = False,
        timeout_s: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        self.source = f"rpc:{chain_id}{'/private' if sends_only else ''}#{index}"
        self.sends_only = sends_only
        self.quarantined = False
        self.verdict = ""
        self.behind = ""
        """Why it is not read from for now: how far its head is behind; empty if it keeps up."""
        self._timeout_s = timeout_s
        self._chain_id = chain_id
        self._url = url
        self._verified = False
        self._numbers = itertools.count(1)
        self._session: requests.Session | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.source})"

    def verify(self) -> None:
        """Make sure the endpoint serves the right chain; a wrong one is never asked again.

        Raises
        ------
        WrongChain, SourceUnavailable
        """
        if self._verified and not self.quarantined:
            return
        answer = self._post("eth_chainId", ())
        if not isinstance(answer, str) or not re.fullmatch("0x[0-9a-fA-F]+", answer):
            # Not that of another chain either: the endpoint may come to its senses.
            raise SourceUnavailable(self.source, f"eth_chainId: answered {str(answer)[:80]!r}")
        self._accept(int(answer, 16))

    def request(self, method: str, params: Sequence[object]) -> object:
        """Make one request, never a second one, and return its result.

        Raises
        ------
        WrongChain
            If the endpoint serves another chain.
        SourceUnavailable
            If there was no usable answer, or the node limits us.
        RpcError
            If the node answered with an error.
        """
        self.verify()
        return self._post(method, params)

    def post(self, raw: str) -> object:
        """Broadcast raw bytes with one POST; whoever calls has made sure of the chain.

        Raises
        ------
        SourceUnavailable, RpcError
            As :meth:`request`.
        """
        return self._post("eth_sendRawTransaction", (raw,))

    def request_proven(self, method: str, params: Sequence[object], served: Callable[[object], int]) -> object:
        """Make one request whose answer tells the chain id itself, which spares asking for it before.

        An answer for another chain is asked for a second time; two of them, and the endpoint is never asked again.

        ``served`` reads the chain id from the answer; a :class:`SourceError` of it means that the answer does not tell.

        Raises
        ------
        WrongChain, SourceUnavailable, RpcError
            As :meth:`request`.
        """
        if self.quarantined:
            return self.request(method, params)
        try:
            answer = self._post(method, params)
            found = served(answer)
        except SourceUnavailable:
            raise
        except SourceError:
            # A node of another chain fails here in many ways, and that is then what is wrong with it.
            self.verify()
            raise
        if found != self._chain_id:
            # One broken answer does not condemn an endpoint for good: it is asked once more.
            answer = self._post(method, params)
            found = served(answer)
        self._accept(found)
        return answer

    def close(self) -> None:
        """Close kept-alive connections."""
        if self._session:
            self._session.close()

    def _accept(self, served: object) -> None:
        if served != self._chain_id:
            self.quarantined = True
            wrong = WrongChain(self.source, f"serves chain {served!r}, registry says {self._chain_id}")
            self.verdict = str(wrong)
            raise wrong
        self._verified = True

    def _post(self, method: str, params: Sequence[object]) -> object:
        answer, failure = self._exchange(method, params)
        # Raised here, outside any handler: a chained requests error would print the URL.
        if failure:
            self._verified = False
            raise SourceUnavailable(self.source, f"{method}: {failure}")
        error = answer.get("error")
        if error is not None:
            raise self._refusal(method, error)
        if "result" not in answer:
            raise SourceUnavailable(self.source, f"{method}: answer without result")
        return answer["result"]

    def _exchange(self, method: str, params: Sequence[object]) -> tuple[dict[str, Any], str]:
        number = next(self._numbers)
        asked = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)})
        try:
            response = self._open().post(
                self._url, asked, headers=_HEADERS, timeout=self._timeout_s, allow_redirects=False
            )
            if response.status_code != HTTPStatus.OK:
                return _refused_over_http(response)
            # Bounded in depth: the key library sets a recursion limit at which the standard parser crashes the process.
            answer = cast("object", from_json(response.content))
        except requests.Timeout:
            return {}, "timed out"
        except requests.RequestException as error:
            return {}, f"no connection ({type(error).__name__})"
        except ValueError:
            return {}, "answer is not JSON-RPC"
        if not isinstance(answer, dict):
            return {}, "answer is not JSON-RPC"
        fields = cast("dict[str, Any]", answer)
        # Errors about the request as such have no id (JSON-RPC 2.0, section 5).
        wrong = fields.get("id") != number and not ("error" in fields and fields.get("id") is None)
        return ({}, "answer belongs to another request") if wrong else (fields, "")

    def _refusal(self, method: str, error: object) -> Exception:
        fields = cast("dict[str, Any]", error) if isinstance(error, dict) else {"message": str(error)}
        message = printable(_URL.sub("<url>", str(fields.get("message", "error without message"))), 300)
        code = fields.get("code")
        if _LIMITED.search(message):
            return SourceUnavailable(self.source, f"{method}: limits us: {message}")
        if _LAGGING.search(message):
            return SourceUnavailable(self.source, f"{method}: {_NO_STATE}: {message}")
        return RpcError(self.source, code if isinstance(code, int) else 0, message, _revert_data(fields.get("data")))

    def _open(self) -> requests.Session:
        if self._session is None:
            logging.getLogger(_LOGGER_WITH_URLS).setLevel(logging.INFO)
            self._session = requests.Session()
        return self._session


def _refused_over_http(response: requests.Response) -> tuple[dict[str, Any], str]:
    """Return the JSON-RPC error that some nodes send with an HTTP error status, else what went wrong."""
    status = response.status_code
    if status in _UNAVAILABLE_STATUSES:
        return {}, f"HTTP {status}"
    try:
        body: object = from_json(response.content)
    except (ValueError, requests.RequestException):
        body = None
    if isinstance(body, dict) and isinstance(cast("dict[str, Any]", body).get("error"), dict):
        return cast("dict[str, Any]", body), ""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return {"error": {"code": -32614, "message": "HTTP 413: range too large"}}, ""
    return {}, f"HTTP {status}"


def _revert_data(data: object) -> str:
    # geth and anvil: a string; OpenEthereum: "Reverted 0x..."; some proxies nest it once more.
    if isinstance(data, dict):
        nested = cast("dict[str, Any]", data)
        data = nested.get("data", nested.get("result"))
    if not isinstance(data, str):
        return ""
    found = re.search("0x[0-9a-fA-F]*", data)
    return found.group() if found else json.dumps(data)[:100]
