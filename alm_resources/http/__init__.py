"""JSON over HTTP: one request, no hidden retry, bounded in time and size; waits shared by all callers of a source."""

from alm_resources.http.get import HttpAnswer, JsonHttp
from alm_resources.http.limits import CallBudget, Cooldowns, LocalCooldowns, TokenBucket

__all__ = ["CallBudget", "Cooldowns", "HttpAnswer", "JsonHttp", "LocalCooldowns", "TokenBucket"]
