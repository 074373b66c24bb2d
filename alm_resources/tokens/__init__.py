"""What a token must not be before money goes into a pool of it."""

from alm_resources.tokens.native import native_refusal
from alm_resources.tokens.screen import TokenUse, refusals, uses_in

__all__ = ["TokenUse", "native_refusal", "refusals", "uses_in"]
