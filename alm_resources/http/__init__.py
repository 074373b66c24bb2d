"""JSON over HTTP: one request, no hidden retry, bounded in time and size; waits shared by all callers of a source."""

from alm_resources.http.get import HttpAnswer, JsonHttp
from alm_resources.http.limits import CallBudget, Cooldowns, LocalCooldowns, SlidingWindow, TokenBucket
from alm_resources.http.paced import PacedHttp
from alm_resources.http.pool_figures import PoolFigures, foreign_tokens, usable
from alm_resources.http.sightings import LocalSightings, Sightings, dated

__all__ = [
    "CallBudget",
    "Cooldowns",
    "HttpAnswer",
    "JsonHttp",
    "LocalCooldowns",
    "LocalSightings",
    "PacedHttp",
    "PoolFigures",
    "Sightings",
    "SlidingWindow",
    "TokenBucket",
    "dated",
    "foreign_tokens",
    "usable",
]
