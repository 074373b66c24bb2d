"""Retries: reading assets are tried again where a source was unavailable, never where its answer was wrong."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from alm_core.model.errors import AlmError, SourceUnavailable

READING = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def retry_unavailable_only() -> Generator[None]:
    """Let a step be retried after ``SourceUnavailable``; any other error of ours fails it at once."""
    try:
        yield
    except SourceUnavailable:
        raise
    except AlmError as error:
        raise dg.Failure(description=f"{type(error).__name__}: {error}", allow_retries=False) from error
