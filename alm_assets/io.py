"""Where values of assets go and come from: the history, by pair and epoch. Nothing is pickled."""

from typing import Any

import dagster as dg

from alm_assets.epochs import READING_ASSET, epoch_of_run
from alm_assets.partitions import pair_and_day
from alm_assets.ports import History, StoredByEpoch
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput


class HistoryIOManager(dg.IOManager):
    """Stores an asset's value under its epoch and loads an input of the run's epoch.

    What was read of the market is kept: of candles only new minutes are stored, a snapshot only where there is none.
    Strategy assets take both from the record of their inputs (:mod:`alm_assets.provenance`).
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def handle_output(self, context: dg.OutputContext, obj: CandleSeries | StoredByEpoch) -> None:
        """Store a value."""
        asset = context.asset_key.path[-1]
        if isinstance(obj, CandleSeries):
            self._history.write_candles(pair_and_day(context.partition_key)[0], obj)
        elif asset == READING_ASSET:
            self._history.write_epoch_once(asset, obj)
        else:
            self._history.write_epoch(asset, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the value of an upstream asset at the run's epoch.

        Raises
        ------
        InvalidInput
            If the upstream asset has no value at that epoch.
        """
        epoch = _input_epoch(context, self._history)
        kind, asset = context.dagster_type.typing_type, context.asset_key.path[-1]
        value = self._history.read_epoch(asset, kind, epoch.pair, epoch.epoch_at)
        if value is None:
            raise InvalidInput(f"{asset} has no value for {epoch.epoch_id}; materialize it with the same {asset} epoch")
        return value


def _input_epoch(context: dg.InputContext, history: History) -> Epoch:
    step = context.step_context
    return epoch_of_run(step.dagster_run, step.partition_key, step.instance, history, step.job_def)
