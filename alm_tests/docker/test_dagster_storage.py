"""The instance file of the deployment, unchanged, against a real PostgreSQL on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.config import pg_config
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy.engine import make_url

from alm_tests.docker.deployment import DOCKER, load_script, postgres_program, read_yaml

health = load_script("health")
INITDB, POSTGRES = postgres_program("initdb"), postgres_program("postgres")
PASSWORD = f"p:{uuid.uuid4().hex}\\@/%"


def test_the_instance_file_holds_no_password_and_names_the_driver() -> None:
    database = read_yaml("dagster.yaml")["storage"]["postgres"]["postgres_db"]
    assert "password" not in database
    assert database["scheme"] == "postgresql+psycopg2"
    assert set(database) <= set(pg_config()["postgres_db"].config_type.fields)


def test_dagster_builds_a_url_that_sqlalchemy_gives_to_psycopg2() -> None:
    database = dict(read_yaml("dagster.yaml")["storage"]["postgres"]["postgres_db"])
    url = make_url(pg_url_from_config({"postgres_db": database | {"hostname": "postgres", "port": 5432}}))
    assert url.get_dialect().driver == "psycopg2"
    assert url.password is None
    assert (url.host, url.username, url.database) == ("postgres", "dagster", "dagster")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int, server: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    """Port of a cluster with the role and the database of the deployment; password over TCP, nothing else."""
    if INITDB is None or POSTGRES is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    # PostgreSQL refuses to run as root, and a socket path is at most 107 bytes: its own short folder.
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="alm-pg-"))
    (folder / "password").write_text(PASSWORD)
    if user is not None:
        for path in (folder, folder / "password"):
            os.chown(path, user, -1)
    data, port = folder / "data", _free_port()
    initdb = [
        INITDB,
        "-D",
        data,
        "-U",
        "dagster",
        "--pwfile",
        folder / "password",
        "--auth=scram-sha-256",
        "-E",
        "UTF8",
    ]
    subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, user=user, cwd=folder)
    server = subprocess.Popen(
        [POSTGRES, "-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        cwd=folder,
    )
    try:
        assert _listens(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.fixture
def instance(postgres: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "postgres_password").write_text(PASSWORD + "\n")
    environ = {
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(postgres),
        "DAGSTER_STORAGE_DIR": str(tmp_path / "storage"),
        "PGPASSFILE": str(tmp_path / "pgpass"),
    }
    for name, value in load_script("entrypoint").environment_with_secrets(environ, secrets).items():
        monkeypatch.setenv(name, value)
    _create_database(postgres)
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(DOCKER / "dagster.yaml", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _create_database(port: int) -> None:
    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, user="dagster", dbname="postgres")
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = 'dagster'")
            if cursor.fetchone() is None:
                cursor.execute("create database dagster")
    finally:
        connection.close()


@dg.asset
def probe() -> int:
    return 7


def test_runs_and_materializations_are_kept_in_postgres(instance: dg.DagsterInstance) -> None:
    result = dg.materialize([probe], instance=instance)
    assert result.success
    assert [run.run_id for run in instance.get_runs()] == [result.run_id]
    event = instance.get_latest_materialization_event(dg.AssetKey("probe"))
    assert event is not None
    assert event.run_id == result.run_id


def test_the_password_is_in_no_setting_that_dagster_hands_to_a_run(instance: dg.DagsterInstance) -> None:
    handed_over = str(instance.get_ref().to_dict()) + instance.info_str()
    assert "postgres" in handed_over
    assert PASSWORD not in handed_over
    assert PASSWORD.split(":")[1][:32] not in handed_over


def test_the_instance_is_set_up_as_the_design_asks(instance: dg.DagsterInstance) -> None:
    settings = yaml.safe_load(instance.info_str())
    assert instance.run_monitoring_enabled
    assert not instance.run_retries_enabled
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert settings["run_monitoring"]["free_slots_after_run_end_seconds"] == 120
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1


def test_the_daemon_check_reads_real_heartbeats(instance: dg.DagsterInstance) -> None:
    from dagster._daemon.types import DaemonHeartbeat

    def beat(kind: str, age_s: float) -> None:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age_s, kind, "one", []))

    assert health.daemon_problem() == "daemon: SCHEDULER has never reported"
    for kind in health.REQUIRED_DAEMONS:
        beat(kind, 10)
    assert health.daemon_problem() is None
    beat("SENSOR", 1_000)
    problem = health.daemon_problem()
    assert problem is not None
    assert problem.startswith("daemon: SENSOR reported 100")


def test_the_daemon_check_says_when_the_database_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_PG_HOST", "127.0.0.1")
    monkeypatch.setenv("DAGSTER_PG_PORT", str(_free_port()))
    assert health.daemon_problem() == "daemon: Dagster's database does not answer"


def test_the_other_checks_say_when_nothing_listens() -> None:
    port = _free_port()
    assert health.grpc_problem(str(port)) == f"code location on port {port}: UNAVAILABLE"
    assert "refused" in (health.http_problem(f"http://127.0.0.1:{port}/server_info") or "")
