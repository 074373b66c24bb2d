"""What the assets ask of their resources, beyond the ports of the core. Satisfied structurally."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.transactions import ExecutionReport

if TYPE_CHECKING:
    from alm_core.execution.books_check import BooksVerdict

T = TypeVar("T")


class StoredByEpoch(Protocol):
    """A value that says its pair and epoch."""

    @property
    def pair(self) -> str: ...

    @property
    def epoch_at(self) -> datetime: ...


class History(Protocol):
    """Recorded history (:class:`alm_resources.history.HistoryStore`)."""

    def write_candles(self, pair: str, series: CandleSeries) -> int: ...

    def read_candles(self, pair: str, start_at: datetime, end_at: datetime) -> CandleSeries: ...

    def write_epoch(self, asset: str, value: StoredByEpoch) -> None: ...

    def write_epoch_once(self, asset: str, value: StoredByEpoch) -> bool: ...

    def read_epoch(self, asset: str, kind: type[T], pair: str, epoch_at: datetime) -> T | None: ...

    def read_epochs(
        self, asset: str, kind: type[T], pair: str, start_at: datetime, end_at: datetime
    ) -> tuple[T, ...]: ...

    def read_payload(self, asset: str, pair: str, epoch_at: datetime) -> str | None: ...

    def read_payloads(
        self, asset: str, pair: str, start_at: datetime, end_at: datetime
    ) -> tuple[tuple[datetime, str], ...]: ...

    def read_latest(
        self, asset: str, kind: type[T], pair: str, before_at: datetime, within: timedelta = ...
    ) -> T | None: ...

    def read_epoch_times(self, asset: str, pair: str, start_at: datetime, end_at: datetime) -> tuple[datetime, ...]: ...


class PastSnapshots(Protocol):
    """Pools as they were (:class:`alm_resources.history.archive.ArchiveSnapshots`)."""

    def read_past_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        """Read what can still be read of an epoch that is over: pools at the last block before it, nothing else.

        Raises
        ------
        SourceUnavailable
            If a chain does not answer or does not keep the state of that time.
        """
        ...


class Snapshots(PastSnapshots, Protocol):
    """Pools, chains and our holdings at one pinned block per chain."""

    def read_snapshot(self, epoch: Epoch) -> MarketSnapshot: ...


class Executor(Protocol):
    """Carries plans out, or records what would have been done. Executing a plan again finds what was done."""

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport: ...


@runtime_checkable
class KeepsBooks(Protocol):
    """What an executor has besides that signs: books, which must equal the chain."""

    def check_books(self, pair: str) -> "tuple[BooksVerdict, ...]":
        """Prove the books of a pair's wallet on every chain; halt those where they differ. Nothing in other modes."""
        ...


class Alerts(Protocol):
    """Tells a person. ``key`` marks repetitions of one alert."""

    def send(self, title: str, body: str, *, key: str) -> object: ...
