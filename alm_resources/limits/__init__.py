"""Limits in force: what the file says, as far as it may be believed already."""

from alm_resources.limits.in_force import InForce, LimitBook, Pending

__all__ = ["InForce", "LimitBook", "Pending"]
