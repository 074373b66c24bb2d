"""Backtests: the live decision code over recorded markets, with a simulated venue."""
