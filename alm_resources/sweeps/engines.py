"""Engines by name."""

import os
from typing import get_args

from alm_core.model.errors import ConfigError
from alm_resources.sweeps.compute import Engine, EngineName, InlineEngine


def engine_named(name: str, workers: int | None = None, ray_address: str | None = None) -> Engine:
    """Return an engine.

    Parameters
    ----------
    name
        ``inline`` (this process), ``local`` (processes of this machine) or ``ray``.
    workers
        Processes, or CPUs of the Ray cluster that is started where no address is given; ``None``: all of this machine.
    ray_address
        Of a running Ray cluster.

    Raises
    ------
    ConfigError
        If there is no such engine, or Ray is asked for and not installed.
    """
    processes = workers if workers is not None else len(os.sched_getaffinity(0))
    if processes < 1:
        raise ConfigError(f"workers = {processes}: must be at least 1")
    if name == "inline":
        return InlineEngine()
    if name == "local":
        from alm_resources.sweeps.local import LocalEngine

        return LocalEngine(processes)
    if name == "ray":
        from alm_resources.sweeps.ray_cluster import RayEngine

        return RayEngine(processes, ray_address)
    raise ConfigError(f"engine {name!r} is not known; there are: {', '.join(get_args(EngineName))}")
