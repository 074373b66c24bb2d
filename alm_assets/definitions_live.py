"""Code location ``alm_live``: the assets over the world that ``ALM_MODE`` names (demo, paper or live)."""

import dagster as dg

from alm_assets import execution, market, shadow, strategy
from alm_assets.freshness import epochs_fresh
from alm_assets.jobs import freshness, rebalance
from alm_assets.resources import (
    AlertsResource,
    CandleFeedResource,
    ExecutorResource,
    HistoryIO,
    HistoryResource,
    SettingsResource,
    SnapshotsResource,
)
from alm_assets.retention import daily_retention, retention
from alm_assets.schedules import freshness_checks, quarter_hours
from alm_assets.sensors import failed_epochs, failed_transactions, troubled_epochs

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(  # pyright: ignore[reportUnknownMemberType] - AutomationCondition in it
        [market, strategy, shadow, execution]
    ),
    asset_checks=[epochs_fresh],
    jobs=[rebalance, freshness, retention],
    schedules=[quarter_hours, freshness_checks, daily_retention],
    sensors=[failed_epochs, failed_transactions, troubled_epochs],
    executor=dg.in_process_executor,
    resources={
        "settings": SettingsResource(),
        "candle_feed": CandleFeedResource(),
        "snapshots": SnapshotsResource(),
        "executor": ExecutorResource(),
        "history": HistoryResource(),
        "alerts": AlertsResource(),
        "io_manager": HistoryIO(),
    },
)
