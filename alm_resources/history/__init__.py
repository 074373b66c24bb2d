"""Recorded history: Parquet, one file per asset, pair and UTC day. Schema: :mod:`alm_resources.history.store`."""

from alm_resources.history.store import HistoryStore

__all__ = ["HistoryStore"]
