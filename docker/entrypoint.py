#!/opt/alm/venv/bin/python
"""Give a command its secrets: files of /run/secrets become private files on a tmpfs or variables of that command alone.

``with-secrets COMMAND [ARG ...]`` is the entry point of the image; under ``docker compose exec`` it is written out.
Nothing secret is in the image, the compose file or ``docker inspect``.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

SECRETS = Path("/run/secrets")


class SecretMissing(LookupError):
    """A secret file that the service was given is empty or cannot be read."""


def environment_with_secrets(environ: Mapping[str, str], secrets: Path) -> dict[str, str]:
    """Return the environment of the command; stage the secrets that must be files.

    Only what was mounted is handled: the webserver never sees a keystore password, a backtest no hot state.
    """
    result = dict(environ)
    if (secrets / "postgres_password").exists():
        password = _read(secrets / "postgres_password")
        _write_private(Path(environ["PGPASSFILE"]), f"*:*:*:dagster:{_pgpass_field(password)}\n")
    if (secrets / "keystore_password").exists():
        _write_private(Path(environ["ALM_KEYSTORE_PASSWORD_FILE"]), _read(secrets / "keystore_password"))
    if (secrets / "dragonfly_password").exists():
        result["ALM_HOT_STATE_URL"] = _with_password(
            environ["ALM_HOT_STATE_URL"], _read(secrets / "dragonfly_password")
        )
    alerts = secrets / "alert_urls"
    if alerts.exists() and (urls := _alert_urls(alerts.read_text())):
        result["ALM_ALERT_URLS"] = ",".join(urls)
    return result


def _read(path: Path) -> str:
    try:
        secret = path.read_text().rstrip("\r\n")
    except OSError as error:
        raise SecretMissing(
            f"{path}: {error.strerror}; file mode 0444 inside a 0700 folder, see docker/README.md"
        ) from error
    if not secret:
        raise SecretMissing(f"{path} is empty: run docker/prepare, or write the secret into it")
    return secret


def _write_private(path: Path, content: str) -> None:
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    staged.replace(path)


def _pgpass_field(password: str) -> str:
    return password.replace("\\", "\\\\").replace(":", "\\:")


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f":{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"))


def _alert_urls(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def main(argv: list[str]) -> None:
    """Replace this process by the command."""
    if not argv:
        raise SystemExit("usage: with-secrets COMMAND [ARG ...]")
    try:
        environ = environment_with_secrets(os.environ, SECRETS)
    except SecretMissing as error:
        raise SystemExit(f"with-secrets: {error}") from error
    os.execvpe(argv[0], argv, environ)  # noqa: S606 - the command is the container's own


if __name__ == "__main__":
    main(sys.argv[1:])
