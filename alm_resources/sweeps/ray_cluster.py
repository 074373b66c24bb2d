"""Ray engine: cells as tasks of a Ray cluster. Needs the extra ``ray``; nothing else does.

Every node needs this code, the same packages and the recorded history under the same path; a worker that has others
says so and computes nothing.
"""

import importlib
import os
import socket
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import urlsplit

from alm_core.model.errors import ConfigError
from alm_core.model.sweeps import CellOutcome
from alm_resources.sweeps.compute import CellTask, computed, died

CONNECT_S = 10.0
PER_CPU = 2
"""Tasks handed to the cluster at once by CPU: the next one is there when one is done."""


class RayEngine:
    """Computes cells on a Ray cluster. An :class:`alm_resources.sweeps.compute.Engine`.

    Parameters
    ----------
    workers
        CPUs of the local cluster that is started where no address is given.
    address
        Of a running cluster, as ``RAY_ADDRESS`` has it.

    Raises
    ------
    ConfigError
        If Ray is not installed, or there is no cluster at the address.
    """

    name = "ray"

    def __init__(self, workers: int, address: str | None = None) -> None:
        self._workers = workers
        self._address = address
        self._ray = _installed_ray()

    def outcomes(self, tasks: Sequence[CellTask]) -> Generator[CellOutcome]:
        """Yield outcomes as they come. A task whose worker dies fails alone and is not tried again in this run."""
        if not tasks:
            return
        ray, waiting, running = self._ray, deque(tasks), dict[Any, CellTask]()
        self._connect()
        try:
            remote = ray.remote(num_cpus=1, max_retries=0)(computed)
            room = PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while waiting or running:
                while waiting and len(running) < room:
                    task = waiting.popleft()
                    running[remote.remote(task)] = task
                for done in ray.wait(list(running), num_returns=1)[0]:
                    yield _outcome(ray, done, running.pop(done))
        finally:
            ray.shutdown()

    def _connect(self) -> None:
        # Ray reports on its users to its makers unless told otherwise.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
        if self._address is None:
            options |= {"num_cpus": self._workers, "include_dashboard": False}
        else:
            _refuse_unreachable(self._address)
        try:
            self._ray.init(address=self._address or "local", **options)
        except (ConnectionError, OSError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            # Ray's message may hold a whole traceback; what was wrong is its last line.
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise ConfigError(f"RAY_ADDRESS={self._address or '(local)'}: no cluster: {lines[-1]:.300}") from error


def _refuse_unreachable(address: str) -> None:
    """Refuse an address at which nobody answers: Ray itself tries for minutes, over and over."""
    if address == "auto":
        return
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise ConfigError(f"RAY_ADDRESS={address}: no cluster: {error}") from error


def _outcome(ray: Any, done: Any, task: CellTask) -> CellOutcome:
    try:
        return ray.get(done)
    except ray.exceptions.RayError as error:
        return died(task, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")


def _installed_ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError(
            "--engine ray: Ray is not installed; install the extra: uv sync --extra ray, or pip install light-alm[ray]"
        ) from error
