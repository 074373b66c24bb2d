"""Alerts to people."""

from alm_resources.alerts.alerts import AppriseAlerts

__all__ = ["AppriseAlerts"]
