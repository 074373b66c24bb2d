"""Resources of a backtest: recorded history in, a history of its own out. No signer, no RPC, no journal, no alerts."""

import os
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.io import HistoryIOManager
from alm_assets.ports import Executor, History, Snapshots
from alm_core.model.ports import CandleFeed
from alm_resources.settings import Settings

if TYPE_CHECKING:
    from alm_resources.history import HistoryStore

BACKTEST_FOLDER = "backtest-history"


def settings_from_env() -> Settings:
    """Return the settings of this process in mode ``backtest``, whatever ``ALM_MODE`` says."""
    return Settings.from_env({**os.environ, "ALM_MODE": "backtest"})


def recorded() -> "HistoryStore":
    """Return the history that was recorded live; a backtest only reads it."""
    from alm_resources.history import HistoryStore

    return HistoryStore(settings_from_env().history_dir)


def simulated() -> "HistoryStore":
    """Return the history that backtests write."""
    from alm_resources.history import HistoryStore

    return HistoryStore(settings_from_env().home / BACKTEST_FOLDER)


class BacktestSettings(dg.ConfigurableResource[Settings]):
    """Settings of the environment, in mode ``backtest``."""

    def create_resource(self, context: dg.InitResourceContext) -> Settings:
        """Read the environment."""
        return settings_from_env()


class RecordedCandlesResource(dg.ConfigurableResource[CandleFeed]):
    """Recorded candles."""

    def create_resource(self, context: dg.InitResourceContext) -> CandleFeed:
        """Open the recorded history."""
        from alm_resources.history.recorded import RecordedCandleFeed

        return RecordedCandleFeed(recorded())


class RecordedSnapshotsResource(dg.ConfigurableResource[Snapshots]):
    """Recorded snapshots."""

    def create_resource(self, context: dg.InitResourceContext) -> Snapshots:
        """Open the recorded history."""
        from alm_resources.history.recorded import RecordedSnapshots

        return RecordedSnapshots(recorded())


class RecordingExecutorResource(dg.ConfigurableResource[Executor]):
    """Records planned moves."""

    def create_resource(self, context: dg.InitResourceContext) -> Executor:
        """Build the recorder."""
        from alm_resources.history.recorded import RecordingExecutor

        return RecordingExecutor()


class BacktestHistory(dg.ConfigurableResource[History]):
    """What backtests have written."""

    def create_resource(self, context: dg.InitResourceContext) -> History:
        """Open the backtests' own history."""
        return simulated()


class BacktestIO(dg.ConfigurableIOManagerFactory[HistoryIOManager]):
    """IO manager over the backtests' own history."""

    def create_io_manager(self, context: dg.InitResourceContext) -> HistoryIOManager:
        """Open the backtests' own history."""
        return HistoryIOManager(simulated())
