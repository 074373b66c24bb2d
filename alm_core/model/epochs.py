"""Epochs: a pair and a quarter hour (UTC, aligned). The only notion of time the core knows is ``epoch_at``."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alm_core.model.errors import InvalidInput

EPOCH_LENGTH = timedelta(minutes=15)
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
"""What caps and breakers look back on."""
EPOCHS_PER_DAY = 96
EPOCHS_PER_YEAR = 365.25 * EPOCHS_PER_DAY
SECONDS_PER_YEAR = 31_557_600


def floor_to_epoch(moment: datetime) -> datetime:
    """Return the latest epoch boundary at or before an aware moment.

    Examples
    --------
    >>> floor_to_epoch(datetime(2026, 11, 22, 10, 44, 59, tzinfo=UTC)).isoformat()
    '2026-11-22T10:30:00+00:00'
    """
    if moment.tzinfo is None:
        raise InvalidInput(f"epoch time {moment.isoformat()} has no time zone; give an aware UTC time")
    utc = moment.astimezone(UTC)
    return utc.replace(minute=utc.minute - utc.minute % 15, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pair at one quarter hour.

    Raises
    ------
    InvalidInput
        If ``epoch_at`` is not an aware, aligned quarter hour.
    """

    pair: str
    epoch_at: datetime

    def __post_init__(self) -> None:
        if floor_to_epoch(self.epoch_at) != self.epoch_at:
            raise InvalidInput(f"epoch_at {self.epoch_at.isoformat()} is not a quarter hour")

    @property
    def day(self) -> str:
        """UTC day of the partition that holds this epoch, ``YYYY-MM-DD``."""
        return self.epoch_at.astimezone(UTC).strftime("%Y-%m-%d")

    @property
    def epoch_id(self) -> str:
        """Stable id, for example ``WETH-USDC@2026-11-22T10:30:00Z``; the run key and part of every intent key."""
        return f"{self.pair}@{self.epoch_at.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"
