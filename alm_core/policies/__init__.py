"""Policies: pure functions from market and portfolio to a decision. ``default`` is ours; ``seed`` is the reference."""

from alm_core.policies.policy import Policy, policy_named

__all__ = ["Policy", "policy_named"]
