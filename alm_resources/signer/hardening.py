"""What keeps a key out of files and other processes of the same user: no core dump, no ptrace, no /proc memory."""

import ctypes
import resource
import sys

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4


def seal_process() -> bool:
    """Forbid core dumps and reading this process' memory; whether the system could do both.

    Without ``prctl`` (other systems than Linux) only the size of core files is set to zero.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0)
    return libc.prctl(_PR_GET_DUMPABLE) == 0
