"""The outside world: one folder or module per thing outside, each satisfying a Protocol of ``alm_core``."""
