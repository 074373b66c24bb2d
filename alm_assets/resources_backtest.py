"""Resources of a backtest: recorded history in, backtests of a home out. No signer, no RPC, no journal, no alerts."""

import os
from datetime import date
from pathlib import Path

import dagster as dg

from alm_assets.backtest_runs import Backtests, backtests_from
from alm_assets.partitions import pair_and_day
from alm_core.model.backtest import BacktestSummary
from alm_core.model.errors import InvalidInput


class BacktestsResource(dg.ConfigurableResource[Backtests]):
    """Backtests over the recorded history of the environment's home."""

    def create_resource(self, context: dg.InitResourceContext) -> Backtests:
        """Read the environment."""
        return backtests_from(os.environ)


class SummaryIOManager(dg.IOManager):
    """Keeps the last summary of every pair and day as JSON."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def handle_output(self, context: dg.OutputContext, obj: BacktestSummary) -> None:
        """Store a summary."""
        from alm_resources.history.files import replace_file
        from alm_resources.history.payload import payload_of

        path = self._path(context.asset_key, context.partition_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, payload_of(obj).encode())

    def load_input(self, context: dg.InputContext) -> BacktestSummary:
        """Load the summary of a partition.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        from alm_resources.history.payload import value_from_payload

        path = self._path(context.asset_key, context.partition_key)
        if not path.exists():
            raise InvalidInput(f"{context.asset_key.path[-1]} has no value for {context.partition_key}")
        return value_from_payload(BacktestSummary, path.read_text(encoding="utf-8"), str(path))

    def _path(self, key: dg.AssetKey, partition: str) -> Path:
        from alm_resources.history.files import folder_of

        pair, day = pair_and_day(partition)
        return folder_of(self._root, key.path[-1], pair) / f"{date.fromisoformat(day).isoformat()}.json"


class ReportIO(dg.ConfigurableIOManagerFactory[SummaryIOManager]):
    """IO manager of the report's summaries."""

    def create_io_manager(self, context: dg.InitResourceContext) -> SummaryIOManager:
        """Read the environment."""
        return SummaryIOManager(backtests_from(os.environ).root)
