"""A piece of work in a forked process that is killed with SIGKILL: no handler, no cleanup, no flush."""

import os
import signal
import time
import warnings
from collections.abc import Callable


def kill_myself() -> None:
    """Die on the spot."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop_myself() -> None:
    """Stand still until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def forked(work: Callable[[], None]) -> int:
    """Run ``work`` in a child and return its id; an ordinary failure makes it exit with 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork beside threads
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            os.write(2, f"child failed: {type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    return child


def wait_until_stopped(child: int) -> None:
    """Wait until a child has stopped itself."""
    _, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"the child ended with {status} before it stopped"


def wait_for_end(child: int) -> None:
    """Wait for a child that must end in order."""
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), status
    assert os.WEXITSTATUS(status) == 0, "the child failed"


def run_killed(work: Callable[[], None], *, after_s: float | None = None) -> bool:
    """Run ``work`` in a child that may kill itself, or is killed after a delay; True if it was killed.

    An ordinary failure of the work fails the test: only death and success are expected.
    """
    child = forked(work)
    if after_s is not None:
        time.sleep(after_s)  # the moment of death is what is being tested
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed before it was killed"
    return False
