"""A session of requests that has no network: it answers with bytes."""

from collections.abc import Callable
from http.cookiejar import CookieJar
from io import BytesIO
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

MAX_REQUESTS = 12


class TooManyRequests(BaseException):
    """The client goes on asking: a body made it loop. No handler of the code under test may swallow it."""


class ByteSession:
    """Answers every request, by whichever verb, with what ``answer`` makes of its content.

    Parameters
    ----------
    answer
        Given the sent bytes (of a GET: the URL); returns status and body.
    """

    def __init__(self, answer: Callable[[str, bytes], tuple[int, bytes]], max_requests: int = MAX_REQUESTS) -> None:
        self.cookies, self.headers = CookieJar(), dict[str, str]()
        self.asked = 0
        self._answer = answer
        self._max_requests = max_requests

    def request(self, _method: str, url: str, *, data: bytes | None = None, **_how: Any) -> requests.Response:
        self.asked += 1
        if self.asked > self._max_requests:
            raise TooManyRequests(f"{self.asked} requests for one answer")
        status, body = self._answer(url, data or b"")
        response = requests.Response()
        response.status_code = status
        response.reason = "OK" if status == 200 else "Bad"
        response.url = url
        response.encoding = "utf-8"
        response.headers = CaseInsensitiveDict({"Content-Type": "application/json"})
        response.raw = BytesIO(body)
        return response

    def get(self, url: str, **how: Any) -> requests.Response:
        return self.request("GET", url, **how)

    def post(self, url: str, data: bytes | None = None, **how: Any) -> requests.Response:
        return self.request("POST", url, data=data, **how)

    def close(self) -> None:
        pass
