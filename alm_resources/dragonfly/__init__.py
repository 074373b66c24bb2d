"""Hot state on the redis protocol: DragonflyDB, or a redis-server of our own."""

from alm_resources.dragonfly.budget import SharedBudget, SharedWindow
from alm_resources.dragonfly.hot_state import HotState
from alm_resources.dragonfly.leases import WalletLeases
from alm_resources.dragonfly.values import Halt, Lease, Regime

__all__ = ["Halt", "HotState", "Lease", "Regime", "SharedBudget", "SharedWindow", "WalletLeases"]
