"""Sweeps: backtests over pairs, policies, parameters and windows, and what may be concluded from them."""
