"""Dagster wiring: assets, checks, schedules, sensors. Computing is ``alm_core``, the outside ``alm_resources``."""
