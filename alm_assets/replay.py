"""An epoch computed again from its recorded inputs, without Dagster, and compared byte for byte with what is stored."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from alm_assets.decisions import plan_from, range_from, signals_from
from alm_assets.ports import History, StoredByEpoch
from alm_assets.provenance import EPOCH_INPUTS, DecisionInputs, InputsChanged, find_inputs
from alm_assets.versions import code_version
from alm_core.model.epochs import Epoch
from alm_core.model.errors import AlmError, HistoryCorrupted

Verdict = Literal["identical", "different", "unknown"]
SHOWN = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetReplay:
    """One asset: ``equal``, ``different`` in a field, or ``unknown`` where nothing is stored to compare with."""

    asset: str
    state: Literal["equal", "different", "unknown"]
    field: str = ""
    stored: str = ""
    computed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReplay:
    """What came of an epoch; ``reason`` says why it could not be computed, where it could not."""

    pair: str
    epoch_at: datetime
    verdict: Verdict
    assets: tuple[AssetReplay, ...]
    reason: str = ""
    recorded_code: str = ""

    @property
    def other_code(self) -> bool:
        """Whether another version of the code decided the epoch."""
        return self.recorded_code not in ("", code_version())


def replay_epoch(epoch: Epoch, history: History) -> EpochReplay:
    """Compute forces, range and plan of an epoch from its record, and compare each with its stored form.

    Nothing is written. An epoch without a record, or one whose files cannot be read, is ``unknown``; inputs that are
    not stored as they were make it ``different``.
    """
    code = ""
    try:
        inputs = find_inputs(epoch, history)
        if inputs is None:
            reason = f"{EPOCH_INPUTS} has no record of {epoch.epoch_id}: what it was decided from is not known"
            return _outcome(epoch, "unknown", (), reason, code)
        code = inputs.record.code_version
        assets = tuple(_compared(epoch, history, asset, value) for asset, value in _computed(inputs))
    except InputsChanged as changed:
        return _outcome(epoch, "different", (), str(changed), code)
    except HistoryCorrupted as unreadable:
        return _outcome(epoch, "unknown", (), str(unreadable), code)
    except AlmError as error:
        return _outcome(epoch, "different", (), f"cannot be computed: {error}", code)
    return _outcome(epoch, _verdict(assets), assets, "", code)


def epochs_between(history: History, pair: str, start_at: datetime, end_at: datetime) -> list[Epoch]:
    """Return the epochs in ``[start_at, end_at)`` that have a record or a plan, oldest first."""
    known = {
        at for asset in (EPOCH_INPUTS, "allocations") for at in history.read_epoch_times(asset, pair, start_at, end_at)
    }
    return [Epoch(pair=pair, epoch_at=at) for at in sorted(known)]


def first_difference(stored: object, computed: object, path: str = "") -> tuple[str, str, str] | None:
    """Return path and both values of the first thing in which two JSON values differ, ``None`` if they do not.

    Examples
    --------
    >>> first_difference({"a": [1, 2]}, {"a": [1, 3]})
    ('a.1', '2', '3')
    """
    before, after = _parts(stored), _parts(computed)
    if before is not None and after is not None and type(stored) is type(computed):
        return _first_in(before, after, path)
    # 1 and 1.0 and True are equal to Python and are other bytes.
    if type(stored) is type(computed) and stored == computed:
        return None
    return path, _shown(stored), _shown(computed)


def _parts(value: object) -> dict[str, object] | None:
    """Return what a JSON object or array consists of, ``None`` of anything else."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if isinstance(value, list):
        return {str(number): item for number, item in enumerate(cast("list[object]", value))}
    return None


def _computed(inputs: DecisionInputs) -> Iterator[tuple[str, StoredByEpoch]]:
    signals = signals_from(inputs)
    yield "force_signals", signals
    optimized = range_from(inputs, signals)
    yield "optimized_ranges", optimized
    yield "allocations", plan_from(inputs, signals, optimized)


def _compared(epoch: Epoch, history: History, asset: str, value: StoredByEpoch) -> AssetReplay:
    from alm_resources.history.payload import payload_of

    stored, computed = history.read_payload(asset, epoch.pair, epoch.epoch_at), payload_of(value)
    if stored is None:
        return AssetReplay(asset=asset, state="unknown")
    if stored.encode() == computed.encode():
        return AssetReplay(asset=asset, state="equal")
    field, before, after = first_difference(_parsed(stored), json.loads(computed)) or (
        "(form of the text)",
        _shown(stored),
        _shown(computed),
    )
    return AssetReplay(asset=asset, state="different", field=field, stored=before, computed=after)


def _parsed(stored: str) -> object:
    try:
        return json.loads(stored)
    except ValueError:
        return stored


def _verdict(assets: tuple[AssetReplay, ...]) -> Verdict:
    states = {asset.state for asset in assets}
    if "different" in states:
        return "different"
    return "unknown" if "unknown" in states else "identical"


def _outcome(epoch: Epoch, verdict: Verdict, assets: tuple[AssetReplay, ...], reason: str, code: str) -> EpochReplay:
    return EpochReplay(
        pair=epoch.pair, epoch_at=epoch.epoch_at, verdict=verdict, assets=assets, reason=reason, recorded_code=code
    )


def _first_in(stored: dict[str, object], computed: dict[str, object], path: str) -> tuple[str, str, str] | None:
    for key in dict.fromkeys((*stored, *computed)):
        inner = f"{path}.{key}" if path else key
        if key not in stored or key not in computed:
            return inner, _shown_or_absent(stored, key), _shown_or_absent(computed, key)
        found = first_difference(stored[key], computed[key], inner)
        if found is not None:
            return found
    return None


def _shown_or_absent(values: dict[str, object], key: str) -> str:
    return _shown(values[key]) if key in values else "absent"


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
