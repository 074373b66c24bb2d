"""Rewards besides fees, one module per programme; off for a pool unless the registry names the programme's contract."""
