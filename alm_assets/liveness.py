"""Runs whose process died: closed as failed, so that the UI tells the truth and their pool slot is free again.

Runs of the daemon are watched by Dagster's run monitoring. Those that a command ran in its own process are not, and a
slot held by one that was killed would keep every later epoch waiting.
"""

import os
import socket
from pathlib import Path

import dagster as dg

PROCESS_TAG = "alm/process"
_UNFINISHED = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def this_process() -> str:
    """Return a name of this process that no later one has: host, process id, start time."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def close_lost_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Close unfinished runs whose process on this host is gone; return them."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    # A re-execution inherits the tag, and runs elsewhere.
    lost = [run for run in unfinished if run.parent_run_id is None and _is_gone(run.tags.get(PROCESS_TAG))]
    for run in lost:
        instance.report_run_failed(run, "its process was killed")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return lost


def _is_gone(process: str | None) -> bool:
    if process is None:
        return False
    host, pid, started = process.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Start time of a process in clock ticks after boot; empty if there is none or the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return "alive" if not Path("/proc/self").exists() and _answers(pid) else ""
    return stat.rpartition(")")[2].split()[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
