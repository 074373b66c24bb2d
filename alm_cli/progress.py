"""The terminal and its progress bars, on stderr so that ``--json`` owns stdout."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def terminal(*, stderr: bool = True) -> Console:
    """Return the console; wide where nobody's window limits it, so that tables and addresses are not cut."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 170)


def bars(console: Console) -> Progress:
    """Return bars with count and elapsed time; plain lines where there is no terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
