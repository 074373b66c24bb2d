"""Resources: each builds one part of the world from the environment, when a run starts.

Settings are read in ``create_resource``, never at import. One world serves all runs of a process.
"""

import os
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.io import HistoryIOManager
from alm_assets.ports import Alerts, Executor, History, PastSnapshots, Snapshots
from alm_core.model.accounts import MovementsBetween
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.ports import CandleFeed
from alm_core.model.transactions import ExecutionReport
from alm_resources.settings import Settings
from alm_resources.world import World, build_world

if TYPE_CHECKING:
    from alm_core.execution.books_check import BooksVerdict


@lru_cache(maxsize=4)
def _world(settings: Settings) -> World:
    return build_world(settings)


def world_from_env() -> World:
    """Return the world of this process's environment."""
    return _world(Settings.from_env(os.environ))


class WalletSnapshots:
    """Snapshots that hold what the pair's own wallet owns."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        """Read all chains of a pair at one pinned block each."""
        return self._world.snapshots.read_snapshot(epoch, self._world.wallet_of(epoch.pair))

    def read_past_snapshot(self, epoch: Epoch) -> MarketSnapshot:
        """Read the pools of a pair at the last block before an epoch that is over."""
        return self._archive.read_past_snapshot(epoch)

    @cached_property
    def _archive(self) -> PastSnapshots:
        from alm_resources.history.archive import archive_of

        return archive_of(self._world.registry, self._world.chains)


class PairExecutor:
    """Gives every plan to the executor of its pair."""

    def __init__(self, world: World) -> None:
        self._world = world

    def execute(self, plan: AllocationPlan, snapshot: MarketSnapshot) -> ExecutionReport:
        """Carry a plan out, or resume it."""
        return self._world.executor_for(plan.pair).execute(plan, snapshot)

    def check_books(self, pair: str) -> "tuple[BooksVerdict, ...]":
        """Prove the books of a pair's wallet; a mode that never signs has none."""
        return self._world.check_books(pair)

    def movements_between(self, before: MarketSnapshot, now: MarketSnapshot) -> MovementsBetween:
        """What the ledger has between two snapshots; a mode that never signs has none."""
        if not self._world.settings.signs:
            return MovementsBetween(pair=now.pair, from_at=before.epoch_at, to_at=now.epoch_at, movements=())
        from alm_resources.journal.movements import movements_between

        return movements_between(self._world.journal, before, now)


class SettingsResource(dg.ConfigurableResource[Settings]):
    """Settings of the environment."""

    def create_resource(self, context: dg.InitResourceContext) -> Settings:
        """Read the environment."""
        return Settings.from_env(os.environ)


class CandleFeedResource(dg.ConfigurableResource[CandleFeed]):
    """Exchanges."""

    def create_resource(self, context: dg.InitResourceContext) -> CandleFeed:
        """Build the feed."""
        return world_from_env().candle_feed


class SnapshotsResource(dg.ConfigurableResource[Snapshots]):
    """Chains and market data services."""

    def create_resource(self, context: dg.InitResourceContext) -> Snapshots:
        """Build the reader; nothing is connected before it reads."""
        return WalletSnapshots(world_from_env())


class ExecutorResource(dg.ConfigurableResource[Executor]):
    """What carries plans out in the mode of the environment."""

    def create_resource(self, context: dg.InitResourceContext) -> Executor:
        """Build the executor; no key is touched before it executes."""
        return PairExecutor(world_from_env())


class HistoryResource(dg.ConfigurableResource[History]):
    """Recorded history."""

    def create_resource(self, context: dg.InitResourceContext) -> History:
        """Open the history."""
        return world_from_env().history


class AlertsResource(dg.ConfigurableResource[Alerts]):
    """The configured alert channel."""

    def create_resource(self, context: dg.InitResourceContext) -> Alerts:
        """Build the channel."""
        return world_from_env().alerts


class HistoryIO(dg.ConfigurableIOManagerFactory[HistoryIOManager]):
    """IO manager over the recorded history."""

    def create_io_manager(self, context: dg.InitResourceContext) -> HistoryIOManager:
        """Open the history."""
        return HistoryIOManager(world_from_env().history)
