"""Alerts through apprise, to a file or to the console."""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import unquote, urlsplit

from alm_core.model.errors import ConfigError
from alm_resources.alerts.redaction import redact
from alm_resources.alerts.runbook import with_runbook

logger = logging.getLogger(__name__)


class AppriseAlerts:
    """Sends one alert to every configured target.

    Parameters
    ----------
    urls
        ``file:///path`` appends one JSON line, ``console://`` writes to standard error, all others go to apprise.
    clock
        Time written into the file target.

    Notes
    -----
    An alert that cannot be delivered is logged and never raised: the epoch must not depend on a chat service.
    Credentials are taken out of title and body first, and alert URLs, which hold tokens, are never logged.

    Raises
    ------
    ConfigError
        If a file URL has no absolute path.
    """

    def __init__(self, urls: Sequence[str], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._targets = [(_scheme(url), url) for url in urls]
        self._clock = clock
        for scheme, url in self._targets:
            if scheme == "file" and not Path(_file_path(url)).is_absolute():
                raise ConfigError(f"alert target {url!r}: write file:///absolute/path")

    def __repr__(self) -> str:
        return f"AppriseAlerts({[scheme for scheme, _ in self._targets]})"

    def send(self, title: str, body: str, *, key: str = "") -> int:
        """Send to all targets and return how many took it.

        Parameters
        ----------
        title, body
            Plain text; credentials are taken out, and the entries of the runbook that it is about are added.
        key
            Identity of the event, for example an epoch id; lets a reader of the file group repeats.
        """
        title, body = redact(title), redact(with_runbook(key, title, body))
        delivered = 0
        for scheme, url in self._targets:
            try:
                self._deliver(scheme, url, title, body, key)
            except Exception as error:  # whatever a target's plugin raises, the epoch goes on
                # No traceback: its text may hold the alert URL.
                logger.error("alert %r not delivered to %s: %s", title, scheme, type(error).__name__)  # noqa: TRY400
            else:
                delivered += 1
        return delivered

    def _deliver(self, scheme: str, url: str, title: str, body: str, key: str) -> None:
        if scheme == "file":
            self._append(Path(_file_path(url)), title, body, key)
        elif scheme == "console":
            sys.stderr.write(f"ALERT {title}: {body}\n")
        else:
            _notify(url, title, body)

    def _append(self, path: Path, title: str, body: str, key: str) -> None:
        record = {"at": self._clock().isoformat(), "key": key, "title": title, "body": body}
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write of one line in append mode: lines of several processes do not mix.
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


class _Apprise(Protocol):
    def add(self, servers: str, /) -> bool: ...

    def notify(self, *, body: str, title: str) -> object: ...


def _notify(url: str, title: str, body: str) -> None:
    from apprise import Apprise

    apprise = cast("_Apprise", Apprise())
    if not apprise.add(url):
        raise ConfigError("apprise does not understand the alert URL")
    if not apprise.notify(body=body, title=title):
        raise ConnectionError("target did not take the alert")


def _scheme(url: str) -> str:
    return urlsplit(url).scheme or "unknown"


def _file_path(url: str) -> str:
    parts = urlsplit(url)
    return unquote(parts.netloc + parts.path)
