"""Policies: pure functions from market and portfolio to a decision. ``default`` is ours; ``seed`` is the reference."""
