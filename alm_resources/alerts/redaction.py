"""Keeps credentials out of text that leaves the process."""

import re

from alm_resources.hidden import without_secrets

_RULES = (
    # user:password@ of any URL
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE), r"\1***@"),
    # ?api_key=..., token: ..., "password": "..."
    (
        re.compile(
            r"""((?:api[_-]?key|access[_-]?token|token|secret|password|passwd|private[_-]?key|mnemonic)["']?\s*[=:]\s*["']?)"""
            r"""[^\s"'&,;}]+""",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    # https://node.example/v2/<key>: a long path segment of letters and digits is a key, not a word
    (re.compile(r"(\bhttps?://[^\s\"']*?/)(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{24,}", re.IGNORECASE), r"\1***"),
    # A key and a transaction hash look alike: enough of it stays to find a transaction, too little to sign.
    (re.compile(r"\b(0x[0-9a-f]{8})[0-9a-f]{56}\b", re.IGNORECASE), r"\1…"),
    (re.compile(r"\b[0-9a-f]{64}\b", re.IGNORECASE), "***"),
)


def redact(text: str) -> str:
    """Return ``text`` without known secrets, passwords and keys in URLs, named secrets and whole 32-byte values.

    Examples
    --------
    >>> redact("redis://:hunter2@host:6379 and https://node.example/v2/0a1b2c3d4e5f6a7b8c9d0a1b2c3d")
    'redis://***@host:6379 and https://node.example/v2/***'
    >>> redact("sent 0x" + "ab" * 32)
    'sent 0xabababab…'
    """
    text = without_secrets(text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
