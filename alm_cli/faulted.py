"""``alm demo --faults``: which sources were broken in each epoch, what the consensus made of it, how true it was."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from alm_core.model.candles import MinuteQuality, exchanges_of
from alm_core.model.epochs import EPOCH_LENGTH

if TYPE_CHECKING:
    from alm_localnet import Localnet
    from alm_localnet.market.truth import Deviation
    from alm_resources.world import World

MAX_ERROR_BPS = 2.0
LOOK_BACK = 30 * 96 * EPOCH_LENGTH


class FaultedSources:
    """Faults of a demo by epoch, and the account of them.

    Parameters
    ----------
    localnet
        Whose servers fail.
    seed
        Of the script.
    """

    def __init__(self, localnet: "Localnet", seed: int) -> None:
        from alm_localnet.fault_script import FaultScript

        self._localnet, self._script = localnet, FaultScript(seed)
        self._words = ""

    def switch_on(self, number: int) -> None:
        """Switch the faults of an epoch on; call it before the epoch's minutes are played."""
        from alm_localnet.fault_script import described

        faults = self._script.switch_on(self._localnet.faults, number, self._localnet.clock.minute)
        self._words = described(faults)

    def show_epoch(self, world: "World", epoch_at: datetime, console: Console) -> None:
        """Print which faults were on and what became of the minutes of the epoch."""
        told = [f"{pair_id}: {self._consensus(world, pair_id, epoch_at)}" for pair_id in world.settings.pairs]
        console.print(f"[dim]{epoch_at:%m-%d %H:%M}[/] [yellow]{self._words}[/] | " + "; ".join(told))

    def judge(self, world: "World", first: datetime, last: datetime) -> dict[str, "Deviation"]:
        """Clear the faults and compare what is stored, the month before the first epoch included, with the market."""
        from alm_localnet.market.truth import deviation

        self._localnet.faults.clear()
        found: dict[str, Deviation] = {}
        for pair_id in world.settings.pairs:
            series = world.history.read_candles(pair_id, first - LOOK_BACK, last)
            found[pair_id] = deviation(self._localnet.market, pair_id, series, first - LOOK_BACK, last)
        return found

    def _consensus(self, world: "World", pair_id: str, epoch_at: datetime) -> str:
        start_at = epoch_at - EPOCH_LENGTH
        series = world.history.read_candles(pair_id, start_at, epoch_at)
        expected = int(EPOCH_LENGTH.total_seconds()) // 60
        agreed = series.rows(np.flatnonzero(~series.filled))
        words = f"{len(agreed)}/{expected} min"
        if len(agreed) and agreed.quality is not None:
            words += f", {_sources(agreed.quality)}"
        return words


def true_enough(deviations: "dict[str, Deviation]") -> bool:
    """Whether every minute is absent, filled, or as near to the market as promised."""
    return all(found.largest_bps is None or found.largest_bps <= MAX_ERROR_BPS for found in deviations.values())


def show_deviations(deviations: "dict[str, Deviation]", console: Console) -> None:
    """Print the account of the whole run."""
    for pair_id, found in deviations.items():
        error = (
            "unknown" if found.largest_bps is None else f"{found.largest_bps:.2f} bp at {found.worst_at:%m-%d %H:%M}"
        )
        console.print(
            f"[bold]{pair_id}[/]: {found.minutes} minutes agreed on, largest error {error}; "
            f"{found.without_consensus} minutes without consensus"
        )
    if not true_enough(deviations):
        console.print(f"[red]not in order:[/] a stored close is more than {MAX_ERROR_BPS:g} bp from the market")


def summary_of_faults(deviations: "dict[str, Deviation]") -> dict[str, Any]:
    """Return the JSON object of ``alm demo --faults --json`` about prices."""
    return {
        pair_id: {
            "minutes": found.minutes,
            "largest_error_bps": found.largest_bps,
            "minutes_without_consensus": found.without_consensus,
        }
        for pair_id, found in deviations.items()
    }


def _sources(quality: MinuteQuality) -> str:
    used = [int(mask).bit_count() for mask in quality.used]
    left_out = int(np.bitwise_or.reduce(quality.vetoed))
    words = f"{min(used)} sources" if min(used) == max(used) else f"{min(used)}-{max(used)} sources"
    return words + (f", left out {'/'.join(exchanges_of(left_out))}" if left_out else "")
