"""The record of what an epoch was decided from, and those inputs as the record says they were.

Belongs here: making the record once, and comparing history with it. Does not: deciding (:mod:`alm_assets.decisions`).
Nothing of Dagster is imported, so that ``alm replay`` computes without it.
"""

import hashlib
from functools import cached_property
from typing import TypeVar

from alm_assets.past import last_rebalance, recent_epochs, snapshot_from
from alm_assets.ports import History
from alm_assets.versions import code_version, config_version
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.inputs import (
    LOOK_BACK,
    EpochDigest,
    EpochInputs,
    candle_difference,
    candle_inputs,
    without_minutes,
)
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import OptimizedRange
from alm_resources.settings import Settings

T = TypeVar("T")

EPOCH_INPUTS = "epoch_inputs"
SNAPSHOTS = "pool_snapshots"
RANGES = "optimized_ranges"


class InputsChanged(HistoryCorrupted):
    """History does not hold any more what an epoch was decided from; names the first thing that differs."""


def inputs_of(epoch: Epoch, history: History, settings: Settings) -> "DecisionInputs":
    """Return what an epoch is decided from; the first call of an epoch records it.

    Raises
    ------
    InvalidInput
        If there is no record yet and no snapshot to record.
    """
    recorded = find_inputs(epoch, history)
    if recorded is not None:
        return recorded
    history.write_epoch_once(EPOCH_INPUTS, recorded_inputs(epoch, history, settings))
    # Read back: another process may have recorded first.
    recorded = find_inputs(epoch, history)
    if recorded is None:
        raise HistoryCorrupted(f"{EPOCH_INPUTS} of {epoch.epoch_id} is gone right after it was written")
    return recorded


def find_inputs(epoch: Epoch, history: History) -> "DecisionInputs | None":
    """Return what an epoch was decided from by its record, ``None`` if it has none."""
    payload = history.read_payload(EPOCH_INPUTS, epoch.pair, epoch.epoch_at)
    if payload is None:
        return None
    record = _value(EpochInputs, payload, f"{EPOCH_INPUTS} of {epoch.epoch_id}")
    return DecisionInputs(record, payload_sha256(payload), history)


def recorded_inputs(epoch: Epoch, history: History, settings: Settings) -> EpochInputs:
    """Return the record of an epoch over what history and settings hold now.

    Raises
    ------
    InvalidInput
        If the epoch has no snapshot.
    """
    pair, at, strategy = epoch.pair, epoch.epoch_at, settings.strategy
    snapshot = history.read_payload(SNAPSHOTS, pair, at)
    if snapshot is None:
        raise InvalidInput(f"{SNAPSHOTS} has no value for {epoch.epoch_id}; materialize it with the same epoch")
    past = history.read_payloads(SNAPSHOTS, pair, at - strategy.yield_window_epochs * EPOCH_LENGTH, at)
    return EpochInputs(
        pair=pair,
        epoch_at=at,
        candles=candle_inputs(history.read_candles(pair, at - LOOK_BACK, at), at - LOOK_BACK, at),
        snapshot_sha256=payload_sha256(snapshot),
        past_snapshots=tuple(EpochDigest(epoch_at=then, sha256=payload_sha256(payload)) for then, payload in past),
        previous_range=_previous_range(epoch, history),
        last_rebalance_at=last_rebalance(epoch, history, strategy.min_hold),
        strategy=strategy,
        limits=settings.limits,
        code_version=code_version(),
        config_version=config_version(settings),
        recent=recent_epochs(epoch, history),
    )


class DecisionInputs:
    """Inputs of an epoch's decision. Each is compared with the record when it is first looked at.

    Parameters
    ----------
    record, sha256
        The record and the hash of its stored form.
    history
        Where the inputs are.

    Raises
    ------
    InputsChanged
        On looking at an input that is not stored as it was.
    """

    def __init__(self, record: EpochInputs, sha256: str, history: History) -> None:
        self.record = record
        self.sha256 = sha256
        self.epoch = Epoch(pair=record.pair, epoch_at=record.epoch_at)
        self._history = history

    @cached_property
    def candles(self) -> CandleSeries:
        """Minutes of the look-back that were there; those a backfill added since are left out."""
        then = self.record.candles
        stored = self._history.read_candles(self.epoch.pair, then.start_at, then.end_at)
        series = without_minutes(stored, then.gaps)
        difference = candle_difference(then, candle_inputs(series, then.start_at, then.end_at))
        if difference:
            raise self._changed(f"candles: {difference}")
        return series

    @cached_property
    def snapshot(self) -> MarketSnapshot:
        """Snapshot of the epoch."""
        recorded = EpochDigest(epoch_at=self.epoch.epoch_at, sha256=self.record.snapshot_sha256)
        payload = self._history.read_payload(SNAPSHOTS, self.epoch.pair, self.epoch.epoch_at)
        return snapshot_from(self._checked(SNAPSHOTS, recorded, payload))

    @cached_property
    def past_snapshots(self) -> tuple[MarketSnapshot, ...]:
        """Snapshots that yields were measured over, oldest first."""
        recorded = self.record.past_snapshots
        if not recorded:
            return ()
        window = self.epoch.pair, recorded[0].epoch_at, self.epoch.epoch_at
        stored = dict(self._history.read_payloads(SNAPSHOTS, *window))
        return tuple(snapshot_from(self._checked(SNAPSHOTS, then, stored.get(then.epoch_at))) for then in recorded)

    @cached_property
    def past(self) -> PastEpochs:
        """What earlier epochs left behind."""
        record = self.record
        return PastEpochs(
            snapshots=self.past_snapshots, last_rebalance_at=record.last_rebalance_at, recent=record.recent
        )

    @cached_property
    def previous_range(self) -> OptimizedRange | None:
        """Range whose parameters were in force."""
        recorded = self.record.previous_range
        if recorded is None:
            return None
        payload = self._history.read_payload(RANGES, self.epoch.pair, recorded.epoch_at)
        where = f"{RANGES} at {recorded.epoch_at.isoformat()}"
        return _value(OptimizedRange, self._checked(RANGES, recorded, payload), where)

    def _checked(self, asset: str, recorded: EpochDigest, payload: str | None) -> str:
        if payload is None:
            raise self._changed(f"{asset} at {recorded.epoch_at.isoformat()} is not stored any more")
        found = payload_sha256(payload)
        if found != recorded.sha256:
            where = f"{asset} at {recorded.epoch_at.isoformat()}"
            raise self._changed(f"{where} has sha256 {found}, recorded is {recorded.sha256}")
        return payload

    def _changed(self, difference: str) -> InputsChanged:
        return InputsChanged(f"{self.epoch.epoch_id}: inputs differ from their record: {difference}")


def payload_sha256(payload: str) -> str:
    """Return the SHA-256 of a stored value, as hex."""
    return hashlib.sha256(payload.encode()).hexdigest()


def stored_sha256(*values: object) -> str:
    """Return the SHA-256 of values in their stored form, one per line, as hex; of one value that of its payload."""
    from alm_resources.history.payload import payload_of

    return payload_sha256("\n".join(payload_of(value) for value in values))


def _previous_range(epoch: Epoch, history: History) -> EpochDigest | None:
    found = history.read_latest(RANGES, OptimizedRange, epoch.pair, epoch.epoch_at)
    payload = None if found is None else history.read_payload(RANGES, epoch.pair, found.epoch_at)
    if found is None or payload is None:
        return None
    return EpochDigest(epoch_at=found.epoch_at, sha256=payload_sha256(payload))


def _value(kind: type[T], payload: str, where: str) -> T:
    # Polars comes with it: a code location that only lists its assets does without.
    from alm_resources.history.payload import value_from_payload

    return value_from_payload(kind, payload, where)
