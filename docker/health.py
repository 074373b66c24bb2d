#!/opt/alm/venv/bin/python
"""Health of one container: ``alm-health grpc PORT``, ``alm-health http URL`` or ``alm-health daemon``.

Dagster's own checks import all of Dagster (seconds of CPU each time); these import one client each.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

MAX_HEARTBEAT_AGE_S = 180
REQUIRED_DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING")


def grpc_problem(port: str) -> str | None:
    """Return what is wrong with the code location on this port, or None."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its methods are set at run time
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        try:
            status = stub.Check(request, timeout=4).status
        except grpc.RpcError as error:
            return f"code location on port {port}: {error.code().name}"
    return None if status == health_pb2.HealthCheckResponse.SERVING else f"code location on port {port} does not serve"


def http_problem(url: str) -> str | None:
    """Return what is wrong with the web page, or None."""
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=4) as response:  # noqa: S310 - the URL is written in the compose file
            return None if response.status == 200 else f"{url}: HTTP {response.status}"
    except (URLError, OSError) as error:
        return f"{url}: {error}"


def daemon_problem() -> str | None:
    """Return which part of the daemon has not reported for three minutes, or None."""
    import psycopg2

    try:
        connection = psycopg2.connect(
            host=os.environ["DAGSTER_PG_HOST"],
            port=os.environ["DAGSTER_PG_PORT"],
            user="dagster",
            dbname="dagster",
            connect_timeout=4,
        )
    except psycopg2.OperationalError:
        return "daemon: Dagster's database does not answer"
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select daemon_type, extract(epoch from now() at time zone 'utc' - timestamp) from daemon_heartbeats"
            )
            ages = {str(kind): float(age) for kind, age in cursor.fetchall()}
    except psycopg2.ProgrammingError:
        return "daemon: no heartbeat table yet"
    finally:
        connection.close()
    return stale_daemon(ages)


def stale_daemon(age_s: dict[str, float]) -> str | None:
    """Return the first required daemon whose heartbeat is missing or older than three minutes."""
    for kind in REQUIRED_DAEMONS:
        if kind not in age_s:
            return f"daemon: {kind} has never reported"
        if age_s[kind] > MAX_HEARTBEAT_AGE_S:
            return f"daemon: {kind} reported {age_s[kind]:.0f} s ago"
    return None


CHECKS: dict[str, Callable[..., str | None]] = {"grpc": grpc_problem, "http": http_problem, "daemon": daemon_problem}


def main(argv: list[str]) -> None:
    """Exit 0 if healthy, 1 with the reason on stderr otherwise."""
    if not argv or argv[0] not in CHECKS:
        raise SystemExit("usage: alm-health grpc PORT | http URL | daemon")
    if problem := CHECKS[argv[0]](*argv[1:]):
        raise SystemExit(problem)


if __name__ == "__main__":
    main(sys.argv[1:])
