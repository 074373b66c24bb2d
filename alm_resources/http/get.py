"""One GET or POST of JSON."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import requests
from urllib3.exceptions import HTTPError

from alm_core.model.errors import BadAnswer, SourceUnavailable
from alm_resources.hidden import without_secrets
from alm_resources.http.fields import printable

MAX_BODY_BYTES = 4_000_000
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status, lower-case headers and body; ``json`` is ``None`` where the body is not JSON."""

    status: int
    headers: Mapping[str, str]
    json: object
    text: str

    @property
    def excerpt(self) -> str:
        """Start of the body on one line, for messages."""
        return without_secrets(printable(" ".join(self.text[:400].split()), 400))[:200] or "empty body"

    def field(self, name: str) -> object:
        """Field of a JSON object; ``None`` if there is none, or the body is something else."""
        return cast("dict[str, object]", self.json).get(name) if isinstance(self.json, dict) else None

    def seconds(self, header: str) -> float | None:
        """Value of a header that counts seconds; ``None`` if absent or not a plain number."""
        value = self.headers.get(header, "")
        return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else None


class JsonHttp:
    """GET and POST without retries or redirects.

    Parameters
    ----------
    source
        Name that errors carry.
    session
        Its adapters must not retry; the default session of requests does not.
    timeout_s
        Of the whole exchange, body included: a server that drips bytes is cut off as well.
    """

    def __init__(
        self,
        source: str,
        *,
        session: requests.Session | None = None,
        timeout_s: float = 15.0,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._source = source
        self._session = session or requests.Session()
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    def get(self, url: str, *, params: Mapping[str, str], headers: Mapping[str, str]) -> HttpAnswer:
        """Send one GET.

        Raises
        ------
        SourceUnavailable
            If no answer came in time.
        BadAnswer
            If the body is larger than allowed.
        """
        return self._send("get", url, headers, params=dict(params))

    def post(self, url: str, *, body: object, headers: Mapping[str, str]) -> HttpAnswer:
        """Send one POST of JSON; it must change nothing at the source that matters to us.

        Raises
        ------
        SourceUnavailable, BadAnswer
            As :meth:`get`.
        """
        sent = json.dumps(body).encode()
        return self._send("post", url, {**headers, "Content-Type": "application/json"}, data=sent)

    def _send(self, verb: Literal["get", "post"], url: str, headers: Mapping[str, str], **content: Any) -> HttpAnswer:
        deadline = time.monotonic() + self._timeout_s
        connect_s = min(5.0, self._timeout_s)
        send = self._session.get if verb == "get" else self._session.post
        try:
            with send(
                url,
                headers=dict(headers),
                timeout=(connect_s, self._timeout_s),
                stream=True,
                allow_redirects=False,
                **content,
            ) as response:
                body = self._body(response, deadline)
        except (OSError, HTTPError) as error:
            # Errors of requests are OSErrors; those of the library below it are not, and some pass through.
            # The text of the exception may hold the URL; its class says what happened.
            raise SourceUnavailable(self._source, f"no answer: {type(error).__name__}") from None
        text = body.decode("utf-8", errors="replace")
        lower = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(status=response.status_code, headers=lower, json=_parsed(text), text=text)

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_bytes:
                raise BadAnswer(self._source, f"body is larger than {self._max_bytes} bytes")
            if time.monotonic() > deadline:
                raise SourceUnavailable(self._source, f"no complete answer within {self._timeout_s:g} s")
        return bytes(body)


def _parsed(text: str) -> object:
    # Not the standard library's parser: a deeply nested body can overflow its C stack and kill the process.
    from pydantic_core import from_json

    try:
        # Amounts and prices come as strings; a bare NaN or Infinity is not JSON.
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return None
