"""Where values of assets go and come from: the history, by pair and epoch. Nothing is pickled."""

from datetime import timedelta
from typing import Any

import dagster as dg

from alm_assets.epochs import epoch_of_run
from alm_assets.partitions import LOOK_BACK_DAYS
from alm_assets.ports import History, StoredByEpoch
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput

LOOK_BACK = timedelta(days=LOOK_BACK_DAYS)


class HistoryIOManager(dg.IOManager):
    """Stores an asset's value under its epoch and loads an input of the run's epoch.

    Candles are stored by minute; as an input they are the look-back of the epoch.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def handle_output(self, context: dg.OutputContext, obj: CandleSeries | StoredByEpoch) -> None:
        """Store a value."""
        if isinstance(obj, CandleSeries):
            self._history.write_candles(_output_pair(context), obj)
        else:
            self._history.write_epoch(context.asset_key.path[-1], obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the value of an upstream asset at the run's epoch.

        Raises
        ------
        InvalidInput
            If the upstream asset has no value at that epoch.
        """
        epoch = _input_epoch(context, self._history)
        kind = context.dagster_type.typing_type
        if kind is CandleSeries:
            return self._history.read_candles(epoch.pair, epoch.epoch_at - LOOK_BACK, epoch.epoch_at)
        asset = context.asset_key.path[-1]
        value = self._history.read_epoch(asset, kind, epoch.pair, epoch.epoch_at)
        if value is None:
            raise InvalidInput(f"{asset} has no value for {epoch.epoch_id}; materialize it with the same {asset} epoch")
        return value


def _output_pair(context: dg.OutputContext) -> str:
    return context.partition_key.partition("|")[2]


def _input_epoch(context: dg.InputContext, history: History) -> Epoch:
    step = context.step_context
    return epoch_of_run(step.dagster_run, step.partition_key, step.instance, history)
