"""Versions that every plan carries, so that it can be explained and reproduced."""

import hashlib
from functools import cache
from importlib.metadata import version

from alm_resources.settings import Settings


@cache
def code_version() -> str:
    """Return the version of the installed package."""
    return version("light-alm")


def config_version(settings: Settings) -> str:
    """Return a short hash over strategy and limits; it changes when any of their values does."""
    return hashlib.sha256(repr((settings.strategy, settings.limits)).encode()).hexdigest()[:12]
