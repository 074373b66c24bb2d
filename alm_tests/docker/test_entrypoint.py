import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_tests.docker.deployment import DOCKER, load_script

entrypoint = load_script("entrypoint")
PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@pytest.fixture
def container(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "run").mkdir()
    return {
        "PGPASSFILE": str(tmp_path / "run" / "pgpass"),
        "ALM_KEYSTORE_PASSWORD_FILE": str(tmp_path / "run" / "keystore_password"),
        "ALM_HOT_STATE_URL": "redis://dragonfly:6379/0",
    }


def secrets_of(container: dict[str, str]) -> Path:
    return Path(container["PGPASSFILE"]).parents[1] / "secrets"


def test_a_command_without_secrets_gets_its_environment_unchanged(container: dict[str, str]) -> None:
    assert entrypoint.environment_with_secrets(container, secrets_of(container)) == container


def test_passwords_become_private_files_and_not_variables(container: dict[str, str]) -> None:
    (secrets_of(container) / "postgres_password").write_text("a:b\\c\n")
    (secrets_of(container) / "keystore_password").write_text("open sesame\n")
    environ = entrypoint.environment_with_secrets(container, secrets_of(container))
    assert environ == container
    assert Path(container["PGPASSFILE"]).read_text() == "*:*:*:dagster:a\\:b\\\\c\n"
    assert Path(container["ALM_KEYSTORE_PASSWORD_FILE"]).read_text() == "open sesame"
    for name in ("PGPASSFILE", "ALM_KEYSTORE_PASSWORD_FILE"):
        assert Path(container[name]).stat().st_mode & 0o777 == 0o400


def test_staging_again_replaces_the_file(container: dict[str, str]) -> None:
    for password in ("first", "second"):
        (secrets_of(container) / "keystore_password").write_text(password)
        entrypoint.environment_with_secrets(container, secrets_of(container))
    assert Path(container["ALM_KEYSTORE_PASSWORD_FILE"]).read_text() == "second"
    assert len(list(Path(container["PGPASSFILE"]).parent.iterdir())) == 1


@given(password=PASSWORDS)
def test_the_hot_state_url_gives_back_the_password_whatever_it_is(password: str) -> None:
    parts = urlsplit(entrypoint._with_password("redis://dragonfly:6379/0", password))
    assert unquote(parts.password or "") == password
    assert (parts.hostname, parts.port, parts.path) == ("dragonfly", 6379, "/0")


def test_alert_urls_are_read_one_a_line_without_comments(container: dict[str, str]) -> None:
    alerts = secrets_of(container) / "alert_urls"
    alerts.write_text("# none yet\n\n")
    assert "ALM_ALERT_URLS" not in entrypoint.environment_with_secrets(container, secrets_of(container))
    alerts.write_text("# chat\ntgram://token/chat\nmailto://user:word@host\n")
    environ = entrypoint.environment_with_secrets(container, secrets_of(container))
    assert environ["ALM_ALERT_URLS"] == "tgram://token/chat,mailto://user:word@host"


def test_an_empty_secret_stops_the_service_and_says_what_to_do(container: dict[str, str]) -> None:
    (secrets_of(container) / "postgres_password").write_text("\n")
    with pytest.raises(entrypoint.SecretMissing, match="postgres_password is empty: run docker/prepare"):
        entrypoint.environment_with_secrets(container, secrets_of(container))


def test_prepare_writes_different_secrets_in_a_closed_folder_and_never_twice(tmp_path: Path) -> None:
    (tmp_path / "example.env").write_text((DOCKER / "example.env").read_text())
    subprocess.run([DOCKER / "prepare", tmp_path], check=True, capture_output=True)
    files = sorted(path for path in (tmp_path / "secrets").iterdir() if path.is_file())
    before = {path.name: path.read_text() for path in files}
    assert set(before) == {
        "alert_urls",
        "dragonfly_password",
        "openobserve_password",
        "postgres_password",
        "registry.toml",
    }
    assert len(set(before.values())) == len(before)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in files)
    assert all(len(before[name]) >= 48 for name in before if name.endswith("password"))
    subprocess.run([DOCKER / "prepare", tmp_path], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in files} == before


def test_scripts_of_the_image_are_executable() -> None:
    assert all(
        os.access(DOCKER / name, os.X_OK) for name in ("prepare", "entrypoint.py", "health.py", "openobserve.sh")
    )
