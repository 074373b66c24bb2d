"""Dagster wiring: assets, checks, partitions, schedules, sensors and the two code locations."""
