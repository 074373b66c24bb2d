"""Dagster wiring: assets, checks, schedule and sensors. What is computed lives in ``alm_core``, what is outside in ``alm_resources``."""
