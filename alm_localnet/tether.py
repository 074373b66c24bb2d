"""Run a program that dies with its parent: ``python tether.py PARENT_PID PROGRAM ARGS...``.

A script of its own, because setting the death signal between fork and exec of a threaded process is not safe.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit("parent is gone")
    os.execv(program, [program, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
