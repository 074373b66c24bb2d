import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from alm_tests.docker.deployment import DOCKER, read_yaml

COMPOSE = read_yaml("compose.yaml")
LIVE = read_yaml("compose.live.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("webserver", "daemon", "alm_live", "alm_backtest")
SCHEMA = json.loads((Path(__file__).parent / "schema" / "compose-spec.json").read_text())

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def networks_of(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


def text_of(value: object) -> str:
    return json.dumps(value)


@pytest.mark.parametrize("document", [COMPOSE, LIVE], ids=["compose", "live"])
def test_compose_files_satisfy_the_compose_specification(document: dict[str, Any]) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(document)]
    assert errors == []


def test_the_schema_refuses_a_misspelt_key() -> None:
    broken = COMPOSE | {"services": {"webserver": SERVICES["webserver"] | {"read_onyl": True}}}
    assert not Draft202012Validator(SCHEMA).is_valid(broken)


def test_the_services_of_the_deployment_are_all_there() -> None:
    assert set(SERVICES) == {*OURS, "postgres", "dragonfly", "openobserve"}


@every_service
def test_every_published_port_is_bound_to_loopback(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].get("network_mode") is None


def test_only_the_two_web_pages_are_published() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"webserver", "openobserve"}


@every_service
def test_every_service_runs_as_a_numbered_user_that_is_not_root(name: str) -> None:
    uid, gid = SERVICES[name]["user"].split(":")
    assert int(uid) > 0
    assert int(gid) > 0


@every_service
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert not service.get("privileged", False)
    assert "mem_limit" in service
    assert "pids_limit" in service
    assert service["restart"] == "unless-stopped"


@every_service
def test_every_service_has_a_health_check_of_its_own(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@every_service
def test_every_image_has_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert tag not in {"", "latest"}


@every_service
def test_a_service_waits_for_what_it_depends_on(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert needed in SERVICES
        # A broken backtest must not stop the live location; everything else is waited for until it works.
        assert how["condition"] == ("service_started" if needed == "alm_backtest" else "service_healthy")


@every_service
def test_nothing_mounts_the_docker_socket_or_a_host_folder_but_the_keystores(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if isinstance(volume, dict):
            assert (volume["source"], volume["read_only"], name) == ("./secrets/keystore", True, "alm_live")
        else:
            assert volume.split(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("document", [COMPOSE, LIVE], ids=["compose", "live"])
def test_secrets_are_files_and_no_variable_carries_one(document: dict[str, Any]) -> None:
    assert all(set(secret) == {"file"} for secret in document["secrets"].values())
    for service in document["services"].values():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY(?!STORE)", variable):
                assert variable.endswith("_FILE")
                assert str(value).startswith("/run/")
            assert not re.search(r"://[^/]*:[^/]*@", str(value))


def test_paper_is_the_default_and_live_is_never_written_down() -> None:
    environment = SERVICES["alm_live"]["environment"]
    assert environment["ALM_MODE"] == "${ALM_MODE:-paper}"
    assert environment["ALM_LIVE"] == "${ALM_LIVE:-}"
    assert SERVICES["alm_backtest"]["environment"]["ALM_MODE"] == "backtest"
    example = (DOCKER / "example.env").read_text().splitlines()
    assert "ALM_MODE=paper" in example
    assert "ALM_LIVE=" in example


def test_the_keystore_password_is_only_in_the_live_file_and_only_for_the_live_location() -> None:
    assert "keystore_password" not in COMPOSE["secrets"]
    assert LIVE["services"] == {"alm_live": {"secrets": ["keystore_password"]}}


def test_the_backtest_has_no_signer_no_live_journal_no_hot_state_and_no_way_out() -> None:
    backtest = SERVICES["alm_backtest"]
    assert backtest["secrets"] == ["postgres_password"]
    assert networks_of("alm_backtest") == {"control"}
    assert COMPOSE["networks"]["control"]["internal"] is True
    assert "keystore" not in text_of(backtest)
    assert "journal" not in text_of(backtest)
    assert "history:/var/lib/alm/history:ro" in backtest["volumes"]
    assert not {"state", "journal"} & {str(volume).split(":")[0] for volume in backtest["volumes"]}


def test_databases_are_on_internal_networks_only() -> None:
    for name in ("postgres", "dragonfly"):
        assert all(COMPOSE["networks"][network]["internal"] for network in networks_of(name))
    assert {name for name in SERVICES if "egress" in networks_of(name)} == {"alm_live"}


def test_journal_history_and_database_live_on_named_volumes() -> None:
    live = SERVICES["alm_live"]
    assert {"journal:/var/lib/alm/journal", "history:/var/lib/alm/history"} <= {str(v) for v in live["volumes"]}
    assert live["environment"]["ALM_JOURNAL_URL"].startswith("sqlite:////var/lib/alm/journal/")
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]


def test_dragonfly_keeps_its_keys_and_asks_for_a_password() -> None:
    dragonfly = SERVICES["dragonfly"]
    script = dragonfly["command"][0]
    for flag in ("--cache_mode=false", "--snapshot_cron=", "--proactor_threads=", "--maxmemory=", "--dir=/data"):
        assert flag in script
    assert "--requirepass" not in script  # an argument is readable by every user of the host
    assert "export DFLY_requirepass" in script
    assert dragonfly["ulimits"]["memlock"] == -1


def test_openobserve_does_not_phone_home_and_takes_late_events() -> None:
    environment = SERVICES["openobserve"]["environment"]
    assert environment["ZO_TELEMETRY"] == "false"
    assert int(environment["ZO_INGEST_ALLOWED_UPTO"]) >= 720


def test_the_workspace_names_both_code_locations_where_compose_serves_them() -> None:
    servers = [entry["grpc_server"] for entry in read_yaml("workspace.yaml")["load_from"]]
    assert [server["location_name"] for server in servers] == ["alm_live", "alm_backtest"]
    for server in servers:
        command = SERVICES[server["host"]]["command"]
        assert command[command.index("-p") + 1] == str(server["port"])
        assert command[command.index("-m") + 1] == f"alm_assets.definitions_{server['host'].removeprefix('alm_')}"
        assert command[command.index("-a") + 1] == "defs"


def test_docker_compose_itself_accepts_the_files(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if not docker or not plugin or plugin.returncode != 0:
        pytest.skip("the docker compose plugin is not installed; the schema test above stands in for it")
    files = ["-f", str(DOCKER / "compose.yaml"), "-f", str(DOCKER / "compose.live.yaml")]
    result = subprocess.run(
        [docker, "compose", *files, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", str(tmp_path))}
        | {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")},
    )
    assert result.returncode == 0, result.stderr
    resolved = json.loads(result.stdout)["services"]
    assert all(port["host_ip"] == "127.0.0.1" for service in resolved.values() for port in service.get("ports", []))
    assert resolved["alm_live"]["environment"]["ALM_MODE"] == "paper"
    assert "keystore_password" in {secret["source"] for secret in resolved["alm_live"]["secrets"]}
